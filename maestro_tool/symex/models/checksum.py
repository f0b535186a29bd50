"""nf_set_rte_ipv4_udptcp_checksum: the checksum fields get values that depend on the whole packet."""

from __future__ import annotations

from maestro_tool.expr import nodes
from maestro_tool.symex import events
from maestro_tool.symex.memory import PacketBytes
from maestro_tool.symex.models.headers import PROTOCOL_OFFSET, TCP, UDP
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.state import State
from maestro_tool.symex.values import Value

_IP_CHECKSUM = 10
_L4_CHECKSUM = {TCP: 16, UDP: 6}


def nf_set_rte_ipv4_udptcp_checksum(site: CallSite) -> Outcome:
    """void nf_set_rte_ipv4_udptcp_checksum(struct rte_ipv4_hdr *, void *l4, void *packet)"""
    machine = site.machine
    place = site.pointer(0).plus(nodes.const(PROTOCOL_OFFSET, 64))
    protocol = machine.as_integer(machine.load(site.state, place, 1, "int", site.loc), 8, site.loc)
    outcomes: list[tuple[State, Value | None]] = []
    rest: State | None = site.state
    for number, offset in _L4_CHECKSUM.items():
        if rest is None:
            break
        this, rest = machine.split(rest, nodes.eq(protocol, nodes.const(number, 8)), site.loc)
        if this is not None:
            _write(site, this, 1, offset)
            _write(site, this, 0, _IP_CHECKSUM)
            outcomes.append((this, None))
    if rest is not None:
        _write(site, rest, 0, _IP_CHECKSUM)
        outcomes.append((rest, None))
    return outcomes


def checksum(site: CallSite) -> Outcome:
    """uint16_t rte_ipv4_cksum(const struct rte_ipv4_hdr *) and its kin: a number that is not known."""
    number = events.emit(site.state, "opaque", (), site.loc)
    value = events.produced("opaque", number, "value", 16)
    events.amend(site.state, number, value=value)
    return value


def _write(site: CallSite, state: State, argument: int, offset: int) -> None:
    number = events.emit(state, "opaque", (), site.loc)
    value = events.produced("opaque", number, "value", 16)
    events.amend(state, number, value=value)
    place = site.pointer(argument).plus(nodes.const(offset, 64))
    block, content, at = site.machine.place(state, place, 2, site.loc, "writes")
    if isinstance(content.fill, PacketBytes):
        # Where the frame ends before the checksum, the library writes nothing.
        state.memory.writable(block).store(at, 2, value)
    else:
        site.machine.store(state, place, 2, value, site.loc)
