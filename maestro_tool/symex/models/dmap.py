"""Double maps: values found by either of two keys.

Which keys a value has is the business of the NF's functions, so every operation of a packet concerns the whole map.
In set-up those functions run, and what is found is known.
"""

from __future__ import annotations

from maestro_tool.diagnostics import InputError, UnsupportedError
from maestro_tool.expr import nodes
from maestro_tool.symex import events
from maestro_tool.symex.memory import Block, Uninitialised, Zeros
from maestro_tool.symex.models.allocate import allocated
from maestro_tool.symex.models.dchain import free, oldest
from maestro_tool.symex.objects import ObjectInfo, PairFunctions
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.values import NullPointer, Pointer, Value, memory_order


def dmap_allocate(site: CallSite) -> Outcome:
    """int dmap_allocate(eq_a, hash_a, eq_b, hash_b, int value_size, copy, destroy, extract, pack, int keys_capacity,
    int capacity, struct DoubleMap **map_out)"""
    size = site.number(4, "the value's size")
    capacity = max(site.number(9, "the capacity of keys"), site.number(10, "the capacity"))
    keys = (site.function(0), site.function(1)), (site.function(2), site.function(3))
    destroy = None if isinstance(site.args[6], NullPointer) else site.function(6)
    functions = PairFunctions(keys, site.function(5), destroy, site.function(7))
    facts = site.machine.pair_facts(functions, size, site.loc)
    info = ObjectInfo(
        "dmap", site.loc, capacity, size, pairs=functions, shapes=facts.shapes, key_offsets=facts.offsets,
        pair=facts.fields,
    )  # fmt: skip
    return allocated(site, 11, info)


def dmap_put_setup(site: CallSite) -> Outcome:
    """dmap_put in set-up: the NF's function makes the copy."""
    info, index = site.machine.objects[_object(site)], site.number(2, "the index")
    if index in info.contents or index >= (info.capacity or 0):
        return site.answer(0)
    block = site.state.memory.add(Block("a double map's value", info.element_size, Zeros()))
    info.contents[index] = block
    _run(site, _functions(info).copy, Pointer(block), site.args[1])
    return site.answer(1)


def dmap_erase_setup(site: CallSite) -> Outcome:
    """dmap_erase in set-up."""
    return site.answer(int(_erase(site, site.machine.objects[_object(site)], site.number(1, "the index"))))


def dmap_size_setup(site: CallSite) -> Outcome:
    """dmap_size in set-up."""
    return site.answer(len(site.machine.objects[_object(site)].contents))


def dmap_get_setup(site: CallSite) -> Outcome:
    """dmap_get_a and dmap_get_b in set-up: the first value put whose key has the same hash and is equal."""
    info, which = site.machine.objects[_object(site)], 0 if site.name == "dmap_get_a" else 1
    equality, hash_ = _functions(info).keys[which]
    wanted = _number(site, _run(site, hash_, site.args[1]), 32)
    for index, block in info.contents.items():
        key = _keys(site, info, block)[which]
        if _number(site, _run(site, hash_, key), 32) != wanted:
            continue
        if _number(site, _run(site, equality, key, site.args[1]), 8):
            site.store(2, 4, nodes.const(index, 32))  # type: ignore[arg-type]
            return site.answer(1)
    return site.answer(0)


def dmap_get_value_setup(site: CallSite) -> Outcome:
    """dmap_get_value in set-up."""
    info, index = site.machine.objects[_object(site)], site.number(1, "the index")
    block = info.contents.get(index)
    if block is None:
        site.fail(InputError, f"no value has index {nodes.signed(index, 32)}")
    _run(site, _functions(info).copy, site.args[2], Pointer(block))
    return None


def _functions(info: ObjectInfo) -> PairFunctions:
    assert info.pairs is not None  # dmap_allocate
    return info.pairs


def _run(site: CallSite, function: str, *arguments: Value) -> Value:
    if function not in site.machine.program.functions:
        site.fail(UnsupportedError, f"'{function}', which the double map calls, is not defined by the NF")
    return site.machine.call(site.state, function, list(arguments), site.loc)


def _number(site: CallSite, result: Value, bits: int) -> int:
    return site.machine.concrete(site.state, site.machine.as_integer(result, bits, site.loc), site.loc, "a key")


def _keys(site: CallSite, info: ObjectInfo, block: int) -> tuple[Value, Value]:
    """Where the NF says that the keys of a value are."""
    found = Pointer(site.state.memory.add(Block("the addresses of two keys", 16, Uninitialised())))
    second = found.plus(nodes.const(8, 64))
    _run(site, _functions(info).extract, Pointer(block), found, second)
    keys = tuple(site.machine.load(site.state, place, 8, "pointer", site.loc) for place in (found, second))
    site.state.memory.free(found.block)
    return keys[0], keys[1]


def _erase(site: CallSite, info: ObjectInfo, index: int) -> bool:
    """Whether there was a value; where a function of the NF destroys values, it runs."""
    block, destroy = info.contents.pop(index, None), _functions(info).destroy
    if block is not None and destroy is not None:
        _run(site, destroy, Pointer(block))
    return block is not None


def dmap_get_a(site: CallSite) -> Outcome:
    """int dmap_get_a(struct DoubleMap *, void *key, int *index): found with some index, or absent."""
    return _get(site, "dmap_get_a", 0)


def dmap_get_b(site: CallSite) -> Outcome:
    """int dmap_get_b(struct DoubleMap *, void *key, int *index): the same by the other key."""
    return _get(site, "dmap_get_b", 1)


def _get(site: CallSite, op: str, which: int) -> Outcome:
    number = _object(site)
    raw = site.machine.key(site.state, number, site.args[1], site.loc, which).raw
    absent = site.state.fork()
    events.emit(absent, op, (number,), site.loc, raw=raw, result=False)
    event = events.emit(site.state, op, (number,), site.loc, raw=raw, result=True)
    index = events.produced(site.state, event, "value", 32)
    events.amend(site.state, event, value=index)
    site.store(2, 4, index)
    return [(site.state, site.answer(1)), (absent, site.answer(0))]


def dmap_get_value(site: CallSite) -> Outcome:
    """void dmap_get_value(struct DoubleMap *, int index, void *value_out): bytes that are not known."""
    number = _object(site)
    size = site.machine.objects[number].element_size or 0
    event = events.emit(site.state, "dmap_read", (number,), site.loc, index=site.expr(1, 32), span=(0, size))
    if size:
        site.store(2, size, memory_order([events.produced(site.state, event, n, 8) for n in range(size)]))
    return None


def dmap_put(site: CallSite) -> Outcome:
    """int dmap_put(struct DoubleMap *, void *value, int index): the value is copied; no if the index has one."""
    number, index = _object(site), site.expr(2, 32)
    stored = tuple(enumerate(site.machine.raw_bytes(site.state, site.args[1], _bytes(site, number), site.loc)))
    return events.asked(site, "dmap_put", (number,), value=index, stored=stored)


def _bytes(site: CallSite, number: int) -> range:
    """The offsets of a value's bytes."""
    return range(site.machine.objects[number].element_size or 0)


def dmap_erase(site: CallSite) -> Outcome:
    """int dmap_erase(struct DoubleMap *, int index): no if the index has no value."""
    return events.asked(site, "dmap_erase", (_object(site),), index=site.expr(1, 32))


def dmap_size(site: CallSite) -> Outcome:
    """int dmap_size(struct DoubleMap *)"""
    event = events.emit(site.state, "dmap_size", (_object(site),), site.loc)
    size = events.produced(site.state, event, "value", 32)
    events.amend(site.state, event, value=size)
    return size


def expire_items(site: CallSite) -> Outcome:
    """int expire_items(struct DoubleChain *, struct DoubleMap *, vigor_time_t): frees indexes that no packet names."""
    chain = site.machine.object_at(site.state, site.args[0], "dchain", site.loc)
    table = site.machine.object_at(site.state, site.args[1], "dmap", site.loc)
    event = events.emit(site.state, "dmap_expire", (chain, table), site.loc, value=site.expr(2, 64))
    for fact in [f for f in site.state.facts if f[:2] == ("dchain", chain)]:
        del site.state.facts[fact]
    return events.produced(site.state, event, "count", site.result_bits) if site.result_bits else None


def _object(site: CallSite) -> int:
    return site.machine.object_at(site.state, site.args[0], "dmap", site.loc)


def expire_items_setup(site: CallSite) -> Outcome:
    """expire_items in set-up."""
    chain = site.machine.objects[site.machine.object_at(site.state, site.args[0], "dchain", site.loc)]
    table = site.machine.objects[site.machine.object_at(site.state, site.args[1], "dmap", site.loc)]
    before, count = nodes.signed(site.number(2, "the time"), 64), 0
    while (index := oldest(chain, before)) is not None:
        free(chain, index)
        _erase(site, table, index)
        count += 1
    return site.answer(count)
