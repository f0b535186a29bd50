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
from maestro_tool.sharding.access import Access
from maestro_tool.sharding.plan import Obstacle
from maestro_tool.sharding.scope import Scope

_EXPIRY = ("expire", "sketch_expire")
_USE = ("dchain_allocate", "dchain_rejuvenate", "sketch_refresh", "sketch_touch_buckets")


def obstacles(scope: Scope) -> Iterable[Obstacle]:
    groups: dict[int, set[int]] = defaultdict(set)  # dchain or sketch -> objects whose entries its expiry ends
    bounds: dict[int, dict[Expr, int]] = defaultdict(dict)
    for _, e in scope.events(*_EXPIRY):
        if e.value is not None:
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
    for _, e in scope.events(*_USE):
        if e.objects[0] in bounds and not _is_now(e.value):
            text = f"an entry of {scope.name(e.objects[0])} is given another age than the packet's time"
            yield Obstacle(None, text, (e.objects[0],), (e.loc,), remedy="pass the now that nf_process was given")
    yield from _late_expiry(scope, groups, bounds)


def _is_now(e: Expr | None) -> bool:
    return e is not None and e.op == "sym" and e.value == "now"


def _is_age(bound: Expr) -> bool:
    """``now``, or ``now`` minus or plus constants and options."""
    if _is_now(bound):
        return True
    if bound.op not in ("add", "sub"):
        return False
    left, right = bound.args
    if bound.op == "add" and not any(_is_now(s) for s in symbols(left)):
        left, right = right, left
    return _is_age(left) and all(str(s.value).startswith("cfg.") for s in symbols(right))


def _late_expiry(scope: Scope, groups: dict[int, set[int]], bounds: dict[int, dict[Expr, int]]) -> Iterable[Obstacle]:
    by_path: dict[int, list[Access]] = defaultdict(list)
    for a in scope.touched:
        by_path[a.path].append(a)
    for accesses in by_path.values():
        expired: set[int] = set()
        for a in sorted(accesses, key=lambda a: a.event):
            if a.op in _EXPIRY:
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
