"""Consistent hashing tables: a vector of preferences, filled in set-up."""

from __future__ import annotations

from maestro_tool.diagnostics import InputError
from maestro_tool.expr import nodes
from maestro_tool.symex import events
from maestro_tool.symex.models.vector import element_setup
from maestro_tool.symex.objects import Preferences
from maestro_tool.symex.site import CallSite, Outcome


def cht_fill_cht(site: CallSite) -> Outcome:
    """int cht_fill_cht(struct Vector *cht, uint32_t height, uint32_t backends)"""
    table = site.machine.objects[site.machine.object_at(site.state, site.args[0], "vector", site.loc)]
    height, backends = site.number(1, "the height"), site.number(2, "the number of backends")
    if height < 2 or height * backends > (table.capacity or 0):
        return site.answer(0)
    table.preferences = Preferences(height, backends)
    for index, block in table.contents.items():
        table.preferences.put(site.state.memory, block, index)  # type: ignore[arg-type]
    return site.answer(1)


def cht_find_setup(site: CallSite) -> Outcome:
    """cht_find_preferred_available_backend in set-up: the first backend of the hash's row that is allocated."""
    table = site.machine.object_at(site.state, site.args[1], "vector", site.loc)
    active = site.machine.objects[site.machine.object_at(site.state, site.args[2], "dchain", site.loc)]
    height, backends = site.number(3, "the height"), site.number(4, "the number of backends")
    if height == 0:
        site.fail(InputError, "the height of a consistent hashing table is 0")
    row = site.number(0, "the hash") % height
    for index in range(row * backends, (row + 1) * backends):
        value = site.machine.load(site.state, element_setup(site, table, index), 4, "int", site.loc)
        chosen = site.machine.concrete(site.state, site.machine.as_integer(value, 32, site.loc), site.loc, "a backend")
        if chosen in active.contents:
            site.store(5, 4, nodes.const(chosen, 32))
            return site.answer(1)
    return site.answer(0)


def cht_find_preferred_available_backend(site: CallSite) -> Outcome:
    """int cht_find_preferred_available_backend(uint64_t hash, struct Vector *cht, struct DoubleChain *active,
    uint32_t height, uint32_t backends, int *chosen): a backend that is allocated, or none is."""
    table = site.machine.object_at(site.state, site.args[1], "vector", site.loc)
    active = site.machine.object_at(site.state, site.args[2], "dchain", site.loc)
    given = {"value": site.expr(0, 64), "operands": (site.expr(3, 32), site.expr(4, 32))}
    none = site.state.fork()
    events.emit(none, "cht_find", (table, active), site.loc, **given, result=False)
    event = events.emit(site.state, "cht_find", (table, active), site.loc, **given, result=True)
    chosen = events.produced(site.state, event, "chosen", 32)
    events.amend(site.state, event, index=chosen)
    site.state.facts["dchain", active, chosen] = nodes.TRUE
    site.store(5, 4, chosen)
    return [(site.state, site.answer(1)), (none, site.answer(0))]
