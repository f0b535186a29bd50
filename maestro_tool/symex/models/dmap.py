"""Double maps: values found by either of two keys.

Which keys a value has is the business of the NF's functions, so every operation of a packet concerns the whole map.
"""

from __future__ import annotations

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.expr import nodes
from maestro_tool.symex import events
from maestro_tool.symex.models.allocate import allocated
from maestro_tool.symex.models.dchain import free, oldest
from maestro_tool.symex.objects import ObjectInfo
from maestro_tool.symex.site import CallSite, Outcome


def dmap_allocate(site: CallSite) -> Outcome:
    """int dmap_allocate(eq_a, hash_a, eq_b, hash_b, int value_size, copy, destroy, extract, pack, int keys_capacity,
    int capacity, struct DoubleMap **map_out)"""
    size, capacity = site.number(4, "the value's size"), site.number(10, "the capacity")
    for equality in (0, 2):
        site.machine.key_fields(site.function(equality), site.function(equality + 1), site.loc)
    return allocated(site, 11, ObjectInfo("dmap", site.loc, capacity, size))


def dmap_setup(site: CallSite) -> Outcome:
    """dmap_put, dmap_erase and dmap_size in set-up: of what is in a double map, nothing is known but the indexes."""
    info = site.machine.objects[_object(site)]
    if site.name == "dmap_put":
        info.contents[site.number(2, "the index")] = 1
    elif site.name == "dmap_erase":
        info.contents.pop(site.number(1, "the index"), None)
    else:
        return site.answer(len(info.contents))
    return site.answer(1)


def dmap_lookup_setup(site: CallSite) -> Outcome:
    """dmap_get_a, dmap_get_b and dmap_get_value in set-up."""
    site.fail(UnsupportedError, f"'{site.name}' in set-up is not supported", "use two maps instead")


def dmap_get(site: CallSite) -> Outcome:
    """int dmap_get_a(struct DoubleMap *, void *key, int *index), int dmap_get_b: found with some index, or absent."""
    number = _object(site)
    absent = site.state.fork()
    events.emit(absent, "dmap_get", (number,), site.loc, result=False)
    event = events.emit(site.state, "dmap_get", (number,), site.loc, result=True)
    index = events.produced("dmap_get", event, "value", 32)
    events.amend(site.state, event, value=index)
    site.store(2, 4, index)
    return [(site.state, site.answer(1)), (absent, site.answer(0))]


def dmap_get_value(site: CallSite) -> Outcome:
    """void dmap_get_value(struct DoubleMap *, int index, void *value_out): bytes that are not known."""
    number = _object(site)
    size = site.machine.objects[number].element_size or 0
    event = events.emit(site.state, "dmap_get", (number,), site.loc, index=site.expr(1, 32))
    if size:
        value = events.produced("dmap_get", event, "value", 8 * size)
        events.amend(site.state, event, value=value)
        site.store(2, size, value)
    return None


def dmap_put(site: CallSite) -> Outcome:
    """int dmap_put(struct DoubleMap *, void *value, int index): the value is copied."""
    events.emit(site.state, "dmap_put", (_object(site),), site.loc, value=site.expr(2, 32))
    return site.answer(1)


def dmap_erase(site: CallSite) -> Outcome:
    """int dmap_erase(struct DoubleMap *, int index)"""
    events.emit(site.state, "dmap_erase", (_object(site),), site.loc, index=site.expr(1, 32))
    return site.answer(1)


def dmap_size(site: CallSite) -> Outcome:
    """int dmap_size(struct DoubleMap *)"""
    event = events.emit(site.state, "dmap_get", (_object(site),), site.loc)
    size = events.produced("dmap_get", event, "value", 32)
    events.amend(site.state, event, value=size)
    return size


def expire_items(site: CallSite) -> Outcome:
    """int expire_items(struct DoubleChain *, struct DoubleMap *, vigor_time_t): frees indexes that no packet names."""
    chain = site.machine.object_at(site.state, site.args[0], "dchain", site.loc)
    table = site.machine.object_at(site.state, site.args[1], "dmap", site.loc)
    oldest = events.unknown(site.state, 32, site.loc, what="expired")
    events.emit(site.state, "dchain_free", (chain,), site.loc, index=oldest)
    events.emit(site.state, "dmap_erase", (table,), site.loc, index=oldest)
    for fact in [f for f in site.state.facts if f[:2] == ("dchain", chain)]:
        del site.state.facts[fact]
    return events.unknown(site.state, site.result_bits, site.loc, (oldest,)) if site.result_used else site.answer(0)


def _object(site: CallSite) -> int:
    return site.machine.object_at(site.state, site.args[0], "dmap", site.loc)


def expire_items_setup(site: CallSite) -> Outcome:
    """expire_items in set-up."""
    chain = site.machine.objects[site.machine.object_at(site.state, site.args[0], "dchain", site.loc)]
    table = site.machine.objects[site.machine.object_at(site.state, site.args[1], "dmap", site.loc)]
    before, count = nodes.signed(site.number(2, "the time"), 64), 0
    while (index := oldest(chain, before)) is not None:
        free(chain, index)
        table.contents.pop(index, None)
        count += 1
    return site.answer(count)
