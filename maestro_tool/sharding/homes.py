"""Where the keys of maps live: a map stores pointers to its keys, which must lie in entries of a vector.

An *index map* is a map all of whose values are the fresh indices at which its keys lie.  A map whose keys lie in blocks
of entries, ``index * stride + offset``, has as many keys per index as it likes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import extract, symbols
from maestro_tool.operations.row import Effect
from maestro_tool.sharding.access import is_map_get, owner, strip_extension
from maestro_tool.sharding.plan import Obstacle
from maestro_tool.sharding.reach import IndexConditions
from maestro_tool.sharding.slots import Prover
from maestro_tool.symex.callpath import Analysis, CallPath, Event, KeyField


@dataclass(frozen=True, slots=True)
class Home:
    """Where a map's keys live: entries of ``vector`` at indices of ``dchain``, ``stride`` entries per index.

    ``index_map``: the map's values are those indices.
    """

    vector: int
    dchain: int
    stride: int
    index_map: bool


@dataclass(frozen=True, slots=True)
class _Homeless:
    """Why a key has no home, and what would give it one."""

    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Homes:
    """``of``: by map; a map that an obstacle is about has none."""

    of: dict[int, Home]
    obstacles: tuple[Obstacle, ...]

    def maps(self, dchain: int) -> set[int]:
        return {m for m, home in self.of.items() if home.dchain == dchain}

    def index_map(self, m: int | None) -> Home | None:
        home = self.of.get(m) if m is not None else None
        return home if home is not None and home.index_map else None

    def source(self, path: CallPath, s: Expr) -> int | None:
        """The dchain that symbol ``s`` of ``path`` is an index of: fresh, or the value of an index map."""
        origin = path.producer(s)
        if origin is not None and origin.op.effect is Effect.ALLOCATE:
            return origin.objects[0]
        home = self.index_map(origin.objects[0]) if origin is not None and is_map_get(origin) else None
        return home.dchain if home is not None else None


def unknown_keys(analysis: Analysis, m: int) -> tuple[str, str]:
    """Why the keys of a map are not known, in the words of the note about its allocation, and what would help."""
    obj = analysis.objects[m]
    notes = (text.partition(";")[0] for loc, text in analysis.notes if loc == obj.loc and "keys of this map" in text)
    why = next(notes, "its equality is not one of fields, or its hash reads others")
    remedy = "compare members of the two keys by ==, all joined with &&, and let the hash read no others"
    return f"could not decide which keys of {obj.name} are equal: {why}", remedy


def key_homes(analysis: Analysis, prover: Prover) -> Homes:
    """The home of each map that packets fill; an obstacle for each map whose keys have none."""
    puts = [
        (path, n, e)
        for path in analysis.paths
        for n, e in enumerate(path.events)
        if is_map_put(e)
    ]  # fmt: skip
    filled = {o.id for o in analysis.objects if o.kind == "map" and o.filled}
    plain = _agree(analysis, {m: _found(analysis, puts, m, Homes({}, ()), prover) for m in _maps(puts)})
    # Blocks belong to indices, so the index maps must be known before them.
    known = Homes({m: home for m, home in plain.of.items() if m not in filled}, ())
    rest = {m: _found(analysis, puts, m, known, prover) for m in _maps(puts) if m not in plain.of}
    blocks = _agree(analysis, rest)
    of = {m: home for m, home in (known.of | blocks.of).items() if m not in filled}
    return Homes(of, blocks.obstacles)


_Put = tuple[CallPath, int, Event]


def _maps(puts: list[_Put]) -> list[int]:
    return sorted({e.objects[0] for _, _, e in puts})


def _found(
    analysis: Analysis, puts: list[_Put], m: int, known: Homes, prover: Prover
) -> list[tuple[Home | _Homeless, int]]:
    """For each put into map ``m`` the home of the key, or why it has none; and where that is."""
    return [
        (_home(analysis, path, n, e, known, prover), e.loc) for path, n, e in puts if e.objects[0] == m
    ]  # fmt: skip


def _agree(analysis: Analysis, found: dict[int, list[tuple[Home | _Homeless, int]]]) -> Homes:
    """Maps all of whose keys have one kind of home."""
    of: dict[int, Home] = {}
    refused: list[Obstacle] = []
    for m, homes in found.items():
        name = analysis.objects[m].name
        reasons = [(why, loc) for why, loc in homes if isinstance(why, _Homeless)]
        known = [(h, loc) for h, loc in homes if isinstance(h, Home)]
        places = {replace(h, index_map=False) for h, _ in known}
        if len(places) > 1:
            lie = _Homeless(f"keys of {name} lie in different vectors", "keep its keys in one vector, at fresh indices")
            reasons.append((lie, known[-1][1]))
        if reasons:
            refused += [
                Obstacle(None, why.text, (m,), (loc,), remedy=why.remedy) for why, loc in dict.fromkeys(reasons)
            ]
        else:
            of[m] = replace(next(iter(places)), index_map=all(h.index_map for h, _ in known))
    return Homes(of, tuple(refused))


def _home(
    analysis: Analysis, path: CallPath, number: int, put: Event, known: Homes, prover: Prover
) -> Home | _Homeless:  # fmt: skip
    name = analysis.objects[put.objects[0]].name
    if put.key is None:
        return _Homeless(*unknown_keys(analysis, put.objects[0]))
    if put.key_home is None:
        text = f"{name}: the key that is put does not lie in an entry of a vector, so it may change or vanish"
        return _Homeless(text, "copy the key to what vector_borrow gives for a fresh index, and put that address")
    vector, index = put.key_home
    base, stride = owner(path, put, index, None, prover)
    dchain = allocated_by(path, base) if base is not None else None
    if dchain is None and base is not None and stride > 1:
        dchain = known.source(path, base)
    if dchain is None:
        text = f"{name}: the key that is put does not lie at a freshly allocated index"
        return _Homeless(text, "copy the key to the entry of the index that dchain_allocate_new_index gave")
    if not holds_key(analysis, path, put, vector, index):
        text = f"{name}: {analysis.objects[vector].name} does not hold the key that is put when the packet is done"
        return _Homeless(text, "write the whole key where it lies before it is put, and nothing else there later")
    earlier = [e for e in path.events[:number] if e.objects == put.objects]
    if not any(is_map_get(e) and e.result is False and same(e.key, put.key) for e in earlier):
        text = f"{name}: a key is put that was not looked up and found absent before: it may be there twice"
        return _Homeless(text, "call map_get with that very key first, and put it only if it is not found")
    if any(map(is_map_put, earlier)):
        return _Homeless(
            f"{name}: a packet puts more than one key", "give each key that a packet puts a map of its own"
        )
    at_home = put.value is not None and strip_extension(put.value) is strip_extension(index)
    if stride > 1 and not at_home:
        text = f"{name}: a key of a block is put with another value than the number of its entry"
        return _Homeless(text, "put each key with the index of the vector's entry that it lies in")
    return Home(vector, dchain, stride, at_home and stride == 1)


def allocated_by(path: CallPath, index: Expr) -> int | None:
    """The dchain that ``index`` was freshly allocated from on ``path``."""
    source = strip_extension(index)
    origin = path.producer(source) if source.op == "sym" else None
    return origin.objects[0] if origin is not None and origin.op.effect is Effect.ALLOCATE else None


def is_map_put(e: Event) -> bool:
    """Whether the event puts a key into a map."""
    return e.op.effect is Effect.PUT and e.op.objects[0].kind == "map"


def put_index(path: CallPath, put: Event) -> int | None:
    """The dchain that the value of a put was freshly allocated from."""
    return allocated_by(path, put.value) if put.value is not None else None


def same(a: tuple[Expr, ...] | None, b: tuple[Expr, ...] | None) -> bool:
    """Whether two keys are the same expressions."""
    return a is not None and b is not None and len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))


def holds_key(analysis: Analysis, path: CallPath, put: Event, vector: int, index: Expr) -> bool:
    """Whether the entry's bytes at the end of the path are those of the key."""
    fields = analysis.objects[put.objects[0]].key
    if fields is None or put.key is None:
        return False
    held: dict[int, Expr] = {}
    for e in path.events:
        if e.op.effect is Effect.WRITE and e.objects[0] == vector and e.index is not None:
            if strip_extension(e.index) is not strip_extension(index):
                return False  # an entry that may be the same
            held.update(stored_bytes(e))
    return all(
        all(n in held for n in _bytes(f)) and f.value([held[n] for n in _bytes(f)]) is key
        for f, key in zip(fields, put.key, strict=True)
    )


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


def possible_paths(analysis: Analysis, homes: Homes) -> Analysis:
    """``analysis`` without the paths on which an index would be negative (NFs test for -1, "not found", that way)."""
    solver = IndexConditions()
    kept = tuple(
        path
        for path in analysis.paths
        if not any(solver.impossible(c, indices_in(path, c, homes)) for c in path.condition)
    )
    return replace(analysis, paths=kept)


def indices_in(path: CallPath, e: Expr, homes: Homes) -> list[Expr]:
    """Symbols of ``e`` that are indices: fresh ones, and values of index maps."""
    return sorted((s for s in symbols(e) if homes.source(path, s) is not None), key=lambda s: str(s.value))
