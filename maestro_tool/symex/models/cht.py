"""Consistent hashing tables: a vector of preferences, filled in set-up."""

from __future__ import annotations

from maestro_tool.expr import nodes
from maestro_tool.symex import events
from maestro_tool.symex.site import CallSite, Outcome


def cht_fill_cht(site: CallSite) -> Outcome:
    """int cht_fill_cht(struct Vector *cht, uint32_t height, uint32_t backends)"""
    table = site.machine.objects[site.machine.object_at(site.state, site.args[0], "vector", site.loc)]
    height, backends = site.number(1, "the height"), site.number(2, "the number of backends")
    return site.answer(int(height >= 2 and height * backends <= (table.capacity or 0)))


def cht_find_preferred_available_backend(site: CallSite) -> Outcome:
    """int cht_find_preferred_available_backend(uint64_t hash, struct Vector *cht, struct DoubleChain *active,
    uint32_t height, uint32_t backends, int *chosen): a backend that is allocated, or none is."""
    table = site.machine.object_at(site.state, site.args[1], "vector", site.loc)
    active = site.machine.object_at(site.state, site.args[2], "dchain", site.loc)
    value = site.expr(0, 64)
    none = site.state.fork()
    events.emit(none, "cht_find", (table, active), site.loc, value=value, result=False)
    event = events.emit(site.state, "cht_find", (table, active), site.loc, value=value, result=True)
    chosen = events.produced("cht_find", event, "chosen", 32)
    events.amend(site.state, event, index=chosen)
    site.state.facts["dchain", active, chosen] = nodes.TRUE
    site.store(5, 4, chosen)
    return [(site.state, site.answer(1)), (none, site.answer(0))]
