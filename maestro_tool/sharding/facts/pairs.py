"""Double maps as what they are made of: a vector of values, and two maps whose keys lie in these.

All that is known of maps and vectors then says what packets have in common in a double map, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import substitute, sym, symbols
from maestro_tool.expr.symbols import Produced
from maestro_tool.operations import parts
from maestro_tool.operations.row import Operation
from maestro_tool.sharding.facts.events import is_map_put
from maestro_tool.sharding.facts.key_places import put_index, stored_bytes
from maestro_tool.symex.callpath import Analysis, CallPath, Event, KeyField, LeftOut, StateObject

P = TypeVar("P", CallPath, LeftOut)


@dataclass(frozen=True, slots=True)
class Spread:
    """``maps``: of each double map that is spread, those of its first and second keys, which are objects of
    ``analysis`` only; its own number is that of the values."""

    analysis: Analysis
    maps: dict[int, tuple[int, int]]

    def whole(self, objects: Iterable[int]) -> tuple[int, ...]:
        """The objects that the NF has."""
        owner = {m: number for number, found in self.maps.items() for m in found}
        return tuple(dict.fromkeys(owner.get(o, o) for o in objects))

    def allocator(self, number: int) -> int | None:
        """What gives a double map's indices out, if packets put values; of several any."""
        first, _ = self.maps[number]
        puts = ((p, e) for p in self.analysis.paths for e in p.events if is_map_put(e) and e.objects == (first,))
        return next((chain for p, e in puts if (chain := put_index(p, e)) is not None), None)

    def fits(self, number: int) -> bool:
        """Whether a double map has a value for each index, so that putting one that is fresh is always done."""
        chain, objects = self.allocator(number), self.analysis.objects
        return chain is None or (objects[number].capacity or 0) >= (objects[chain].capacity or 0)


def spreadable(analysis: Analysis) -> frozenset[int]:
    """The double maps of which it is known where the keys lie, and packets do nothing to them but ask, put, read and
    let values grow old."""
    known = {o.id for o in analysis.objects if o.pair is not None}
    for path in analysis.paths:
        for e in path.events:
            plain = e.op in (*parts.GETS, parts.READ, parts.EXPIRE) or (e.op is parts.PUT and e.result is None)
            known -= set() if plain else set(e.objects)
    return frozenset(known)


def spread(analysis: Analysis, chosen: Iterable[int]) -> Spread:
    """``analysis`` with these double maps in parts."""
    maps: dict[int, tuple[int, int]] = {}
    in_parts: dict[int, _Parts] = {}
    objects = list(analysis.objects)
    for number in sorted(chosen):
        o = objects[number]
        assert o.pair is not None
        maps[number] = len(objects), len(objects) + 1
        objects += (_map(o, n, maps[number][n]) for n in (0, 1))
        objects[number] = replace(o, kind="vector", shapes=(), key_offsets=None, pair=None, functions=())
        in_parts[number] = _Parts(
            number, maps[number], o.pair, tuple(s.offsets or () for s in o.shapes), o.key_offsets or (0, 0)
        )
    whole = replace(
        analysis,
        objects=tuple(objects),
        paths=tuple(_path(p, in_parts) for p in analysis.paths),
        left_out=tuple(_path(p, in_parts) for p in analysis.left_out),
    )
    return Spread(whole, maps)


def _map(o: StateObject, n: int, number: int) -> StateObject:
    assert o.pair is not None
    which = ("first", "second")[n]
    return StateObject(number, "map", f"{o.name} ({which} keys)", o.loc, o.capacity, None, o.pair[n])


@dataclass(frozen=True, slots=True)
class _Parts:
    """``read``: offsets in a key of the bytes that `Event.raw` has; ``at``: those of the keys in a value."""

    number: int
    maps: tuple[int, int]
    keys: tuple[tuple[KeyField, ...], tuple[KeyField, ...]]
    read: tuple[tuple[int, ...], ...]
    at: tuple[int, int]

    def events(self, e: Event) -> Iterator[Event]:
        """What an event does to the parts."""
        if e.op in parts.GETS:
            n = parts.GETS.index(e.op)
            given = {self.at[n] + offset: byte for offset, byte in zip(self.read[n], e.raw, strict=True)}
            yield replace(e, op=parts.MAP_GET, objects=(self.maps[n],), key=_key(self.keys[n], given), raw=())
        elif e.op is parts.READ:
            yield replace(e, op=parts.VALUE_READ)
        elif e.op is parts.EXPIRE:
            yield replace(e, op=parts.EXPIRE_PAIRS, objects=(*e.objects, *self.maps))
        else:
            assert e.op is parts.PUT and e.value is not None, e
            span = (0, max(offset + value.width // 8 for offset, value in e.stored))
            yield replace(e, op=parts.VALUE_WRITTEN, index=e.value, value=None, span=span)
            held = stored_bytes(e)
            for n, m in enumerate(self.maps):
                home = self.number, e.value
                yield replace(e, op=parts.MAP_PUT, objects=(m,), key=_key(self.keys[n], held), key_home=home, stored=())


def _key(fields: tuple[KeyField, ...], held: dict[int, Expr]) -> tuple[Expr, ...]:
    return tuple(f.value([held[f.offset + n] for n in range(f.size)]) for f in fields)


def _path(path: P, in_parts: dict[int, _Parts]) -> P:
    """The path over the parts.  Later events have other numbers, by which what they produce is known."""
    events: list[Event] = []
    number: dict[int, int] = {}
    for n, e in enumerate(path.events):
        number[n] = len(events)
        mine = next((in_parts[o] for o in e.objects if o in in_parts), None)
        events += (e,) if mine is None else mine.events(e)
    if events == list(path.events):
        return path

    def moved(e: Expr) -> Expr:
        made = {s: s.value for s in symbols(e) if isinstance(s.value, Produced)}
        return substitute(e, {s: _made(events[number[v.event]].op, v, number, s.width) for s, v in made.items()})

    changed = replace(path, condition=tuple(map(moved, path.condition)), events=tuple(_moved(e, moved) for e in events))
    if isinstance(changed, CallPath):
        verdict = moved(changed.verdict) if isinstance(changed.verdict, Expr) else changed.verdict
        writes = tuple((offset, moved(value)) for offset, value in changed.packet_writes)
        return replace(changed, packet_writes=writes, verdict=verdict)
    return changed


def _made(op: Operation, value: Produced, number: dict[int, int], width: int) -> Expr:
    return sym(Produced(op.name, number[value.event], value.part), width)


def _moved(e: Event, moved: Callable[[Expr], Expr]) -> Event:
    home = None if e.key_home is None else (e.key_home[0], moved(e.key_home[1]))
    return replace(
        e,
        key=None if e.key is None else tuple(map(moved, e.key)),
        raw=tuple(map(moved, e.raw)),
        index=None if e.index is None else moved(e.index),
        value=None if e.value is None else moved(e.value),
        operands=tuple(map(moved, e.operands)),
        stored=tuple((offset, moved(value)) for offset, value in e.stored),
        key_home=home,
    )
