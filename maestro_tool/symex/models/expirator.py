"""Expiry: removes entries that no packet names."""

from __future__ import annotations

from maestro_tool.symex import events
from maestro_tool.symex.models.map import forget
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
    return events.produced("expire", event, "count", site.result_bits) if site.result_bits else None


def expire_items_single_map_iteratively(site: CallSite) -> Outcome:
    """int expire_items_single_map_iteratively(struct Vector *keys, struct Map *, int start, int n_elems)"""
    keys = site.machine.object_at(site.state, site.args[0], "vector", site.loc)
    table = site.machine.object_at(site.state, site.args[1], "map", site.loc)
    start, end = site.expr(2, 32), site.expr(3, 32)
    event = events.emit(site.state, "expire_range", (keys, table), site.loc, index=start, value=end)
    forget(site.state, table)
    return events.produced("expire_range", event, "count", site.result_bits) if site.result_bits else None
