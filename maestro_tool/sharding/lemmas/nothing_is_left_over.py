"""Nothing is left over: what is read of an entry was written since its index was allocated.

Requires: key storage is kept.
Ensures: bytes of an entry that are read were written by the packet that allocated its index, before it found that
index again, or later: what was there before comes from set-up or from an earlier owner, and depends on which index was
chosen.  It may say how many of the earlier owner's keys are erased from the index's block, if it decides nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import reduce

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import TRUE, land, lor, symbols
from maestro_tool.expr.symbols import Produced
from maestro_tool.operations.row import Effect
from maestro_tool.sharding.facts.access import owner, strip_extension
from maestro_tool.sharding.facts.blocks import Prover
from maestro_tool.sharding.facts.key_places import allocated_by, stored_bytes
from maestro_tool.sharding.lemmas.question import Question
from maestro_tool.sharding.plan import Code, Obstacle
from maestro_tool.symex.callpath import Analysis, CallPath, Event, uses


def obstacles(q: Question) -> Iterator[Obstacle]:
    scope = q.scope
    wanted: dict[int, dict[int, int]] = defaultdict(dict)  # vector -> byte that is read -> loc
    chains: dict[int, set[int]] = defaultdict(set)  # object -> allocators of the indices it is reached by
    for path in scope.analysis.paths:
        for n, e in enumerate(path.events):
            if e.index is None:
                continue
            source = strip_extension(e.index)
            dchain = scope.places.source(path, source)
            if dchain not in scope.objects:
                continue
            assert dchain is not None
            v = e.objects[0]
            chains[v].add(dchain)
            if e.op.effect is not Effect.READ:
                continue
            if allocated_by(path, source) is None:
                for byte in _bytes_read(e):
                    wanted[v].setdefault(byte, e.loc)
            elif not _only_cleans(scope.analysis, path, n, source, q.prover):
                yield Obstacle(Code.READ_BEFORE_WRITTEN, (dchain,), (e.loc,), (v,))
    for a in scope.touched:
        if a.op.effect is Effect.READ and a.how == "key":
            for byte in _bytes_read(scope.event(a)):  # of an entry that packets name by its index (R5)
                wanted[a.object].setdefault(byte, a.loc)
        if a.op.effect is Effect.READ and a.stride > 1:
            yield Obstacle(Code.BLOCK_ENTRY_READ, (a.object,), (a.loc,))
    for path, e in scope.events(Effect.ALLOCATE):
        for v in (v for v, found in chains.items() if e.result is not False and e.objects[0] in found):
            missing = set(wanted[v]) - _written_fresh(path, v, e)
            if missing:
                byte = min(missing)
                yield Obstacle(Code.BYTE_LEFT_OVER, (e.objects[0],), (wanted[v][byte], e.loc), (v,), byte)


def _bytes_read(e: Event) -> range:
    assert e.span is not None
    return range(*e.span)


def _written_fresh(path: CallPath, vector: int, allocation: Event) -> set[int]:
    """Bytes of the vector's entry at the freshly allocated index that the path writes, before it reads an entry of an
    index that it found since: that may be this one."""
    written: set[int] = set()
    number = next(n for n, x in enumerate(path.events) if x is allocation)
    for e in path.events[number + 1 :]:
        if e.index is None or e.objects != (vector,):
            continue
        source = strip_extension(e.index)
        if path.producer(source) is allocation:
            written |= set(stored_bytes(e))
        elif e.op.effect is Effect.READ and _may_be(path, source, number):
            break
    return written


def _may_be(path: CallPath, index: Expr, number: int) -> bool:
    """Whether an index may be the one that event ``number`` allocates: it came out of a map later, or was freed before,
    or nobody knows from where it is."""
    made, chain = index.value, path.events[number].objects
    freed = any(e.op.effect is Effect.FREE and e.objects == chain for e in path.events[:number])
    return freed or not isinstance(made, Produced) or made.event > number


def _cleans(path: CallPath, e: Event, index: Expr, prover: Prover) -> bool:
    """Whether event ``e`` erases keys in the block of ``index``, no other's."""
    if e.op.effect is not Effect.ERASE_RANGE:
        return False
    assert e.index is not None
    return owner(path, e, e.index, e.value, prover)[0] is index


def _only_cleans(analysis: Analysis, path: CallPath, event: int, index: Expr, prover: Prover) -> bool:
    """Whether what event ``event`` reads at ``index`` only decides which keys of that index's own block are erased:
    then the paths that differ in it, and in those keys, are one path for all else."""

    def about(e: Expr) -> bool:
        return any(isinstance(s.value, Produced) and s.value.event == event for s in symbols(e))

    for use in uses(path):
        cleans = use.event is not None and _cleans(path, path.events[use.event], index, prover)
        if use.operand != "condition" and not cleans and about(use.expr):
            return False

    def rest(p: CallPath) -> tuple[object, ...]:
        # Nor is it a difference how many conditions it takes to tell how many keys leave.
        else_alike = (replace(e, index=None, value=None) if _cleans(p, e, index, prover) else e for e in p.events)
        events = tuple(replace(e, condition_length=0) for e in else_alike)
        return p.port, events, p.grown, p.packet_writes, p.verdict

    def outline(p: CallPath) -> tuple[object, ...]:
        """What is quickly compared."""
        return p.port, p.verdict, len(p.events), p.packet_writes

    mine, shape = rest(path), outline(path)
    alike = (reduce(land, p.condition, TRUE) for p in analysis.paths if outline(p) == shape and rest(p) == mine)
    return prover.always(tuple(c for c in path.condition if not about(c)), reduce(lor, alike))
