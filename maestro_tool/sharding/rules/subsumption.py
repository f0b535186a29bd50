"""R2, subsumption: of constraints on the same ports the coarser one wins."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from maestro_tool.sharding.plan import Constraint, Rule
from maestro_tool.sharding.rules.linear import bit_pairs

T = TypeVar("T")


def subsume(constraints: list[Constraint]) -> list[Constraint]:
    """R2: of constraints on the same ports the coarser one wins; equal ones are merged.

    Also dropped: "equal fields on port p meet" where p is already tied to another port by these or fewer fields
    (a packet of the other port stands between the two: there is one if no field is tied to several).
    """
    merged: dict[tuple[object, ...], Constraint] = {}
    for c in constraints:
        key = (c.ports, frozenset(c.equal), c.relation)
        merged[key] = _absorb(merged[key], c, merged[key].rule) if key in merged else c
    kept: list[Constraint] = []
    for c in sorted(merged.values(), key=lambda c: (len(bit_pairs(c)), c.relation is not None, c.ports, repr(c.equal))):
        for i, k in enumerate(kept):
            if k.relation is None and k.ports == c.ports and bit_pairs(k) <= bit_pairs(c):
                kept[i] = _absorb(k, c, "R2")
                break
        else:
            kept.append(c)
    for c in [c for c in kept if c.ports[0] == c.ports[1] and all(x == y for x, y in c.equal)]:
        for t in [k for k in kept if k.ports[0] != k.ports[1] and _one_to_one(k)]:
            side = t.ports.index(c.ports[0]) if c.ports[0] in t.ports else None
            if side is None or t.relation is not None:
                continue
            if not {pair[side] for pair in bit_pairs(t)} <= {x for x, _ in bit_pairs(c)}:
                continue
            if set(c.classes[0]) | set(c.classes[1]) <= set(t.classes[side]):
                kept[kept.index(t)] = replace(t, objects=_union(t.objects, c.objects), locs=_union(t.locs, c.locs))
                kept.remove(c)
                break
    return sorted(kept, key=lambda c: (c.ports, repr(c.equal)))


def _one_to_one(c: Constraint) -> bool:
    """Whether each bit that is named on either side is tied to one bit of the other."""
    bits = bit_pairs(c)
    return all(len({pair[side] for pair in bits}) == len(bits) for side in (0, 1))


def _absorb(kept: Constraint, other: Constraint, rule: Rule) -> Constraint:
    return replace(
        kept,
        rule=rule,
        objects=_union(kept.objects, other.objects),
        locs=_union(kept.locs, other.locs),
        classes=(_union(kept.classes[0], other.classes[0]), _union(kept.classes[1], other.classes[1])),
    )


def _union(a: tuple[T, ...], b: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*a, *b)))
