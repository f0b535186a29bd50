"""From a conjecture to an analysis: what it took for granted, confirmed by the lemmas about keys.

Nobody else looks inside of a `Conjecture`; a test sees to that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from maestro_tool.operations.row import Effect
from maestro_tool.sharding.facts.events import is_map_erase, is_map_get, same
from maestro_tool.symex.analysis import Conjecture
from maestro_tool.symex.callpath import Analysis, CallPath


def confirmed(conjecture: Conjecture) -> Analysis | None:
    """The analysis, if its call paths bear out what it took for granted; else None: analyse without."""
    analysis = conjecture.unconfirmed
    return analysis if _holds(analysis) else None


def _holds(analysis: Analysis) -> bool:
    """Whether what was taken for granted of maps that packets erase keys from is true.

    It is, by induction over packets, if every path that starts with it also ends with it: a map's keys lie in one
    vector at their values, nothing else is written there while the map holds them, and no key is put twice.
    """
    relied = {m for path in analysis.paths for m in _relied_on(path)}
    if not relied:
        return True
    # Few NFs come here, and every step of a build is a process that pays for what it imports.
    from maestro_tool.sharding.facts.access import collect
    from maestro_tool.sharding.facts.blocks import Prover
    from maestro_tool.sharding.facts.key_places import key_places
    from maestro_tool.sharding.facts.scope import Scope
    from maestro_tool.sharding.lemmas.key_storage_is_kept import changed_keys
    from maestro_tool.sharding.lemmas.keys_and_indices_leave_together import stale_indices
    from maestro_tool.sharding.lemmas.names_are_total import unrelated_ways
    from maestro_tool.sharding.lemmas.set_up_is_everyones import filled

    prover = Prover()
    places = key_places(analysis, prover)
    if not all((place := places.index_map(m)) is not None and place.stride == 1 for m in relied):
        return False
    accesses = tuple(collect(analysis, prover))
    scope = Scope(analysis, places, frozenset(a.object for a in accesses if a.write), accesses)
    writes = replace(scope, touched=tuple(a for a in accesses if a.op.effect is Effect.WRITE))
    checks = (filled(scope), unrelated_ways(writes), changed_keys(scope), stale_indices(scope))
    concerned = {x for m in relied for place in (places.of[m],) for x in (m, place.vector, place.dchain)}
    return all(concerned.isdisjoint(o.objects) for found in checks for o in found)


def _relied_on(path: CallPath) -> Iterator[int]:
    """The maps of which something is taken for granted: where the key was that is erased, or that it is gone then."""
    for n, e in enumerate(path.events):
        if is_map_erase(e):
            later = (x for x in path.events[n + 1 :] if is_map_get(x) and x.objects == e.objects)
            if e.key_home is not None or any(x.result is False and same(x.key, e.key) for x in later):
                yield e.objects[0]
