"""Expiry commutes: entries grow old alike on all cores.

Sequentially, any packet expires entries for all; on its own core, an entry is only expired by that core's packets.
Nobody can tell as long as every packet expires, with one bound, before it looks - and as long as entries are as old as
the list of the allocator says, that is, used at the time of the packet.  The same holds for sketches.

Requires: names are total; time does not go backwards on a core.
Ensures: whether an entry is there when a packet looks depends on its age at the packet's time alone, not on which
packets came before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import signed, symbols
from maestro_tool.expr.symbols import NOW, is_option
from maestro_tool.operations.row import Effect, Entries, Operation, Role
from maestro_tool.sharding.facts.access import Access
from maestro_tool.sharding.facts.scope import Scope
from maestro_tool.sharding.lemmas.question import Question
from maestro_tool.sharding.plan import Code, Obstacle
from maestro_tool.symex.callpath import CallPath, Event


def obstacles(q: Question) -> Iterator[Obstacle]:
    scope = q.scope
    groups: dict[int, set[int]] = defaultdict(set)  # dchain or sketch -> objects whose entries its expiry ends
    bounds: dict[int, dict[Expr, int]] = defaultdict(dict)
    for path, e in scope.events(Effect.EXPIRE):
        if _ends_old(e.op) and not _idle(path, e):
            assert e.value is not None  # the rows of operations that end old entries have a value
            groups[e.objects[0]] |= set(e.objects) | scope.places.maps(e.objects[0])
            bounds[e.objects[0]].setdefault(e.value, e.loc)
    for obj, found in bounds.items():
        if len(found) > 1:
            yield Obstacle(Code.SEVERAL_TIME_LIMITS, (obj,), tuple(found.values()))
        for bound, loc in found.items():
            if not _is_age(bound):
                yield Obstacle(Code.TIME_LIMIT_NO_AGE, (obj,), (loc,))
    for e in (e for p in scope.analysis.paths for e in p.events if e.op.operands_of(Role.AGES)):
        if e.objects[0] in bounds and not all(t is NOW for t in e.operands_with(Role.AGES)):
            yield Obstacle(Code.AGE_NOT_NOW, (e.objects[0],), (e.loc,))
    yield from _late_expiry(scope, groups, bounds)


def _ends_old(op: Operation) -> bool:
    """Whether it ends exactly the entries that are too old."""
    return op.effect is Effect.EXPIRE and op.objects[0].entries is Entries.OLD


def _idle(path: CallPath, e: Event) -> bool:
    """Whether nothing is left to end: the path has ended all that is as old, or younger, before.  (What it used since
    is as old as the packet, which no limit lies behind.)"""
    limit = _behind(e)
    before = (x for x in path.events[: path.events.index(e)] if _ends_old(x.op) and x.objects == e.objects)
    return limit is not None and any((done := _behind(x)) is not None and done <= limit for x in before)


def _behind(e: Event) -> int | None:
    """How far a limit lies behind the packet's time; None if that is no constant."""
    bound = e.value
    assert bound is not None  # as above
    if bound is NOW:
        return 0
    if bound.op != "add" or bound.args[0] is not NOW or not bound.args[1].is_const:
        return None
    return -signed(bound.args[1].const, bound.args[1].width)


def _is_age(bound: Expr) -> bool:
    """``now``, or ``now`` less constants and options: a limit that does not wrap around."""
    if bound is NOW:
        return True
    if bound.op not in ("add", "sub"):
        return False
    left, right = bound.args
    if bound.op == "add" and NOW not in symbols(left):
        left, right = right, left
    ahead = right.is_const and (signed(right.const, right.width) > 0) == (bound.op == "add")
    return _is_age(left) and not ahead and all(map(is_option, symbols(right)))


def _late_expiry(scope: Scope, groups: dict[int, set[int]], bounds: dict[int, dict[Expr, int]]) -> Iterator[Obstacle]:
    by_path: dict[int, list[Access]] = defaultdict(list)
    for a in scope.touched:
        by_path[a.path].append(a)
    for accesses in by_path.values():
        expired: set[int] = set()
        for a in sorted(accesses, key=lambda a: a.event):
            if _ends_old(a.op):
                expired.add(scope.event(a).objects[0])
                continue
            for dchain, members in groups.items():
                # Entries that an index leads to are looked at later than what gave the index, which is a member.
                if a.object in members and dchain not in expired:
                    locs = (a.loc, next(iter(bounds[dchain].values())))
                    yield Obstacle(Code.EXPIRED_LATE, (a.object, dchain), locs)
