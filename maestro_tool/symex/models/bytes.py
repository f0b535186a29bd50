"""memcpy, memset, memcmp."""

from __future__ import annotations

from maestro_tool.expr import nodes
from maestro_tool.symex import events
from maestro_tool.symex.site import CallSite, Outcome


def memcpy(site: CallSite) -> Outcome:
    """void *memcpy(void *destination, const void *source, size_t)"""
    site.machine.copy(site.state, site.args[0], site.args[1], site.number(2, "the size"), site.loc)
    return site.args[0]


def memset(site: CallSite) -> Outcome:
    """void *memset(void *, int, size_t)"""
    site.machine.fill(site.state, site.args[0], site.number(2, "the size"), site.expr(1, 8), site.loc)
    return site.args[0]


def memcmp(site: CallSite) -> Outcome:
    """int memcmp(const void *, const void *, size_t): of constants its sign is known, else whether it is zero."""
    size = site.number(2, "the size")
    left = site.machine.load_bytes(site.state, site.args[0], size, site.loc)
    right = site.machine.load_bytes(site.state, site.args[1], size, site.loc)
    if not left:
        return site.answer(0)
    operands = (nodes.concat(*left), nodes.concat(*right))
    equal = nodes.eq(*operands)
    if equal is nodes.TRUE:
        return site.answer(0)
    known = all(e.is_const for e in operands)
    less = known and operands[0].const < operands[1].const
    if known and site.machine.in_setup:
        return site.answer(-1 if less else 1)
    # C promises no more than the sign: any number but 0.
    order = events.opaque(site.state, "memcmp", operands, site.result_bits, site.loc)
    if known:
        magnitude = nodes.extract(order, order.width - 2, 0)
        order = nodes.concat(nodes.const(int(less), 1), magnitude)
    different = nodes.ite(nodes.eq(order, site.answer(0)), site.answer(1), order)
    return nodes.ite(equal, site.answer(0), different)


def bzero(site: CallSite) -> Outcome:
    """void bzero(void *, size_t)"""
    site.machine.fill(site.state, site.args[0], site.number(1, "the size"), nodes.const(0, 8), site.loc)
    return None
