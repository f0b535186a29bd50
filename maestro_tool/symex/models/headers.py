"""nf_then_get_*: the next header, or NULL.  Each reason for NULL is a path of its own."""

from __future__ import annotations

from maestro_tool.expr import Expr, nodes
from maestro_tool.symex.models.chunks import borrow, has_unread, settled
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.state import State
from maestro_tool.symex.values import NULL, NullPointer, Value, from_bool

ETHER_TYPE_OFFSET, ETHER_SIZE = 12, 14
PROTOCOL_OFFSET, IPV4_SIZE = 9, 20
TCP, UDP = 6, 17
_PROTOCOLS = {"tcpudp": (TCP, UDP), "tcp": (TCP,), "udp": (UDP,)}
_SIZES = {"tcpudp": 4, "tcp": 20, "udp": 8}


@settled
def nf_then_get_rte_ether_header(site: CallSite) -> Outcome:
    """struct rte_ether_hdr *nf_then_get_rte_ether_header(uint8_t **p): never NULL, no check."""
    return borrow(site, site.state, ETHER_SIZE, push=True)


@settled
def nf_then_get_rte_ipv4_header(site: CallSite) -> Outcome:
    """struct rte_ipv4_hdr *nf_then_get_rte_ipv4_header(void *ether, uint8_t **p)"""
    return _header(site, [_is_ipv4(site)], IPV4_SIZE)


@settled
def nf_then_get_transport_header(site: CallSite) -> Outcome:
    """nf_then_get_{tcpudp,tcp,udp}_header(struct rte_ipv4_hdr *, uint8_t **p)"""
    kind = site.name.removeprefix("nf_then_get_").removesuffix("_header")
    return _header(site, [_is_protocol(site, kind)], _SIZES[kind])


def nf_has_rte_ipv4_header(site: CallSite) -> Outcome:
    """bool nf_has_rte_ipv4_header(struct rte_ether_hdr *)"""
    return from_bool(_is_ipv4(site), site.result_bits)


def nf_has_transport_header(site: CallSite) -> Outcome:
    """bool nf_has_{tcpudp,tcp,udp}_header(struct rte_ipv4_hdr *)"""
    kind = site.name.removeprefix("nf_has_").removesuffix("_header")
    return from_bool(_is_protocol(site, kind), site.result_bits)


def _is_ipv4(site: CallSite) -> Expr:
    return nodes.eq(_member(site, ETHER_TYPE_OFFSET, 2), nodes.const(0x0008, 16))  # 0x0800 on the wire


def _is_protocol(site: CallSite, kind: str) -> Expr:
    protocol = _member(site, PROTOCOL_OFFSET, 1)
    result = nodes.FALSE
    for number in _PROTOCOLS[kind]:
        result = nodes.lor(result, nodes.eq(protocol, nodes.const(number, 8)))
    return result


def _member(site: CallSite, offset: int, size: int) -> Expr:
    if isinstance(site.args[0], NullPointer):
        site.machine.place(site.state, site.args[0], size, site.loc, "reads a header")
    address = site.pointer(0).plus(nodes.const(offset, 64))
    return site.machine.as_integer(site.machine.load(site.state, address, size, "int", site.loc), 8 * size, site.loc)


def _header(site: CallSite, tests: list[Expr], size: int) -> Outcome:
    outcomes: list[tuple[State, Value | None]] = []
    state: State | None = site.state
    for test in (*tests, None):
        if state is None:
            break
        state, without = site.machine.split(state, has_unread(state, size) if test is None else test, site.loc)
        if without is not None:
            outcomes.append((without, NULL))
    if state is not None:
        outcomes.insert(0, (state, borrow(site, state, size, push=True)))
    return outcomes
