"""Entries must grow old alike on all cores.

Sequentially, any packet expires entries for all; on its own core, an entry is only expired by that core's packets.
Nobody can tell as long as every packet expires, with one bound, before it looks - and as long as entries are as old as
the list of the dchain says, that is, used at the time of the packet.  The same holds for sketches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import symbols
from maestro_tool.expr.symbols import NOW, is_option
from maestro_tool.operations.row import Effect, Entries, Operation, Role
from maestro_tool.sharding.access import Access
from maestro_tool.sharding.plan import Obstacle
from maestro_tool.sharding.scope import Scope


def obstacles(scope: Scope) -> Iterable[Obstacle]:
    groups: dict[int, set[int]] = defaultdict(set)  # dchain or sketch -> objects whose entries its expiry ends
    bounds: dict[int, dict[Expr, int]] = defaultdict(dict)
    for _, e in scope.events(Effect.EXPIRE):
        if _ends_old(e.op) and e.value is not None:
            groups[e.objects[0]] |= set(e.objects) | scope.homes.maps(e.objects[0])
            bounds[e.objects[0]].setdefault(e.value, e.loc)
    for obj, found in bounds.items():
        if len(found) > 1:
            text = f"{scope.name(obj)} is expired with different time limits"
            yield Obstacle(None, text, (obj,), tuple(found.values()), remedy="expire with one time limit")
        for bound, loc in found.items():
            if not _is_age(bound):
                text = f"the time limit for {scope.name(obj)} is not the packet's time less an option"
                yield Obstacle(None, text, (obj,), (loc,), remedy="expire what is older than now less an option")
    for e in (e for p in scope.analysis.paths for e in p.events if e.op.slots(Role.AGES)):
        if e.objects[0] in bounds and not all(t is NOW for t in e.operands_with(Role.AGES)):
            text = f"an entry of {scope.name(e.objects[0])} is given another age than the packet's time"
            yield Obstacle(None, text, (e.objects[0],), (e.loc,), remedy="pass the now that nf_process was given")
    yield from _late_expiry(scope, groups, bounds)


def _ends_old(op: Operation) -> bool:
    """Whether it ends exactly the entries that are too old."""
    return op.effect is Effect.EXPIRE and op.objects[0].entries is Entries.OLD


def _is_age(bound: Expr) -> bool:
    """``now``, or ``now`` minus or plus constants and options."""
    if bound is NOW:
        return True
    if bound.op not in ("add", "sub"):
        return False
    left, right = bound.args
    if bound.op == "add" and NOW not in symbols(left):
        left, right = right, left
    return _is_age(left) and all(map(is_option, symbols(right)))


def _late_expiry(scope: Scope, groups: dict[int, set[int]], bounds: dict[int, dict[Expr, int]]) -> Iterable[Obstacle]:
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
                followed = a.object in members or _chain_of(scope, a) == dchain
                if followed and dchain not in expired:
                    text = (
                        f"{scope.name(a.object)} is accessed before old entries of {scope.name(dchain)} are expired: "
                        "other cores would see entries for longer"
                    )
                    locs = (a.loc, next(iter(bounds[dchain].values())))
                    remedy = "expire first thing for every packet"
                    yield Obstacle(None, text, (a.object, dchain), locs, remedy=remedy)


def _chain_of(scope: Scope, a: Access) -> int | None:
    if a.how == "fresh":
        return a.through
    home = scope.homes.index_map(a.through) if a.how == "via map" else None
    return home.dchain if home is not None else None
