"""Which index was chosen, and how many entries expired: what packets can see of it.

Cores choose indices for themselves.  As long as an index only leads from a key to its entry, they may even choose the
same ones.  Where more can be seen - the index leaves in packets, is stored, makes a key, has a block of entries; or an
entry is read that an earlier owner of the index, or set-up, has written - each core chooses among *indices of its own*:
then the cores' maps, vectors and allocators are, taken together, those of the sequential NF, had it chosen among its free
indices in this way.  That is the relaxation ``index-choice``; objects that need it are ``ranged``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import symbols
from maestro_tool.sharding.access import producer, strip_extension
from maestro_tool.sharding.homes import allocated_by, indices_in, stored_bytes
from maestro_tool.sharding.reach import IndexConditions
from maestro_tool.sharding.plan import Obstacle
from maestro_tool.sharding.scope import Scope
from maestro_tool.symex.callpath import CallPath, Event

#: What an index must not decide, however it was chosen: an NF that lets it is taken to mean more than "a free one".
_DECISIONS = frozenset({"what the packet does", "where the packet goes", "an entry's age"})


def obstacles(scope: Scope) -> Iterator[Obstacle]:
    for path, where, value, loc in _seen(scope):
        for s in symbols(value):
            origin = producer(path, s)
            if origin is not None and origin.op in ("expire", "expire_range"):
                if scope.objects.isdisjoint(origin.objects):
                    continue
                text = f"how many entries expired decides {where}: on its own core a packet sees only a part of them"
                remedy = "do not use the number that expiry returns"
                yield Obstacle(None, text, origin.objects, (loc,), remedy=remedy)
            elif where in _DECISIONS:
                dchain = scope.homes.source(path, s)
                if dchain in scope.objects:
                    text = (
                        f"an index of {scope.name(_named(origin, dchain))} decides {where}: "
                        "another core would choose another, or the same one"
                    )
                    yield Obstacle(None, text, (dchain,), (loc,), remedy="use the index to reach entries only")


def ranged(scope: Scope) -> dict[int, tuple[str, int]]:
    """Allocators that must hand out indices of each core's own, with what can be seen of them and where."""
    found: dict[int, tuple[str, int]] = {}
    for path, where, value, loc in _seen(scope):
        for s in symbols(value):
            dchain = scope.homes.source(path, s)
            if dchain in scope.objects:
                found.setdefault(dchain, (f"an index decides {where}", loc))
    for a in scope.touched:
        dchain = None
        if a.stride > 1:
            home = scope.homes.index_map(a.through)
            dchain = home.dchain if a.how == "via map" and home is not None else a.through
        if dchain is not None:
            found.setdefault(dchain, (f"each index has entries of its own in {scope.name(a.object)}", a.loc))
    for dchain, text, loc in _leftovers(scope):
        found.setdefault(dchain, (text, loc))
    return found


def _named(origin: Event | None, dchain: int) -> int:
    return dchain if origin is None else origin.objects[0]


def _seen(scope: Scope) -> Iterator[tuple[CallPath, str, Expr, int]]:
    """Every expression but indices that just reach entries, and what is true of every index: (path, what it decides,
    expression, loc)."""
    solver = IndexConditions()
    for path in scope.analysis.paths:
        for where, value, loc in _expressions(path):
            if value.width == 0 and solver.certain(value, indices_in(path, value, scope.homes)):
                continue
            yield path, where, value, loc


def _expressions(path: CallPath) -> Iterator[tuple[str, Expr, int]]:
    for c in path.condition:
        yield "what the packet does", c, path.loc
    for e in path.events:
        for k in e.key or ():
            yield "a key", k, e.loc
        for _, v in e.stored:
            yield "what an entry holds", v, e.loc
        if e.index is not None and strip_extension(e.index).op != "sym":
            yield "which entry is used", e.index, e.loc
        if e.value is not None and e.op not in ("map_get", "dchain_allocate") and not _puts_index(path, e):
            yield "a value", e.value, e.loc
        if e.value is not None and e.op == "dchain_allocate":
            yield "an entry's age", e.value, e.loc
    for _, v in path.packet_writes:
        yield "what leaves in packets", v, path.loc
    if isinstance(path.verdict, Expr):
        yield "where the packet goes", path.verdict, path.loc


def _puts_index(path: CallPath, e: Event) -> bool:
    return e.op == "map_put" and e.value is not None and allocated_by(path, e.value) is not None


def _leftovers(scope: Scope) -> Iterable[tuple[int, str, int]]:
    """Bytes of an entry that are read though the packet that allocated its index did not write them: what was there
    before comes from set-up or from an earlier owner, and depends on which index was chosen."""
    wanted: dict[int, dict[int, int]] = defaultdict(dict)  # vector -> byte that is read -> loc
    chains: dict[int, set[int]] = defaultdict(set)  # vector -> allocators of the indices it is reached by
    for path in scope.analysis.paths:
        for e in path.events:
            if e.op not in ("vector_read", "vector_write") or e.index is None:
                continue
            source = strip_extension(e.index)
            dchain = scope.homes.source(path, source) if source.op == "sym" else None
            if dchain not in scope.objects:
                continue
            v = e.objects[0]
            chains[v].add(dchain)
            if e.op == "vector_read" and allocated_by(path, source) is not None:
                text = f"an entry of {scope.name(v)} is read before the packet that allocated it has written it"
                yield dchain, text, e.loc
            elif e.op == "vector_read" and e.span is not None:
                for byte in range(*e.span):
                    wanted[v].setdefault(byte, e.loc)
    for path, e in scope.events("dchain_allocate"):
        for v in (v for v, found in chains.items() if e.result is not False and e.objects[0] in found):
            missing = set(wanted[v]) - _written_fresh(path, v, e)
            if missing:
                text = (
                    f"byte {min(missing)} of entries of {scope.name(v)} is read, but not written when their index is "
                    "allocated: what an earlier owner left there is seen"
                )
                yield e.objects[0], text, wanted[v][min(missing)]


def _written_fresh(path: CallPath, vector: int, allocation: Event) -> set[int]:
    """Bytes of the vector's entry at the freshly allocated index that the path writes."""
    written: set[int] = set()
    for e in path.events:
        if e.op == "vector_write" and e.objects[0] == vector and e.index is not None:
            source = strip_extension(e.index)
            if source.op == "sym" and producer(path, source) is allocation:
                written |= set(stored_bytes(e))
    return written
