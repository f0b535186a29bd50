"""R4 for constant keys: objects that packets find under a few constants leave work for as few cores."""

from __future__ import annotations

from collections.abc import Mapping

from maestro_tool.sharding.plan import Code, Constraint, Dependency, Obstacle
from maestro_tool.sharding.rules.key_equality import named_bytes


def few_keys(few: Mapping[int, tuple[int, ...]], constraints: list[Constraint]) -> list[Obstacle]:
    """Obstacles for the objects of ``few`` (with places), where others part packets better.

    Where they are all that parts packets, that is the best there is.
    """
    others = {o for c in constraints if few.keys().isdisjoint(c.objects) for o in c.objects}
    found = []
    for obj, locs in few.items() if others else ():
        read = (named_bytes(c, side) for c in constraints if obj in c.objects for side in (0, 1))
        fields = tuple(Dependency("field", name) for name in sorted(frozenset[str]().union(*read)))
        if fields:
            found.append(Obstacle(Code.FEW_CONSTANT_KEYS, (obj,), locs, (obj, *sorted(others)), fields=fields))
    return found
