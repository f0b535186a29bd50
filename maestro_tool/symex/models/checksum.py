"""Checksums: numbers that are not known, but depend on all the bytes that are summed up (`callpath.Event.key`)."""

from __future__ import annotations

from maestro_tool.expr import Expr, nodes
from maestro_tool.symex import events
from maestro_tool.symex.memory import PacketBytes
from maestro_tool.symex.models.headers import IPV4_SIZE, PROTOCOL_OFFSET, TCP, UDP
from maestro_tool.symex.models.provenance import loaded, numbers, within
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.state import State
from maestro_tool.symex.values import Value

_IP_CHECKSUM = 10
_LONGEST_HEADER = 60  # bytes, with options
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
            _write(site, this, 1, offset, _of_transport(site, this))
            _write(site, this, 0, _IP_CHECKSUM, _of_header(site, this))
            outcomes.append((this, None))
    if rest is not None:
        _write(site, rest, 0, _IP_CHECKSUM, _of_header(site, rest))
        outcomes.append((rest, None))
    return outcomes


def rte_raw_cksum(site: CallSite) -> Outcome:
    """uint16_t rte_raw_cksum(const void *, size_t)"""
    size = site.expr(1, 64)
    if size.is_const:
        read = loaded(site, site.state, site.args[0], size.const)
    else:
        read = (size, *numbers(site, within(site, site.state, site.args[0], 0, None)))
    return events.unknown(site.state, site.result_bits, site.loc, read, function=site.name)


def rte_ipv4_cksum(site: CallSite) -> Outcome:
    """uint16_t rte_ipv4_cksum(const struct rte_ipv4_hdr *)"""
    return events.unknown(site.state, site.result_bits, site.loc, _of_header(site, site.state), function=site.name)


def rte_ipv4_udptcp_cksum(site: CallSite) -> Outcome:
    """uint16_t rte_ipv4_udptcp_cksum(const struct rte_ipv4_hdr *, const void *l4)"""
    return events.unknown(site.state, site.result_bits, site.loc, _of_transport(site, site.state), function=site.name)


def _of_header(site: CallSite, state: State) -> tuple[Expr, ...]:
    """What the header's own checksum is calculated from, options included."""
    header = loaded(site, state, site.args[0], IPV4_SIZE)
    words = nodes.extract(header[0], header[0].width - 5, header[0].width - 8)
    if not site.machine.may(state, nodes.lnot(nodes.eq(words, nodes.const(IPV4_SIZE // 4, 4))), site.loc):
        return header
    return header + numbers(site, within(site, state, site.args[0], IPV4_SIZE, _LONGEST_HEADER))


def _of_transport(site: CallSite, state: State) -> tuple[Expr, ...]:
    """What a TCP or UDP checksum is calculated from: the pseudo header, and all that follows."""
    header = site.machine.load_bytes(state, site.args[0], IPV4_SIZE, site.loc)
    pseudo = nodes.concat(header[0], *header[2:4], header[PROTOCOL_OFFSET], *header[12:])
    return (pseudo, *numbers(site, within(site, state, site.args[1], 0, None)))


def _write(site: CallSite, state: State, argument: int, offset: int, read: tuple[Expr, ...]) -> None:
    value = events.unknown(state, 16, site.loc, read, function=site.name)
    place = site.pointer(argument).plus(nodes.const(offset, 64))
    block, content, at = site.machine.place(state, place, 2, site.loc, "writes")
    if isinstance(content.fill, PacketBytes):
        # Where the frame ends before the checksum, the library writes nothing.
        site.machine.frame_stored(at + 2)
        state.memory.writable(block).store(at, 2, value)
    else:
        site.machine.store(state, place, 2, value, site.loc)
