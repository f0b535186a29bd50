"""Expiry: removes entries that no packet names."""

from __future__ import annotations

from maestro_tool.expr import nodes
from maestro_tool.symex import events
from maestro_tool.symex.models import dchain
from maestro_tool.symex.models.map import erase_setup, forget
from maestro_tool.symex.models.vector import element_setup
from maestro_tool.symex.site import CallSite, Outcome


def expire_items_single_map(site: CallSite) -> Outcome:
    """int expire_items_single_map(struct DoubleChain *, struct Vector *keys, struct Map *, vigor_time_t bound)"""
    chain = site.machine.object_at(site.state, site.args[0], "dchain", site.loc)
    keys = site.machine.object_at(site.state, site.args[1], "vector", site.loc)
    table = site.machine.object_at(site.state, site.args[2], "map", site.loc)
    event = events.emit(site.state, "expire", (chain, keys, table), site.loc, value=site.expr(3, 64))
    forget(site.state, table)
    for fact in [f for f in site.state.facts if f[:2] == ("dchain", chain)]:
        del site.state.facts[fact]
    return events.produced(site.state, event, "count", site.result_bits) if site.result_bits else None


def expire_items_single_map_iteratively(site: CallSite) -> Outcome:
    """int expire_items_single_map_iteratively(struct Vector *keys, struct Map *, int start, int n_elems)"""
    keys = site.machine.object_at(site.state, site.args[0], "vector", site.loc)
    table = site.machine.object_at(site.state, site.args[1], "map", site.loc)
    start, end = site.expr(2, 32), site.expr(3, 32)
    event = events.emit(site.state, "expire_range", (keys, table), site.loc, index=start, value=end)
    forget(site.state, table)
    return events.produced(site.state, event, "count", site.result_bits) if site.result_bits else None


def expire_items_single_map_setup(site: CallSite) -> Outcome:
    """expire_items_single_map in set-up."""
    chain = site.machine.objects[site.machine.object_at(site.state, site.args[0], "dchain", site.loc)]
    keys = site.machine.object_at(site.state, site.args[1], "vector", site.loc)
    table = site.machine.object_at(site.state, site.args[2], "map", site.loc)
    before, count = nodes.signed(site.number(3, "the time"), 64), 0
    while (index := dchain.oldest(chain, before)) is not None:
        dchain.free(chain, index)
        erase_setup(site, table, element_setup(site, keys, index))
        count += 1
    return site.answer(count)


def expire_items_single_map_iteratively_setup(site: CallSite) -> Outcome:
    """expire_items_single_map_iteratively in set-up: erases keys[start .. n_elems - 1]."""
    keys = site.machine.object_at(site.state, site.args[0], "vector", site.loc)
    table = site.machine.object_at(site.state, site.args[1], "map", site.loc)
    for index in range(site.signed(2, "the start"), site.signed(3, "the end")):
        erase_setup(site, table, element_setup(site, keys, index))
    return site.answer(0) if site.result_bits else None
