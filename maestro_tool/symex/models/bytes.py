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
    """int memcmp(const void *, const void *, size_t): exact for constants, else only zero or not."""
    size = site.number(2, "the size")
    left = site.machine.load_bytes(site.state, site.args[0], size, site.loc)
    right = site.machine.load_bytes(site.state, site.args[1], size, site.loc)
    if not left:
        return site.answer(0)
    if all(b.is_const for b in (*left, *right)):
        a, b = ([e.const for e in side] for side in (left, right))
        return site.answer((a > b) - (a < b))
    equal = nodes.eq(nodes.concat(*left), nodes.concat(*right))
    if equal.is_const and equal is nodes.TRUE:
        return site.answer(0)
    operands = (nodes.concat(*left), nodes.concat(*right))
    order = events.opaque(site.state, "memcmp", operands, site.result_bits, site.loc)
    return nodes.ite(equal, site.answer(0), nodes.binary("or", order, site.answer(1)))


def bzero(site: CallSite) -> Outcome:
    """void bzero(void *, size_t)"""
    site.machine.fill(site.state, site.args[0], site.number(1, "the size"), nodes.const(0, 8), site.loc)
    return None
