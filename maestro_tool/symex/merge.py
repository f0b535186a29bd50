"""Paths that came to differ in nothing but their conditions go on as one.

Paths advance in step: always the one that is furthest behind, an iteration of a loop after the other, up to the next
place where ways meet.  There, states that agree in memory, events and all that is still used are merged: what is known
of the merged path is that the conditions of one of them hold.  That costs precision, so it is done where there are very
many paths (`limits.Limits.merge_after`).

A loop over options goes on by what the packet says: paths come to the same option after different numbers of rounds.
Where a loop's variable had to be known for an access, paths wait there for each other, and its value takes the place of
the number of rounds: the path that is furthest behind in the options goes first, and those that come to one option are
one path from there on.

A loop that rewrites options leaves another frame for each way through them.  What differs is then said byte by byte:
what the one path left if its conditions hold, else what the other did.  That is exact, as a packet takes one of both.
"""

from __future__ import annotations

import functools
import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator

from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.symbols import Produced, packet_byte
from maestro_tool.frontend import ir
from maestro_tool.symex.flow import Flow
from maestro_tool.symex.memory import Block
from maestro_tool.symex.state import Frame, PacketCursor, State
from maestro_tool.symex.values import Pointer, Value, bytes_of

#: States at one place with one signature that a new one is compared with; beyond, it stays by itself.
_MOST_COMPARED = 48

#: The place in a loop of a path whose next option is not decided: it goes first.
_UNDECIDED = -(1 << 64)

_Position = tuple[int, ...]
_Signature = tuple[object, ...]


class Merger:
    """Explores with merging; knows the control flow of the functions it has met."""

    def __init__(self) -> None:
        self._flows: dict[str, Flow] = {}

    def explore(self, start: State, advance: Callable[[State], list[State] | None]) -> Iterator[State]:
        """All ways from ``start`` to the end.

        ``advance`` runs a state to where it forks (its successors), may be merged (itself alone) or ends (None).
        """
        steady = max(start.memory.blocks(), default=-1) + 1
        order = itertools.count()  # of those at one place: the order in which they came
        waiting = [(self._position(start), next(order), start, False)]
        while waiting:
            position = waiting[0][0]
            group: list[State] = []
            decided = _UNDECIDED not in position
            met: dict[_Signature, list[State]] = {}
            # All that are at this place now: none that is still to come is behind it, as those go first.
            while waiting and waiting[0][0] == position:
                _, _, state, meeting = heapq.heappop(waiting)
                if meeting:
                    # Before a path knows which option is next, it knows best what it did to the last one.
                    top = state.frames[-1]
                    rewrites = decided and self._flow(top.function).is_at_option(top)
                    alike = met.setdefault(self._signature(state, steady, rewrites), [])
                    if any(self._join(other, state, steady, rewrites) for other in alike[-_MOST_COMPARED:]):
                        continue
                    alike.append(state)
                group.append(state)
            for state in group:
                successors = advance(state)
                if successors is None:
                    yield state
                for successor in successors or ():
                    # What a model split in the middle of a block stays apart.
                    meeting = len(successors or ()) == 1 or self.meets(successor.frames[-1])
                    heapq.heappush(waiting, (self._position(successor), next(order), successor, meeting))

    def meets(self, frame: Frame) -> bool:
        """Whether several ways lead to where the frame is, or wait for each other there."""
        return self._flow(frame.function).is_meeting(frame.block, frame.pc)

    def until(self, frame: Frame) -> int:
        """The next instruction of the frame's block where paths wait for each other, or the block's end."""
        return self._flow(frame.function).next_meeting(frame.block, frame.pc)

    def entered(self, frame: Frame, source: int) -> None:
        """Count the loops' iterations as the frame goes from block ``source`` to another."""
        self._flow(frame.function).count(frame.iterations, source, frame.block)

    def needed(self, state: State, need: Expr) -> None:
        """A path cannot go on but with ``need`` a constant: what loops around calculate it from sets their pace."""
        symbols = nodes.symbols(need)
        top = state.frames[-1]
        for frame in state.frames:
            flow = self._flow(frame.function)
            for header in flow.loops_around(frame.block):
                for temp in flow.carried(header):
                    cell = _variable(state, frame, temp)
                    if cell is not None and not symbols.isdisjoint(_symbols(cell[1])):
                        flow.pace(header, temp)
                        self._flow(top.function).wait(top.block, top.pc)

    def _flow(self, function: ir.Function) -> Flow:
        flow = self._flows.get(function.name)
        if flow is None:
            flow = self._flows[function.name] = Flow(function)
        return flow

    def _position(self, state: State) -> _Position:
        """What comes first, in the outermost call that differs, is smaller."""
        position: list[int] = []
        for frame in state.frames:
            flow = self._flow(frame.function)
            for header in flow.loops_around(frame.block):
                position += flow.rank(header), self._progress(state, frame, header)
            position += flow.rank(frame.block), frame.pc
        return (*position, 1 << 30)  # behind what it calls here

    def _progress(self, state: State, frame: Frame, header: int) -> int:
        """How far the path is in a loop: the value of the variable that sets the pace, or how often it went round.

        Values that follow from what the path knows are put in the variables' places, so that paths agree in them.
        """
        found: list[tuple[bool, int]] = []  # whether it is a number, and how far
        flow = self._flow(frame.function)
        for temp in flow.paces(header):
            cell = _variable(state, frame, temp)
            if cell is None:
                continue
            number, value = cell
            settled = _settled(value, state)
            if settled is not value:
                state.memory.writable(number).cells[0] = (state.memory.blocks()[number].cells[0][0], settled)
            at = settled.offset if isinstance(settled, Pointer) else settled
            if isinstance(at, Expr):
                at = nodes.signed(at.const, at.width) if at.is_const else _UNDECIDED
            found.append((not isinstance(settled, Pointer), at if isinstance(at, int) else _UNDECIDED))
        if not found:
            return frame.iterations.get(header, 0)
        for temp in flow.live(frame.block, frame.pc):
            if temp in frame.temps:
                frame.temps[temp] = _settled(frame.temps[temp], state)
        return min(found, key=lambda f: f[0])[1]  # the first pointer, or the first number

    def _signature(self, state: State, steady: int, rewrites: bool) -> _Signature:
        """States with different ones do not agree: most of what cannot be merged is told apart by it at once."""
        values: list[object] = [_place(state.cursor), len(state.events)]
        if not rewrites and state.cursor.block is not None:
            values.append(frozenset(state.memory.blocks()[state.cursor.block.block].cells.items()))
        for frame in state.frames:
            for temp in sorted(self._flow(frame.function).live(frame.block, frame.pc)):
                value = frame.temps.get(temp)
                # By what the pointer leads to: numbers of such blocks differ between paths that agree.
                if isinstance(value, Pointer) and value.block >= steady:
                    block = state.memory.get(value.block)
                    value = block.cells[0][1] if block is not None and 0 in block.cells else None
                values.append(None if isinstance(value, Pointer) else value)
        return tuple(values)

    def _join(self, a: State, b: State, steady: int, rewrites: bool) -> bool:
        """Make ``a`` stand for both, if they agree; ``rewrites``: but for the bytes of the frame."""
        if not (_same_history(a, b) and self._same_future(a, b, steady, rewrites)):
            return False
        common = _common_prefix(a.conditions, b.conditions)
        if a.events and a.events[-1].condition_length > common:
            return False  # what happened depends on what they came to differ in
        if rewrites and not _join_frames(a, b, _all(a.conditions[common:])):
            return False
        a.conditions = (*a.conditions[:common], *_either(a.conditions[common:], b.conditions[common:]))
        # Only what both know holds of the merged path.  The witness of ``a`` is still one: it meets one of both sides.
        a.known = {e: v for e, v in a.known.items() if b.known.get(e) is v}
        a.facts = {f: v for f, v in a.facts.items() if b.facts.get(f) == v}
        a.cursor.minimum_length = min(a.cursor.minimum_length, b.cursor.minimum_length)
        # Limits must not depend on which paths were merged first.
        a.steps = max(a.steps, b.steps)
        for frame, other in zip(a.frames, b.frames, strict=True):
            for block, count in other.decisions.items():
                frame.decisions[block] = max(count, frame.decisions.get(block, 0))
        return True

    def _same_future(self, a: State, b: State, steady: int, rewrites: bool) -> bool:
        """Whether all that the paths may still use is the same."""
        match = _Match(a, b, steady, a.cursor.block.block if rewrites and a.cursor.block is not None else None)
        return (
            a.entries.keys() == b.entries.keys()
            and all(match.blocks(number, b.entries[entry]) for entry, number in a.entries.items())
            and all(
                match.values(frame.temps.get(temp), other.temps.get(temp))
                for frame, other in zip(a.frames, b.frames, strict=True)
                for temp in self._flow(frame.function).live(frame.block, frame.pc)
            )
            and all(
                match.values(x, y)
                for frame, other in zip(a.frames, b.frames, strict=True)
                for x, y in itertools.zip_longest(frame.variable_arguments, other.variable_arguments)
            )
            and match.settle()
        )


class _Match:
    """Whether two memories say the same.  Blocks below ``steady`` are the same ones on all paths; others (locals,
    borrowed elements) have other numbers where a path made more of them, and are found by what leads to them."""

    def __init__(self, a: State, b: State, steady: int, apart: int | None) -> None:
        """``apart``: a steady block that is not looked at."""
        self._apart = apart
        self._left, self._right, self._steady = a.memory.blocks(), b.memory.blocks(), steady
        self._pairs: dict[int, int] = {}
        self._back: dict[int, int] = {}
        self._todo: list[int] = []

    def values(self, x: Value | None, y: Value | None) -> bool:
        if isinstance(x, Pointer):
            return isinstance(y, Pointer) and x.offset == y.offset and self.blocks(x.block, y.block)
        return x is y or x == y

    def blocks(self, n: int, m: int) -> bool:
        """Take block ``n`` of the one for block ``m`` of the other, if that contradicts nothing."""
        if min(n, m) < self._steady:
            return n == m
        # One to one: if two blocks of one path stood for one of the other, writes would show the difference.
        if n not in self._pairs and m not in self._back:
            self._pairs[n], self._back[m] = m, n
            self._todo.append(n)
        return self._pairs.get(n) == m

    def settle(self) -> bool:
        """Whether the steady blocks, and all that are taken for each other, have the same content."""
        for n, block in self._left.items():
            if n < self._steady and n != self._apart and not self._same(block, self._right.get(n)):
                return False
        while self._todo:
            n = self._todo.pop()
            if not self._same(self._left.get(n), self._right.get(self._pairs[n])):
                return False
        return True

    def _same(self, a: Block | None, b: Block | None) -> bool:
        if a is b:
            return True
        return (
            a is not None
            and b is not None
            and (a.fill, a.size, a.name) == (b.fill, b.size, b.name)
            and a.cells.keys() == b.cells.keys()
            and all(s == b.cells[o][0] and self.values(v, b.cells[o][1]) for o, (s, v) in a.cells.items())
        )


def _variable(state: State, frame: Frame, temp: int) -> tuple[int, Value] | None:
    """(block, value) of the local variable at the address in ``temp``, if it was written as a whole."""
    pointer = frame.temps.get(temp)
    block = state.memory.get(pointer.block) if isinstance(pointer, Pointer) else None
    if not isinstance(pointer, Pointer) or block is None or 0 not in block.cells or block.cells[0][0] != block.size:
        return None
    return pointer.block, block.cells[0][1]


def _symbols(value: Value) -> frozenset[Expr]:
    e = value.offset if isinstance(value, Pointer) else value
    return nodes.symbols(e) if isinstance(e, Expr) else frozenset()


def _settled(value: Value, state: State) -> Value:
    """``value``, as a constant if the path knows it."""
    if isinstance(value, Pointer) and isinstance(value.offset, Expr):
        offset = nodes.substitute(value.offset, state.known)
        return Pointer(value.block, nodes.signed(offset.const, 64)) if offset.is_const else value
    if isinstance(value, Expr) and value.width and not value.is_const:
        known = nodes.substitute(value, state.known)
        return known if known.is_const else value
    return value


def _common_prefix(a: tuple[Expr, ...], b: tuple[Expr, ...]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x is not y), min(len(a), len(b)))


def _same_history(a: State, b: State) -> bool:
    """The same place, and the same events, in the same calls."""
    return (
        len(a.events) == len(b.events)
        and _place(a.cursor) == _place(b.cursor)
        and [(f.function.name, f.block, f.pc) for f in a.frames] == [(f.function.name, f.block, f.pc) for f in b.frames]
        and all(x is y for x, y in zip(a.events, b.events, strict=True))
    )


def _join_frames(a: State, b: State, condition: Expr) -> bool:
    """Make the frame of ``a`` that of both: its own bytes if ``condition`` holds, which a packet of ``b`` never meets.

    False (nothing is changed) if what differs comes from state: the rules want to see where that goes.
    """
    assert a.cursor.block is not None
    number = a.cursor.block.block
    frames = [state.memory.blocks()[number] for state in (a, b)]
    if frames[0] is frames[1]:
        return True
    if a.cursor.grown or not all(isinstance(value, Expr) for frame in frames for _, value in frame.cells.values()):
        return frames[0].cells == frames[1].cells
    differing = list(_differing(*frames))
    said = nodes.symbols(condition).union(*(nodes.symbols(byte) for _, *both in differing for byte in both))
    if differing and any(isinstance(s.value, Produced) for s in said):
        return False
    for at, mine, other in differing:
        a.memory.writable(number).store(at, 1, nodes.ite(condition, mine, other))
    return True


def _differing(a: Block, b: Block) -> Iterator[tuple[int, Expr, Expr]]:
    """(offset, byte of ``a``, byte of ``b``) where these frames, whose start did not move, are not the same."""
    mine, other = _written(a), _written(b)
    for at in sorted(mine.keys() | other.keys()):
        x, y = (written.get(at, packet_byte(at)) for written in (mine, other))
        if x is not y:
            yield at, x, y


def _written(frame: Block) -> dict[int, Expr]:
    return {
        n: byte
        for offset, (_, value) in frame.cells.items()
        if isinstance(value, Expr)
        for n, byte in enumerate(bytes_of(value), offset)
    }


def _place(cursor: PacketCursor) -> tuple[object, ...]:
    return (
        cursor.read,
        cursor.chunks,
        cursor.block,
        cursor.options,
        cursor.grown,
        cursor.skipped,
        cursor.within,
        cursor.context,
        cursor.length,
    )


def _either(a: tuple[Expr, ...], b: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """What holds if all of ``a`` or all of ``b`` do."""
    common = [c for c in a if c in b]
    rests = [[c for c in side if c not in common] for side in (a, b)]
    if len(rests[0]) == len(rests[1]) == 1 and nodes.lnot(rests[0][0]) is rests[1][0]:
        return tuple(common)
    either = nodes.lor(*map(_all, rests))
    return tuple(common) if either is nodes.TRUE else (*common, either)


def _all(conditions: Iterable[Expr]) -> Expr:
    return functools.reduce(lambda rest, c: nodes.land(c, rest), reversed([*conditions]), nodes.TRUE)
