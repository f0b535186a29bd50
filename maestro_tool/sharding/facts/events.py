"""What an event is, as far as several lemmas ask."""

from __future__ import annotations

from maestro_tool.expr import Expr
from maestro_tool.operations.row import Effect
from maestro_tool.symex.callpath import Event


def is_map_get(e: Event) -> bool:
    """Whether the event asks a map for a key."""
    return e.op.effect is Effect.GET and e.op.objects[0].kind == "map"


def is_map_put(e: Event) -> bool:
    """Whether the event puts a key into a map."""
    return e.op.effect is Effect.PUT and e.op.objects[0].kind == "map"


def is_map_erase(e: Event) -> bool:
    """Whether the event erases a key from a map."""
    return e.op.effect is Effect.ERASE and e.op.objects[0].kind == "map"


def same(a: tuple[Expr, ...] | None, b: tuple[Expr, ...] | None) -> bool:
    """Whether two keys are the same expressions."""
    return a is not None and b is not None and len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))
