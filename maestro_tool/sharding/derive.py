"""The sharding analysis: call paths in, plan out.  Reads top to bottom as the argument for soundness."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from maestro_tool.expr.nodes import symbols
from maestro_tool.sharding.facts.access import collect
from maestro_tool.sharding.facts.blocks import Prover
from maestro_tool.sharding.facts.groups import groups
from maestro_tool.sharding.facts.key_places import key_places, possible_paths
from maestro_tool.sharding.facts.narrow import widened
from maestro_tool.sharding.facts.pairs import spread, spreadable
from maestro_tool.sharding.facts.reach import Reach
from maestro_tool.sharding.facts.scope import Scope
from maestro_tool.sharding.lemmas import LEMMAS
from maestro_tool.sharding.lemmas.counters_commute import counters
from maestro_tool.sharding.lemmas.indices_are_in_range import led_by
from maestro_tool.sharding.lemmas.indices_are_interchangeable import ranged
from maestro_tool.sharding.lemmas.question import Question
from maestro_tool.sharding.outcome import decide
from maestro_tool.sharding.outcome.together import together
from maestro_tool.sharding.plan import Code, Constraint, Obstacle, Ranged, RangedBecause, ShardingPlan
from maestro_tool.sharding.rules.by_bytes import clashes
from maestro_tool.sharding.rules.disjoint import choose
from maestro_tool.sharding.rules.few_keys import few_keys
from maestro_tool.sharding.rules.interchange import interchanges
from maestro_tool.sharding.rules.places import shapes
from maestro_tool.sharding.rules.subsumption import subsume
from maestro_tool.symex.callpath import Analysis


def derive_plan(analysis: Analysis, given: tuple[Obstacle, ...] = ()) -> ShardingPlan:
    """Constraints under which packets that share written state meet on one core; state that has none is shared.

    ``given``: obstacles that this analysis does not find by itself (keys that do not exist).
    """
    chosen = spreadable(analysis) - {n for o in given for n in o.objects}
    while chosen:
        parts = spread(analysis, chosen)
        plan = _derive(parts.analysis, given)
        shared = {
            n for n in chosen
            if not parts.fits(n) or any(plan.decisions[part].treatment != "sharded" for part in (n, *parts.maps[n]))
        }  # fmt: skip
        if not shared:
            return together(plan, parts)
        chosen -= shared
    return _derive(analysis, given)


def _derive(analysis: Analysis, given: tuple[Obstacle, ...]) -> ShardingPlan:
    prover = Prover()
    # Facts: where keys lie, which entry each operation touches, which packets come by.
    places = key_places(analysis, prover)
    analysis, most = widened(possible_paths(analysis, places), places)
    accesses = collect(analysis, prover)
    reach = Reach(analysis)
    # Objects that packets only read constrain nothing; what they only count, each core may count for itself.
    written = {a.object for a in accesses if a.write}
    reach = reach.parted(shapes(analysis, [a for a in accesses if a.object in written], reach))
    countable, counted = counters(analysis, accesses), set[int]()
    # Objects that belong together are treated alike.  Those with an obstacle are shared; then the rest is looked at
    # again, by itself: what is shared behaves as in the sequential NF and is in nobody's way.
    group_of = groups(analysis, written, accesses)
    sharded = frozenset(written)
    obstacles: list[Obstacle] = []
    later = list(given)
    while True:
        scope = Scope(analysis, places, sharded, tuple(a for a in accesses if a.object in sharded))
        needs = _needs(scope, reach, prover)
        found = needs.obstacles or choose(needs.constraints, group_of) or clashes(needs.constraints, group_of)
        found = found or _few_keys(scope, needs.constraints)
        if not found:
            found, later = [o for o in later if not sharded.isdisjoint(o.objects)], []
        if not found:
            break
        if freed := _in_the_way(found, needs.constraints) & countable & sharded:
            counted |= freed
            sharded -= freed
            continue
        obstacles += found
        lost = frozenset[int]().union(*(group_of.get(obj, frozenset()) for o in found for obj in o.objects))
        # Variables are each core's own: a program cannot share some of them and shard the rest.
        variables = any(analysis.objects[obj].kind == "global" for obj in lost)
        sharded = sharded - lost if lost and not variables else frozenset()
    constraints = tuple(subsume(needs.constraints))
    outcome = decide.Outcome(
        analysis, accesses, constraints, tuple(obstacles), sharded, needs.ranged, led_by(scope, needs.ranged), counted,
        group_of, most,
    )  # fmt: skip
    return decide.plan(outcome)


@dataclass(frozen=True, slots=True)
class _Needs:
    """What must meet so that the scope's objects can be sharded, what forbids it, and which allocators are ranged."""

    constraints: list[Constraint]
    obstacles: list[Obstacle]
    ranged: dict[int, Ranged]


def _needs(scope: Scope, reach: Reach, prover: Prover) -> _Needs:
    question = Question(scope, reach, prover, tuple(interchanges(scope, reach, prover)))
    found = [f for lemma in LEMMAS for f in lemma.check(question)]
    own_indices = ranged(scope, reach)
    for x in question.exchanged:
        own_indices.setdefault(x.dchain, Ranged(RangedBecause.NAMED_BY_PACKETS))
    obstacles = [o for o in dict.fromkeys(found) if isinstance(o, Obstacle)]
    return _Needs([c for c in found if isinstance(c, Constraint)], obstacles, own_indices)


def _few_keys(scope: Scope, constraints: list[Constraint]) -> list[Obstacle]:
    """See `rules.few_keys`."""
    places: dict[int, list[int]] = defaultdict(list)
    for a in scope.touched:
        if a.how == "key" and not any(map(symbols, a.name)):
            places[a.object].append(a.loc)
    return few_keys({obj: tuple(dict.fromkeys(locs)) for obj, locs in sorted(places.items())}, constraints)


def _in_the_way(obstacles: list[Obstacle], constraints: list[Constraint]) -> set[int]:
    """Objects that no hash suits: those that need not be sharded had better not be."""
    hashes = [o for o in obstacles if o.rule in ("R3", "R4") or o.code is Code.KEYS_NOT_FOUND]
    found = {obj for o in hashes for obj in o.objects}
    if any(o.rule == "R3" for o in obstacles):
        found |= {obj for c in constraints for obj in c.objects}
    return found - {obj for o in obstacles if o not in hashes for obj in o.objects}
