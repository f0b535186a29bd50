"""Where the keys of maps live: a map stores pointers to its keys, which must lie in entries of a vector.

An *index map* is a map all of whose values are the fresh indices at which its keys lie.  A map whose keys lie in blocks
of entries, ``index * stride + offset``, has as many keys per index as it likes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import TRUE, eq, extract, land, lnot, lor, substitute, symbols
from maestro_tool.expr.symbols import Packet, Produced, is_packet_byte, of_packet
from maestro_tool.operations.row import Effect
from maestro_tool.sharding.facts.access import may_leave_block, owner, strip_extension
from maestro_tool.sharding.facts.blocks import Prover
from maestro_tool.sharding.facts.dependencies import dependencies
from maestro_tool.sharding.facts.events import is_map_get, is_map_put, same
from maestro_tool.sharding.facts.reach import IndexConditions
from maestro_tool.sharding.plan import Code, Obstacle
from maestro_tool.symex.callpath import Analysis, CallPath, Event, KeyField


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where a map's keys live: entries of ``vector`` at indices of ``dchain``, ``stride`` entries per index.

    ``index_map``: the map's values are those indices.
    """

    vector: int
    dchain: int
    stride: int
    index_map: bool


@dataclass(frozen=True, slots=True)
class KeyPlaces:
    """``of``: by map; a map that is ``refused`` has none."""

    of: dict[int, KeyPlace]
    refused: tuple[Obstacle, ...]

    def maps(self, dchain: int) -> set[int]:
        return {m for m, place in self.of.items() if place.dchain == dchain}

    def index_map(self, m: int | None) -> KeyPlace | None:
        place = self.of.get(m) if m is not None else None
        return place if place is not None and place.index_map else None

    def source(self, path: CallPath, s: Expr) -> int | None:
        """The dchain that symbol ``s`` of ``path`` is an index of: fresh, or the value of an index map."""
        origin = path.producer(s)
        if origin is not None and origin.op.effect is Effect.ALLOCATE:
            return origin.objects[0]
        place = self.index_map(origin.objects[0]) if origin is not None and is_map_get(origin) else None
        return place.dchain if place is not None else None


def key_places(analysis: Analysis, prover: Prover) -> KeyPlaces:
    """The place of the keys of each map that packets fill; an obstacle for each map whose keys have none."""
    puts = [
        (path, n, e)
        for path in analysis.paths
        for n, e in enumerate(path.events)
        if is_map_put(e)
    ]  # fmt: skip
    filled = {o.id for o in analysis.objects if o.filled}
    locs = {e.objects[0]: e.loc for _, _, e in puts}

    def agreed(known: KeyPlaces) -> KeyPlaces:
        return _agree({m: _found(analysis, puts, m, known, prover) for m in _maps(puts)}, locs)

    # Blocks belong to indices, so the index maps must be known before them.
    found = agreed(agreed(KeyPlaces({}, ())))
    return KeyPlaces({m: place for m, place in found.of.items() if m not in filled}, found.refused)


_Put = tuple[CallPath, int, Event]


def _maps(puts: list[_Put]) -> list[int]:
    return sorted({e.objects[0] for _, _, e in puts})


def _found(analysis: Analysis, puts: list[_Put], m: int, known: KeyPlaces, prover: Prover) -> list[KeyPlace | Obstacle]:
    """For each put into map ``m`` the place of the key, or why it has none."""
    return [_place(analysis, path, n, e, known, prover) for path, n, e in puts if e.objects[0] == m]


def _agree(found: dict[int, list[KeyPlace | Obstacle]], locs: dict[int, int]) -> KeyPlaces:
    """Maps all of whose keys have one kind of place; ``locs``: of the last put into each."""
    of: dict[int, KeyPlace] = {}
    refused: list[Obstacle] = []
    for m, places in found.items():
        reasons = [why for why in places if isinstance(why, Obstacle)]
        known = [place for place in places if isinstance(place, KeyPlace)]
        kinds = {replace(place, index_map=False) for place in known}
        if len(kinds) > 1:
            reasons.append(Obstacle(Code.KEYS_IN_DIFFERENT_VECTORS, (m,), (locs[m],)))
        if reasons:
            refused += dict.fromkeys(reasons)
        else:
            of[m] = replace(next(iter(kinds)), index_map=all(place.index_map for place in known))
    return KeyPlaces(of, tuple(refused))


def _place(
    analysis: Analysis, path: CallPath, number: int, put: Event, known: KeyPlaces, prover: Prover
) -> KeyPlace | Obstacle:  # fmt: skip
    """Where a key lies that is put; or why that is no place that keeps it."""
    assert put.value is not None  # the row of operations that put has one
    if put.key is None:
        return _refused(Code.MAP_KEYS_UNKNOWN, put)
    if put.key_home is None or put.key_offset != 0:
        return _refused(Code.KEY_NOT_IN_VECTOR, put)
    vector, index = put.key_home
    base, stride = owner(path, put, index, None, prover)
    own = allocated_by if stride == 1 else known.source
    dchain = own(path, base) if base is not None else None
    if dchain is None:
        out = base is None and may_leave_block(path, index, prover)
        return _refused(Code.OUTSIDE_BLOCK if out else Code.KEY_NOT_AT_FRESH_INDEX, put)
    if not holds_key(analysis, path, number, vector, index):
        return _refused(Code.KEY_NOT_WRITTEN, put, vector)
    doubt = _may_be_there(path, number)
    if doubt is not None and not _goes_with_another(analysis, path, number, prover):
        return _refused(doubt, put)
    at_index = strip_extension(put.value) is strip_extension(index)
    if stride > 1 and not at_index:
        made = dependencies(path, put.value, 4)
        return replace(_refused(Code.BLOCK_KEY_VALUE, put), fields=tuple(sorted(made, key=repr)))
    return KeyPlace(vector, dchain, stride, at_index and stride == 1)


def _may_be_there(path: CallPath, number: int) -> Code | None:
    """Why the map may have the key of a put; None: it was looked up, was absent, and none was put since."""
    put = path.events[number]
    earlier = [e for e in path.events[:number] if e.objects == put.objects]
    missed = [n for n, e in enumerate(earlier) if is_map_get(e) and e.result is False and same(e.key, put.key)]
    if not missed:
        return Code.KEY_NOT_LOOKED_UP
    return Code.SEVERAL_KEYS_PUT if any(map(is_map_put, earlier[missed[-1] :])) else None  # perhaps this very key


def _goes_with_another(analysis: Analysis, path: CallPath, number: int, prover: Prover) -> bool:
    """Whether the only key that the path puts into this map is absent because another is that lies in its element.

    All packets put such pairs, and who agrees in the one key agrees in the other; and both leave with the element's
    index.
    """
    m = path.events[number].objects
    others = [n for n, e in enumerate(path.events[:number]) if is_map_put(e) and _may_be_there(path, n) is None]
    once = sum(is_map_put(e) and e.objects == m for e in path.events) == 1
    return once and any(_tell(analysis, m, path.events[n].objects, prover) for n in others)


def _tell(analysis: Analysis, m: tuple[int, ...], twin: tuple[int, ...], prover: Prover) -> bool:
    """Whether packets that put equal keys into ``m`` put equal keys into its ``twin``, into which each puts one, too,
    in the same element."""
    keys: set[tuple[tuple[Expr, ...], tuple[Expr, ...]]] = set()
    for path in analysis.paths:
        for e in path.events:
            if not is_map_put(e) or e.objects != m:
                continue
            others = [x for x in path.events if x.objects == twin and x.key_home == e.key_home is not None]
            if len(others) != 1:
                return False
            assert (
                e.key is not None and others[0].key is not None
            )  # of maps with known keys, one of which was found equal
            keys.add((e.key, others[0].key))
    if not all(is_packet_byte(s) for pair in keys for key in pair for part in key for s in symbols(part)):
        return False
    return all(prover.always((), lor(lnot(_equal(x, y, 0)), _equal(x, y, 1))) for x in keys for y in keys)


def _equal(x: tuple[tuple[Expr, ...], ...], y: tuple[tuple[Expr, ...], ...], which: int) -> Expr:
    """Packet a's key is packet b's."""
    return reduce(land, (eq(_of(p, "a"), _of(q, "b")) for p, q in zip(x[which], y[which], strict=True)), TRUE)


def _of(e: Expr, packet: Packet) -> Expr:
    return substitute(e, {s: of_packet(s, packet) for s in symbols(e)})


def _refused(code: Code, put: Event, *others: int) -> Obstacle:
    return Obstacle(code, put.objects, (put.loc,), (*put.objects, *others) if others else ())


def allocated_by(path: CallPath, index: Expr) -> int | None:
    """The dchain that ``index`` was freshly allocated from on ``path``."""
    source = strip_extension(index)
    origin = path.producer(source) if source.op == "sym" else None
    return origin.objects[0] if origin is not None and origin.op.effect is Effect.ALLOCATE else None


def put_index(path: CallPath, put: Event) -> int | None:
    """The dchain that the value of a put was freshly allocated from."""
    return allocated_by(path, put.value) if put.value is not None else None


def holds_key(analysis: Analysis, path: CallPath, number: int, vector: int, index: Expr) -> bool:
    """Whether the entry's bytes are those of the key, which is known, from its put (event ``number``) to the end of the
    path."""
    put = path.events[number]
    fields = analysis.objects[put.objects[0]].key
    assert fields is not None and put.key is not None
    own = strip_extension(index)
    held: dict[int, Expr] = {}

    def holds() -> bool:
        return all(
            all(n in held for n in _bytes(f)) and f.value([held[n] for n in _bytes(f)]) is key
            for f, key in zip(fields, put.key or (), strict=True)
        )

    for n, e in enumerate(path.events):
        if e.op.effect is Effect.WRITE and e.objects[0] == vector:
            assert e.index is not None
            at = strip_extension(e.index)
            if at is own:
                held.update(stored_bytes(e))
            elif not _both_allocated(path, at, own):
                return False  # an entry that may be the same
        if n >= number and not holds():
            return False
    return True


def _both_allocated(path: CallPath, x: Expr, y: Expr) -> bool:
    """Whether two indices were allocated one after the other, and are in use together: then they are not the same."""
    chain = allocated_by(path, x)
    if chain is None or chain != allocated_by(path, y):
        return False
    assert isinstance(x.value, Produced) and isinstance(y.value, Produced)
    first, second = sorted((x.value.event, y.value.event))
    between = (e for e in path.events[first:second] if e.op.effect in (Effect.FREE, Effect.EXPIRE))
    return all(e.objects[0] != chain for e in between)


def _bytes(f: KeyField) -> range:
    return range(f.offset, f.offset + f.size)


def stored_bytes(e: Event) -> dict[int, Expr]:
    """Offset -> byte that a write puts there."""
    result = {}
    for offset, value in e.stored:
        for i in range(value.width // 8):
            high = value.width - 1 - 8 * i
            result[offset + i] = extract(value, high, high - 7)
    return result


def possible_paths(analysis: Analysis, places: KeyPlaces) -> Analysis:
    """``analysis`` without the paths on which an index would be negative (NFs test for -1, "not found", that way)."""
    solver = IndexConditions()
    kept = tuple(
        path
        for path in analysis.paths
        if not any(solver.impossible(c, indices_in(path, c, places)) for c in path.condition)
    )
    return replace(analysis, paths=kept)


def indices_in(path: CallPath, e: Expr, places: KeyPlaces) -> list[Expr]:
    """Symbols of ``e`` that are indices: fresh ones, and values of index maps."""
    return sorted((s for s in symbols(e) if places.source(path, s) is not None), key=lambda s: str(s.value))
