"""Paths that came to differ in nothing but their conditions go on as one.

Paths advance in step: always the one that is furthest behind, an iteration of a loop after the other, up to the next
place where ways meet.  There, states that agree in memory, events and all that is still used are merged: what is known
of the merged path is that the conditions of one of them hold.  That costs precision, so it is done where there are very
many paths (`limits.Limits.merge_after`).
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from maestro_tool.expr import Expr, nodes
from maestro_tool.frontend import ir
from maestro_tool.symex.memory import Block
from maestro_tool.symex.state import Frame, State
from maestro_tool.symex.values import Pointer, Value

#: States at one place that a new one is compared with; beyond, it stays by itself.
_MOST_COMPARED = 48

_Position = tuple[int, ...]


class Merger:
    """Explores with merging; knows the control flow of the functions it has met."""

    def __init__(self) -> None:
        self._flows: dict[str, _Flow] = {}

    def explore(self, start: State, advance: Callable[[State], list[State] | None]) -> Iterator[State]:
        """All ways from ``start`` to the end.

        ``advance`` runs a state to where it forks (its successors), may be merged (itself alone) or ends (None).
        """
        order = itertools.count()  # of those at one place: the order in which they came
        waiting = [(self._position(start), next(order), start, False)]
        while waiting:
            position, _, state, meeting = heapq.heappop(waiting)
            group, met = [state], [state] if meeting else []
            while waiting and waiting[0][0] == position:
                _, _, state, meeting = heapq.heappop(waiting)
                if meeting and any(self._join(other, state) for other in met[-_MOST_COMPARED:]):
                    continue
                group.append(state)
                met += [state] if meeting else []
            for state in group:
                successors = advance(state)
                if successors is None:
                    yield state
                for successor in successors or ():
                    # What an instruction split, to run again with what it needs to know, stays apart.
                    meeting = len(successors or ()) == 1 or self.meets(successor.frames[-1])
                    heapq.heappush(waiting, (self._position(successor), next(order), successor, meeting))

    def meets(self, frame: Frame) -> bool:
        """Whether several ways lead to where the frame is."""
        return frame.pc == 0 and self._flow(frame.function).is_join(frame.block)

    def entered(self, frame: Frame, source: int) -> None:
        """Count the loops' iterations as the frame goes from block ``source`` to another."""
        self._flow(frame.function).count(frame.iterations, source, frame.block)

    def _flow(self, function: ir.Function) -> _Flow:
        flow = self._flows.get(function.name)
        if flow is None:
            flow = self._flows[function.name] = _Flow(function)
        return flow

    def _position(self, state: State) -> _Position:
        """What comes first, in the outermost call that differs, is smaller."""
        position: list[int] = []
        for frame in state.frames:
            position += [*self._flow(frame.function).position(frame.block, frame.iterations), frame.pc]
        return (*position, 1 << 30)  # behind what it calls here

    def _join(self, a: State, b: State) -> bool:
        """Make ``a`` stand for both, if they agree."""
        common = _common_prefix(a.conditions, b.conditions)
        if not _same_history(a, b, common):
            return False
        used = set(a.entries.values())
        for frame, other in zip(a.frames, b.frames, strict=True):
            live = self._flow(frame.function).live(frame.block, frame.pc)
            if any(frame.temps.get(t) != other.temps.get(t) for t in live):
                return False
            used |= _pointers(frame.temps[t] for t in live if t in frame.temps)
        if a.cursor.block is not None:
            used.add(a.cursor.block.block)
        if not _same_memory(a, b, used):
            return False
        a.conditions = (*a.conditions[:common], *_either(a.conditions[common:], b.conditions[common:]))
        a.known = {e: v for e, v in a.known.items() if b.known.get(e) is v}
        a.facts = {f: v for f, v in a.facts.items() if b.facts.get(f) == v}
        a.cursor.minimum_length = min(a.cursor.minimum_length, b.cursor.minimum_length)
        a.steps = max(a.steps, b.steps)
        for frame, other in zip(a.frames, b.frames, strict=True):
            for block, count in other.decisions.items():
                frame.decisions[block] = max(count, frame.decisions.get(block, 0))
        return True


def _common_prefix(a: tuple[Expr, ...], b: tuple[Expr, ...]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x is not y), min(len(a), len(b)))


def _same_history(a: State, b: State, common: int) -> bool:
    """The same calls at the same places, and the same events, all before the conditions part."""
    if len(a.events) != len(b.events) or any(x is not y for x, y in zip(a.events, b.events, strict=True)):
        return False
    return (
        (not a.events or a.events[-1].condition_length <= common)
        and [(f.function.name, f.block, f.pc) for f in a.frames] == [(f.function.name, f.block, f.pc) for f in b.frames]
        and all(f.variable_arguments == o.variable_arguments for f, o in zip(a.frames, b.frames, strict=True))
        and replace(a.cursor, minimum_length=0) == replace(b.cursor, minimum_length=0)
        and a.entries == b.entries
    )


def _same_memory(a: State, b: State, used: set[int]) -> bool:
    """Whether all blocks that ``used`` ones lead to, and all that both know, have the same content."""
    left, right = a.memory.blocks(), b.memory.blocks()
    differing = {n for n, block in left.items() if right.get(n) is not block and not _same_block(block, right.get(n))}
    differing |= right.keys() - left.keys()
    if not differing:
        return True
    # Of what differs, locals that nothing leads to any more do not count.
    mortal = {n for state in (a, b) for frame in state.frames for n in frame.locals}
    if not differing <= mortal | (left.keys() ^ right.keys()):
        return False
    todo, seen = set(used), set[int]()
    while todo:
        number = todo.pop()
        if number in differing:
            return False
        seen.add(number)
        todo |= _pointers(v for _, v in left[number].cells.values()) - seen if number in left else set()
    a.memory.drop(differing)
    return True


def _same_block(a: Block, b: Block | None) -> bool:
    return b is not None and (a.fill, a.size, a.name) == (b.fill, b.size, b.name) and a.cells == b.cells


def _pointers(values: Iterable[Value]) -> set[int]:
    return {v.block for v in values if isinstance(v, Pointer)}


def _either(a: tuple[Expr, ...], b: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """What holds if all of ``a`` or all of ``b`` do."""
    common = [c for c in a if c in b]
    rests = [[c for c in side if c not in common] for side in (a, b)]
    if len(rests[0]) == len(rests[1]) == 1 and nodes.lnot(rests[0][0]) is rests[1][0]:
        return tuple(common)
    whole = [nodes.TRUE, nodes.TRUE]
    for i, side in enumerate(rests):
        for c in reversed(side):
            whole[i] = nodes.land(c, whole[i])
    either = nodes.lor(*whole)
    return tuple(common) if either is nodes.TRUE else (*common, either)


class _Flow:
    """A function's blocks in the order of control, its loops, and which temporaries are still used at a place."""

    def __init__(self, function: ir.Function) -> None:
        self._blocks = function.blocks
        self._next = [_targets(b.terminator) for b in function.blocks]
        self._rank = self._ranks()
        self._loops = self._natural_loops()  # header -> blocks
        self._around = [
            sorted((h for h, body in self._loops.items() if b in body), key=lambda h: (-len(self._loops[h]), h))
            for b in range(len(self._blocks))
        ]
        entries = [t for targets in self._next for t in set(targets)]
        self._joins = {b for b in range(len(self._blocks)) if entries.count(b) > 1}
        self._live_in: list[set[int]] = [set() for _ in self._blocks]
        self._settle_live()
        self._live: dict[tuple[int, int], frozenset[int]] = {}

    def is_join(self, block: int) -> bool:
        return block in self._joins

    def position(self, block: int, iterations: dict[int, int]) -> list[int]:
        """Where a frame is, so that what runs earlier is smaller: an earlier iteration, or an earlier block."""
        loops = self._around[block]
        return [n for h in loops for n in (self._rank[h], iterations.get(h, 0))] + [self._rank[block]]

    def count(self, iterations: dict[int, int], source: int, target: int) -> None:
        """A loop's count begins anew when it is entered from outside."""
        for header in self._around[source]:
            if header not in self._around[target]:
                iterations.pop(header, None)
        if target in self._loops:
            inside = source in self._loops[target]
            iterations[target] = iterations.get(target, 0) + 1 if inside else 0

    def live(self, block: int, pc: int) -> frozenset[int]:
        """Temporaries that are used from instruction ``pc`` of the block on."""
        found = self._live.get((block, pc))
        if found is None:
            found = self._live[block, pc] = frozenset(self._before(block, pc))
        return found

    def _ranks(self) -> list[int]:
        """Reverse postorder."""
        rank, seen = [0] * len(self._blocks), {0}
        stack, number = [(0, iter(self._next[0]))], len(self._blocks)
        while stack:
            block, targets = stack[-1]
            target = next((t for t in targets if t not in seen), None)
            if target is None:
                stack.pop()
                number -= 1
                rank[block] = number
            else:
                seen.add(target)
                stack.append((target, iter(self._next[target])))
        return rank

    def _natural_loops(self) -> dict[int, set[int]]:
        before: list[list[int]] = [[] for _ in self._blocks]
        for block, targets in enumerate(self._next):
            for target in targets:
                before[target].append(block)
        loops: dict[int, set[int]] = {}
        for block, targets in enumerate(self._next):
            for header in targets:
                if self._rank[header] <= self._rank[block]:
                    body = loops.setdefault(header, {header})
                    todo = [block]
                    while todo:
                        inner = todo.pop()
                        if inner not in body:
                            body.add(inner)
                            todo += before[inner]
        return loops

    def _settle_live(self) -> None:
        changed = True
        while changed:
            changed = False
            for b in sorted(range(len(self._blocks)), key=lambda b: -self._rank[b]):
                new = self._before(b, 0)
                changed = changed or new != self._live_in[b]
                self._live_in[b] = new

    def _before(self, block: int, pc: int) -> set[int]:
        b = self._blocks[block]
        live = set[int]().union(*(self._live_in[n] for n in self._next[block]), _temps_of(b.terminator))
        for instruction in reversed(b.instructions[pc:]):
            live.discard(getattr(instruction, "dst", -1))
            live.update(_temps_of(instruction))
        return live


def _targets(terminator: ir.Terminator) -> tuple[int, ...]:
    match terminator:
        case ir.Jump(target):
            return (target,)
        case ir.Branch(_, then, otherwise):
            return (then, otherwise)
        case ir.Switch(cases=cases, default=default):
            return (*(block for _, block in cases), default)
    return ()


def _temps_of(step: ir.Instruction | ir.Terminator) -> Iterable[int]:
    for name in step.__slots__:
        operand = getattr(step, name)
        for o in operand if isinstance(operand, tuple) else (operand,):
            if isinstance(o, ir.Temp):
                yield o.id
