"""What set-up may ask about ports."""

from __future__ import annotations

from maestro_tool.expr import nodes
from maestro_tool.symex.site import CallSite, Outcome


def rte_eth_dev_count_avail(site: CallSite) -> Outcome:
    """uint16_t rte_eth_dev_count_avail(void): the number of ports the analysis assumes."""
    return site.answer(site.machine.ports)


def rte_eth_macaddr_get(site: CallSite) -> Outcome:
    """int rte_eth_macaddr_get(uint16_t port, struct rte_ether_addr *): 02:00:00:00:00:<port>, as good as any."""
    data = bytes([2, 0, 0, 0, 0, site.number(0) & 0xFF])
    site.store(1, 6, nodes.const(int.from_bytes(data, "little"), 48))
    return site.answer(0)


def zero(site: CallSite) -> Outcome:
    """A query whose answer is zero on every machine of interest (one NUMA node, success)."""
    return site.answer(0)


def rte_eth_dev_is_valid_port(site: CallSite) -> Outcome:
    """int rte_eth_dev_is_valid_port(uint16_t port)"""
    return site.answer(int(site.number(0) < site.machine.ports))
