"""The IPv4 header with its options, as the older flavour of the API reads it."""

from __future__ import annotations

from dataclasses import replace

from maestro_tool.expr import nodes
from maestro_tool.symex.models.chunks import SHORTEST_IHL, borrow, unread
from maestro_tool.symex.models.headers import IPV4_SIZE, nf_then_get_rte_ipv4_header
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.state import State
from maestro_tool.symex.values import NULL, Pointer, Value, wire_order

_TOTAL_LENGTH_OFFSET = 2


def nf_then_get_rte_ipv4_header_with_options(site: CallSite) -> Outcome:
    """struct rte_ipv4_hdr *..._with_options(void *ether, uint8_t **p, uint8_t **ip_options)

    NULL also when the IHL is below 5, or fewer bytes are left than total_length or the options need; the fixed header
    then stays borrowed (NF_API, section 2; nf-util.h).
    """
    first = nf_then_get_rte_ipv4_header(site)
    assert isinstance(first, list)
    outcomes: list[tuple[State, Value | None]] = []
    for state, header in first:
        if isinstance(header, Pointer):
            outcomes.extend(_with_options(site, state, header))
        else:
            outcomes.append((state, NULL))
    return outcomes


def _with_options(site: CallSite, state: State, header: Pointer) -> list[tuple[State, Value | None]]:
    machine, loc = site.machine, site.loc
    outcomes: list[tuple[State, Value | None]] = []
    ihl = nodes.extract(machine.load_bytes(state, header, 1, loc)[0], 3, 0)
    place = header.plus(nodes.const(_TOTAL_LENGTH_OFFSET, 64))
    total = wire_order(machine.as_integer(machine.load(state, place, 2, "int", loc), 16, loc))
    left = nodes.binary("add", unread(state.cursor), nodes.const(IPV4_SIZE, 32))
    long_enough = nodes.compare("ule", nodes.zext(total, 32), left)
    rest: State | None = state
    for test in (nodes.compare("uge", ihl, nodes.const(SHORTEST_IHL, 4)), long_enough):
        if rest is None:
            return outcomes
        rest, failed = machine.split(rest, test, loc)
        if failed is not None:
            outcomes.append((failed, NULL))
    if rest is None:
        return outcomes
    plain, rest = machine.split(rest, nodes.eq(ihl, nodes.const(SHORTEST_IHL, 4)), loc)
    if plain is not None:
        machine.store(plain, site.args[2], 8, NULL, loc)
        outcomes.append((plain, header))
    if rest is None:
        return outcomes
    bytes_ = nodes.binary("shl", nodes.zext(ihl, 32), nodes.const(2, 32))
    size = nodes.binary("sub", bytes_, nodes.const(IPV4_SIZE, 32))
    whole, cut = machine.split(rest, nodes.compare("uge", unread(rest.cursor), size), loc)
    if cut is not None:
        outcomes.append((cut, NULL))
    if whole is not None:
        options = borrow(site, whole, 0, push=True)
        whole.cursor = replace(whole.cursor, options=ihl)
        machine.store(whole, site.args[2], 8, options, loc)
        outcomes.append((whole, header))
    return outcomes
