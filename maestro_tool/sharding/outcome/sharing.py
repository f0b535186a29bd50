"""What the runtime must know where cores share state: which operations make a packet a writer, what a re-run undoes.

A packet runs as a reader until it changes shared state; then its run is undone and it runs again as the writer, alone
(docs/strategies.md).  Most operations of the API announce a change by themselves.  What does not is found here, on the
call paths.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from maestro_tool.expr.nodes import symbols
from maestro_tool.expr.symbols import NOW, Produced
from maestro_tool.operations.row import Effect, Role
from maestro_tool.sharding.facts.events import is_map_get
from maestro_tool.sharding.plan import Because, ObjectDecision, ShardingPlan
from maestro_tool.symex.callpath import Analysis, CallPath, Event, uses

#: Leading bytes of a frame that the runtime can put back (MAESTRO_MAX_RESTORE in maestro_sharing.h).
MOST_RESTORED = 256


@dataclass(frozen=True, slots=True)
class Sharing:
    """Hints about a plan that shares objects.

    ``guarded``: objects that only a writer may change; of vectors: whose elements packets write before anything else
    announced a change, so that readers work on copies.
    ``ages_per_worker``: shared dchains where each worker notes for itself when an index was used.
    ``why_always_write``: why every packet must be a writer, if it must; then none is ever re-run.
    ``restore_bytes``: leading bytes of a frame that packets store to at any time, put back before a re-run.
    ``restore_variables``: so are the worker's variables.
    """

    guarded: frozenset[int]
    ages_per_worker: frozenset[int]
    why_always_write: str | None
    restore_bytes: int
    restore_variables: bool

    @property
    def always_write(self) -> bool:
        return self.why_always_write is not None


def shares(plan: ShardingPlan) -> bool:
    """Whether any object is shared."""
    return any(d.treatment == "shared" for d in plan.decisions)


def everything_shared(plan: ShardingPlan) -> ShardingPlan:
    """The plan of ``locks`` and ``tm``: whatever packets write is shared, and any core may take any packet."""
    return replace(plan, shardable=False, constraints=(), relaxations=(), decisions=tuple(map(_shared, plan.decisions)))


def _shared(decision: ObjectDecision) -> ObjectDecision:
    if not decision.written:
        return decision
    if decision.treatment == "shared":
        return replace(decision, split=False, ranged=False, led_by=None)
    return replace(
        decision, treatment="shared", rule=None, because=Because.ALL_SHARED, split=False, ranged=False, led_by=None
    )


def sharing(analysis: Analysis, plan: ShardingPlan) -> Sharing:
    """The hints for ``plan``, which shares something."""
    kinds = {o.id: o.kind for o in analysis.objects}
    shared = {d.object for d in plan.decisions if d.treatment == "shared"}
    ages = {o for o in shared if kinds[o] == "dchain" and _used_now(analysis, o)}
    guarded = {o for o in shared if kinds[o] not in ("vector", "global")}
    for path in analysis.paths:
        guarded |= _silently_written(path, shared)
    # What a packet does before it starts again must not be done twice; but then that, too, may make it start again.
    while True:
        more = {o for path in analysis.paths for o in _repeated(path, shared, guarded, ages)} - guarded
        if not more:
            break
        guarded |= more
    written_globals = {
        o for p in analysis.paths for e in p.events for o in e.objects if e.op.writes and kinds[o] == "global"
    }
    why_always_write = None
    if written_globals & shared:
        why_always_write = "packets write variables or memory of the NF"  # no call of the API announces it
    elif any(_looked_up_changed(path, shared, _key_vectors(analysis)) for path in analysis.paths):
        why_always_write = "packets change keys and look them up"  # a map would not look at a reader's copies
    elif analysis.frame_moved:
        why_always_write = "packets move the start of the frame"
    elif analysis.frame_stored > MOST_RESTORED:
        why_always_write = f"packets write behind the first {MOST_RESTORED} bytes of the frame"
    return Sharing(
        guarded=frozenset(guarded),
        ages_per_worker=frozenset(ages),
        why_always_write=why_always_write,
        restore_bytes=0 if why_always_write else analysis.frame_stored,
        restore_variables=bool(written_globals - shared),
    )


def _changed(event: Event) -> set[int]:
    """The objects that the event may change."""
    return {o for o, operand in zip(event.objects, event.op.objects, strict=True) if operand.writes}


def _writes_element(event: Event) -> bool:
    """Whether the event writes an element of a vector, by a store that no function of the API sees."""
    return event.op.effect is Effect.WRITE and event.op.objects[0].kind == "vector"


def _ends_old(event: Event) -> bool:
    """Whether the event ends the entries that are too old, together with their keys."""
    return event.op.effect is Effect.EXPIRE and event.op.objects[0].kind == "dchain"


def _announces(event: Event, shared: set[int]) -> bool:
    """Whether the event is sure to have made the packet a writer."""
    if not event.objects or event.objects[0] not in shared:
        return False
    return event.op.announces == "always" or (event.op.announces == "if_yes" and event.result is True)


def _silently_written(path: CallPath, shared: set[int]) -> set[int]:
    """Shared vectors with an element that this path writes while it may still be a reader."""
    found: set[int] = set()
    for event in path.events:
        if _announces(event, shared):
            break
        if _writes_element(event):
            found |= shared.intersection(event.objects)
    return found


def _key_vectors(analysis: Analysis) -> set[int]:
    """Vectors that maps have keys in."""
    filled = {v for o in analysis.objects for v in o.key_vectors}
    return filled | {e.key_home[0] for p in analysis.paths for e in p.events if e.key_home}


def _looked_up_changed(path: CallPath, shared: set[int], key_vectors: set[int]) -> bool:
    """Whether this path writes where keys lie, and looks into a map then, while it may still be a reader."""
    changed = False
    for event in path.events:
        if _announces(event, shared):
            break
        if is_map_get(event) and changed:
            return True
        changed |= _writes_element(event) and not key_vectors.isdisjoint(event.objects)
    return False


def _repeated(path: CallPath, shared: set[int], guarded: set[int], ages: set[int]) -> set[int]:
    """Objects of one core that this path changes before it may have to start again.

    Expiry of a core's own entries is repeated for nothing: the second time there is nothing left, and that an entry is
    gone once it is old enough no packet can tell (docs/guarantees.md, 6), unless the path uses how many there were.
    """
    last = -1
    for number, event in enumerate(path.events):
        if _writes_element(event) and event.objects[0] in guarded:
            last = len(path.events)  # noticed when the packet is done
        elif not (event.op.effect is Effect.REFRESH and event.objects[0] in ages | guarded - shared):
            restarts = _changed(event) & (shared | guarded)
            last = max(last, number if restarts else -1)
    found: set[int] = set()
    for number, event in enumerate(path.events[: last + 1]):
        changed = _changed(event)
        variables = {o for o, operand in zip(event.objects, event.op.objects, strict=True) if operand.kind == "global"}
        own = changed - shared - variables
        if _ends_old(event) and own == changed and not _count_used(path, number):
            continue
        found |= own
    return found


def _count_used(path: CallPath, number: int) -> bool:
    """Whether anything on the path depends on what event ``number`` produced."""
    made = (s.value for use in uses(path) for s in symbols(use.expr))
    return any(isinstance(m, Produced) and m.event == number for m in made)


def _used_now(analysis: Analysis, chain: int) -> bool:
    """Whether packets use indices of ``chain`` at their own time only: then the latest time is that of the last use."""
    events = (e for p in analysis.paths for e in p.events if chain in e.objects)
    return all(t is NOW for e in events for t in e.operands_with(Role.AGES))
