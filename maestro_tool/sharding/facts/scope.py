"""What is looked at together: the objects that shall be sharded, and how packets touch them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from maestro_tool.operations.row import Effect, ObjectKind
from maestro_tool.sharding.facts.access import Access
from maestro_tool.sharding.facts.key_places import KeyPlaces
from maestro_tool.symex.callpath import Analysis, CallPath, Event


@dataclass(frozen=True)
class Scope:
    """``objects``: those that packets write and that shall be sharded; ``touched``: the accesses to them.

    Of objects that belong together (`groups.py`) either all are in a scope or none is.
    """

    analysis: Analysis
    places: KeyPlaces
    objects: frozenset[int]
    touched: tuple[Access, ...]

    def name(self, obj: int) -> str:
        return self.analysis.objects[obj].name

    def event(self, a: Access) -> Event:
        return self.analysis.paths[a.path].events[a.event]

    def allocator(self, a: Access) -> int | None:
        """The allocator whose index, fresh or found in a map, leads to the entries of an access; None if none does."""
        place = self.places.index_map(a.through)
        return place.dchain if place is not None else a.through if a.how == "fresh" else None

    @cached_property
    def _happening(self) -> Mapping[Effect, list[tuple[CallPath, Event]]]:
        """The events that do something to objects of the scope."""
        found: dict[Effect, list[tuple[CallPath, Event]]] = {}
        for path in self.analysis.paths:
            for e in path.events:
                if e.objects and e.objects[0] in self.objects:
                    found.setdefault(e.op.effect, []).append((path, e))
        return found

    def events(self, effect: Effect, kind: ObjectKind | None = None) -> list[tuple[CallPath, Event]]:
        """The events that do so to objects of the scope, or to those of one kind."""
        found = self._happening.get(effect, [])
        return [(path, e) for path, e in found if kind in (None, e.op.objects[0].kind)]
