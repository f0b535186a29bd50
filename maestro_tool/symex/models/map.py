"""Hash maps from keys to integers."""

from __future__ import annotations

from maestro_tool.diagnostics import InputError, UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.operations.row import Effect
from maestro_tool.symex import events
from maestro_tool.symex.memory import Block, External, VectorEntry
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.state import State
from maestro_tool.symex.values import Key, NullPointer, Pointer, Value


def map_get(site: CallSite) -> Outcome:
    """int map_get(struct Map *, void *key, int *value_out): found with an unknown value, or absent.

    Asking again for the same key of an unchanged map gives the same answer, unless its keys may have changed where
    they lie.
    """
    number = site.machine.object_at(site.state, site.args[0], "map", site.loc)
    key = site.machine.key(site.state, number, site.args[1], site.loc)
    name = events.named(key)
    before = _answered(site, number, key)
    if before is not None:
        found = isinstance(before, Expr)
        value = before if isinstance(before, Expr) else None
        events.emit(site.state, "map_get", (number,), site.loc, **name, value=value, result=found)
        if value is not None:
            site.store(2, 4, value)
        return site.answer(int(found))
    absent = site.state.fork()
    events.emit(absent, "map_get", (number,), site.loc, **name, result=False)
    event = events.emit(site.state, "map_get", (number,), site.loc, **name, result=True)
    value = events.produced(site.state, event, "value", 32)
    events.amend(site.state, event, value=value)
    site.store(2, 4, value)
    _remember(site.state, number, key, value)
    _remember(absent, number, key, 0.0)
    return [(site.state, site.answer(1)), (absent, site.answer(0))]


def _remember(state: State, number: int, key: Key, answer: Value) -> None:
    """``answer``: the number found; 0.0 if the key is not there."""
    if key.fields is not None:
        state.facts["map_get", number, key.fields] = answer
        state.facts["map_get_after", number, key.fields] = nodes.const(len(state.events), 32)


def _answered(site: CallSite, number: int, key: Key) -> Value | None:
    """The answer to the same question, if there was one and it still holds."""
    answer = site.state.facts.get(("map_get", number, key.fields)) if key.fields is not None else None
    if answer is None:
        return None
    after = site.state.facts.get(("map_get_after", number, key.fields))
    since = site.state.events[after.const if isinstance(after, Expr) else 0 :]
    written = {n for e in since if e.op.effect is Effect.WRITE for n in e.objects}
    return None if site.machine.may_hold_keys(written, number) else answer


def map_put(site: CallSite) -> Outcome:
    """void map_put(struct Map *, void *key, int value)"""
    number = site.machine.object_at(site.state, site.args[0], "map", site.loc)
    key = site.machine.key(site.state, number, site.args[1], site.loc)
    value, (home, offset) = site.expr(2, 32), _home(site)
    lies = {"key_home": home, "key_offset": offset}
    events.emit(site.state, "map_put", (number,), site.loc, **events.named(key), value=value, **lies)
    site.machine.keys_lie(number, None if home is None or offset != 0 else home[0])
    forget(site.state, number)
    return None


def _home(site: CallSite) -> tuple[tuple[int, Expr] | None, int | None]:
    """The vector's element that the key pointer leads into, and how far behind its start; as in `callpath.Event`."""
    address = site.args[1]
    block = site.state.memory.get(address.block) if isinstance(address, Pointer) else None
    if block is None or not isinstance(block.fill, VectorEntry) or not isinstance(address, Pointer):
        return None, 0
    return (block.fill.object, block.fill.index), address.offset if isinstance(address.offset, int) else None


def map_erase(site: CallSite) -> Outcome:
    """void map_erase(struct Map *, void *key, void **trash): ``*trash`` is the stored key, which nobody may follow.

    Where keys are trusted to stay in step (`conjecture`), the stored key of an entry that was found is the one that was
    asked for, and a key that was erased is not there any more.
    """
    number = site.machine.object_at(site.state, site.args[0], "map", site.loc)
    key = site.machine.key(site.state, number, site.args[1], site.loc)
    changed = any(e.op.writes and e.objects == (number,) for e in site.state.events)
    home = asked = None
    if site.machine.trusting and not changed:
        home, offset = _home(site)
        asked = _key_found_at(site.state, number, home) if home is not None and offset == 0 else None
    key = key if asked is None else Key(asked)
    kept = home if asked is not None else None
    events.emit(site.state, "map_erase", (number,), site.loc, **events.named(key), key_home=kept)
    forget(site.state, number)
    if site.machine.trusting and not changed and key.fields is not None:
        _remember(site.state, number, key, 0.0)
    if not isinstance(site.args[2], NullPointer):
        site.store(2, 8, Pointer(site.state.memory.add(Block("the erased key", None, External()))))
    return None


def _key_found_at(state: State, number: int, home: tuple[int, Expr]) -> tuple[Expr, ...] | None:
    """The key for which map ``number`` gave the index ``home``, if the vector there is as the packet found it."""
    vector, index = home
    if any(e.op.writes and e.objects == (vector,) for e in state.events):
        return None
    found = (
        e
        for e in state.events
        if e.op.effect is Effect.GET and e.objects == (number,) and e.result and e.value is index
    )
    return next((e.key for e in found), None)


def map_size(site: CallSite) -> Outcome:
    """unsigned map_size(struct Map *): depends on all entries at once; the same until the map changes."""
    number = site.machine.object_at(site.state, site.args[0], "map", site.loc)
    fact = ("map_size", number)
    size = site.state.facts.get(fact)
    if not isinstance(size, Expr):
        event = events.emit(site.state, "map_size", (number,), site.loc)
        size = events.produced(site.state, event, "value", 32)
        events.amend(site.state, event, value=size)
        site.state.facts[fact] = size
    return size


def forget(state: State, number: int) -> None:
    """Answers about map ``number`` no longer hold."""
    for fact in [f for f in state.facts if f[0] in ("map_get", "map_get_after", "map_size") and f[1] == number]:
        del state.facts[fact]


def map_get_setup(site: CallSite) -> Outcome:
    """map_get in set-up: among the keys that set-up itself put in."""
    info = site.machine.objects[site.machine.object_at(site.state, site.args[0], "map", site.loc)]
    value = info.contents.get(_concrete_key(site))
    if value is None:
        return site.answer(0)
    site.store(2, 4, nodes.const(value, 32))
    return site.answer(1)


def map_put_setup(site: CallSite) -> Outcome:
    """map_put in set-up; a second put of a key does not hide the first."""
    info = site.machine.objects[site.machine.object_at(site.state, site.args[0], "map", site.loc)]
    key, value = _concrete_key(site), site.number(2, "the value")
    if key in info.contents:
        info.again.append((key, value))
    info.contents.setdefault(key, value)
    for f in info.key or ():
        address = site.pointer(1).plus(nodes.const(f.offset, 64))
        block, _, offset = site.machine.place(site.state, address, f.size, site.loc, "reads a key")
        info.key_places.setdefault(block, set()).update(range(offset, offset + f.size))
    return None


def map_erase_setup(site: CallSite) -> Outcome:
    """map_erase in set-up."""
    number = site.machine.object_at(site.state, site.args[0], "map", site.loc)
    erase_setup(site, number, site.args[1])
    if not isinstance(site.args[2], NullPointer):
        site.store(2, 8, Pointer(site.state.memory.add(Block("the erased key", None, External()))))
    return None


def map_size_setup(site: CallSite) -> Outcome:
    """map_size in set-up."""
    info = site.machine.objects[site.machine.object_at(site.state, site.args[0], "map", site.loc)]
    return site.answer(info.filled)


def erase_setup(site: CallSite, number: int, address: Value) -> None:
    """Take the key at ``address`` out of map ``number``."""
    info, key = site.machine.objects[number], _concrete(site, number, address)
    if any(key == again for again, _ in info.again):
        site.fail(UnsupportedError, "erases a key that set-up put twice", "look it up before it is put")
    if info.contents.pop(key, None) is None:
        site.fail(InputError, "erases a key that is not in the map")


def _concrete_key(site: CallSite) -> object:
    number = site.machine.object_at(site.state, site.args[0], "map", site.loc)
    return _concrete(site, number, site.args[1])


def _concrete(site: CallSite, number: int, address: Value) -> object:
    key = site.machine.key(site.state, number, address, site.loc).fields
    if key is None or not all(e.is_const for e in key):
        site.fail(UnsupportedError, "set-up uses a map whose equality function is not understood")
    return tuple(e.const for e in key)
