"""Replays packets on abstract objects: the call path that each follows, and what comes of it.

A path is followed event by event.  What an operation gives, its row's semantics say, and nothing that the analysis
concluded.  Of all paths of a port, those stay whose conditions hold and whose answers are these; in the end there must
be exactly one.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from maestro_tool.dialects import DIALECTS
from maestro_tool.expr import Expr
from maestro_tool.expr.symbols import Produced
from maestro_tool.operations import Role
from maestro_tool.operations.row import Effect
from maestro_tool.operations.semantics import Call, Map, Outcome
from maestro_tool.symex.callpath import LENGTH_AT, Analysis, CallPath, Event
from maestro_tool.symex.events import SOMEWHERE
from tests.replay.program import Verdict
from tests.replay.pure import FUNCTIONS
from tests.replay.values import UnknownError, Values


class ReplayError(Exception):
    """The call paths and the packet do not fit."""


@dataclass
class Node:
    """Paths with the same events so far: what comes next, by the conditions under which it does."""

    events: dict[tuple[Expr, ...], dict[Event, Node]] = field(default_factory=dict)
    ends: dict[tuple[Expr, ...], list[int]] = field(default_factory=dict)


@dataclass
class Counts:
    """What the replay met.  ``paths``: how often each was taken; ``events`` by operation.

    ``calculated``: functions that are not followed, calculated here, by name; ``seen``: bytes of the compiled program's
    frame that say what such a function gave; ``invented``: memory that was never written, which may hold anything (what
    of it leaves in a frame, that frame says, too: ``seen`` under no name).  ``unplaced``: keys put of which the event
    does not say where they lie: the replay takes it that they do not change.
    """

    paths: Counter[int] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    calculated: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    invented: int = 0
    unplaced: int = 0


class Replay:
    """``objects``: abstract ones by their number, as set-up left them; they change packet by packet."""

    def __init__(self, analysis: Analysis, objects: Mapping[int, Any]) -> None:
        self._analysis, self._objects = analysis, objects
        self._roots: dict[int, Node] = {}
        for number, path in enumerate(analysis.paths):
            _add(self._roots.setdefault(path.port, Node()), path, number)
        self._random = random.Random(0)
        self.counts = Counts()

    def packet(self, port: int, frame: bytes, now: int, compiled: tuple[Verdict, bytes]) -> tuple[Verdict, bytes]:
        """The verdict, and the frame as it leaves.

        ``compiled``: what the compiled program made of the packet; of it is taken what functions gave that are not
        followed, where the frame shows that (`Counts`).
        """
        values = Values(port, frame, now, self._analysis.configuration)
        try:
            number = self._follow(self._roots[port], values)
            path = self._analysis.paths[number]
            self.counts.paths[number] += 1
            return self._verdict(path, values), self._frame(path, frame, values, compiled[1])
        except UnknownError as error:
            raise ReplayError(str(error)) from error

    # ----------------------------------------------------------------------- which path

    def _follow(self, root: Node, values: Values) -> int:
        alive, done = [root], 0
        while True:
            following = [
                item for n in alive for cs, found in n.events.items() if values.hold(cs) for item in found.items()
            ]
            ends = [
                path for n in alive for conditions, paths in n.ends.items() if values.hold(conditions) for path in paths
            ]
            if not following:
                if len(ends) != 1:
                    raise ReplayError(f"{len(ends)} paths fit after {done} events: {self._names(ends)}")
                return ends[0]
            if ends:
                raise ReplayError(f"after {done} events {self._names(ends)} ends, and there is also {following[0][0]}")
            calls = {self._identity(event, values): event for event, _ in following}
            if len(calls) > 1:
                raise ReplayError(f"after {done} events packets may go on with any of {list(calls.values())}")
            outcome = self._perform(following[0][0], done, values)
            values.produce(done, outcome.produced)
            alive = [node for event, node in following if self._fits(event, done, outcome, values)]
            if not alive:
                raise ReplayError(f"no path goes on with {outcome} of {following[0][0]}")
            done += 1

    def _names(self, paths: list[int]) -> str:
        return ", ".join(f"path {n}" for n in paths[:4])

    def _identity(self, event: Event, values: Values) -> Any:
        """What an event does, in numbers: alike for events of which the packet does one."""
        if event.op.semantics is None and event.function not in FUNCTIONS:
            return event.function, event.operands  # they may be such results themselves
        names = [name for name, role in event.op.operands.items() if role is not Role.PRODUCES]
        return (
            event.op.name, event.objects, event.span, event.function,
            event.key_home and event.key_home[0], tuple(offset for offset, _ in event.stored),
            tuple((name, tuple(values.number(e) for e in event.expressions(name))) for name in names),
        )  # fmt: skip

    def _fits(self, event: Event, number: int, outcome: Outcome, values: Values) -> bool:
        """Whether the path goes on like this: the answer, and what was given where the path knows it already."""
        if event.result is not None and event.result is not outcome.answer:
            return False
        given = [e for name in event.op.operands_of(Role.PRODUCES) for e in event.expressions(name)]
        return all(_gives(number, e) or values.number(e) in outcome.produced.values() for e in given)

    # ----------------------------------------------------------------------- what it does

    def _given(self, event: Event, name: str, values: Values) -> int:
        """A member that may be what the operation produces, and is no operand then."""
        if event.op.operands.get(name) in (None, Role.PRODUCES):
            return 0
        (operand,) = event.expressions(name)
        return values.number(operand)

    def _perform(self, event: Event, number: int, values: Values) -> Outcome:
        self.counts.events[event.op.name] += 1
        if event.op.semantics is None:
            return self._calculate(event, number, values)
        objects, home = tuple(self._objects[n] for n in event.objects), event.key_home
        home = home if event.key_offset == 0 else None
        index, value = (self._given(event, name, values) for name in ("index", "value"))
        call = Call(
            objects,
            key=tuple(values.number(e) for e in event.key or event.raw),
            index=index,
            value=value,
            operands=tuple(values.number(e) for e in event.operands),
            span=event.span or (0, 0),
            stored=tuple((offset, values.number(e).to_bytes(e.width // 8, "big")) for offset, e in event.stored),
            key_home=None if home is None else (self._objects[home[0]], values.number(home[1])),
        )
        if call.key_home is not None:
            table, (vector, index) = objects[0], call.key_home
            assert isinstance(table, Map)
            if table.view(vector.element(index)) != call.key:
                raise ReplayError(f"another key lies at the place that {event} names")
        if event.op.effect is Effect.PUT and event.op.objects[0].kind == "map" and home is None:
            self.counts.unplaced += 1
        return event.op.perform(call)

    def _calculate(self, event: Event, number: int, values: Values) -> Outcome:
        """What a function gives that is not followed; nothing, if only the compiled program's frame may tell."""
        assert event.value is not None and isinstance(event.value.value, Produced)
        part, width = event.value.value.part, event.value.width
        if (memory := SOMEWHERE.fullmatch(event.function)) is not None and memory[1] == "the frame":
            self.counts.calculated[memory[1]] += 1
            (offset,) = event.operands
            return Outcome(produced={part: values.bytes_at(values.number(offset), width // 8)})
        function = FUNCTIONS.get(event.function)
        if function is not None:
            self.counts.calculated[event.function] += 1
            given = [(values.number(e), e.width) for e in event.operands]
            return Outcome(produced={part: function(given, width)})
        if not event.operands:
            self.counts.invented += 1
            values.invent(number, {part: self._random.getrandbits(width)})
        return Outcome()

    # ----------------------------------------------------------------------- what leaves

    def _verdict(self, path: CallPath, values: Values) -> Verdict:
        if not isinstance(path.verdict, Expr):
            return path.verdict
        verdict = values.number(path.verdict)
        return DIALECTS[self._analysis.dialect].verdict(verdict, path.port)

    def _frame(self, path: CallPath, frame: bytes, values: Values, compiled: bytes) -> bytes:
        sent = bytearray(path.grown) + frame if path.grown >= 0 else bytearray(frame[-path.grown :])
        if length := [values.number(e) for offset, e in path.packet_writes if offset >= LENGTH_AT]:
            sent = sent[: int.from_bytes(bytes(length), "little")]
        self._look(path, values, compiled)
        for offset, e in path.packet_writes:
            if offset < len(sent):
                sent[offset] = values.number(e)
        return bytes(sent)

    def _look(self, path: CallPath, values: Values, compiled: bytes) -> None:
        """Take from the frame what functions gave whose bytes are there as they are."""
        bits: dict[Expr, dict[int, int]] = {}
        for offset, e in path.packet_writes:
            symbol, low = (e.args[0], e.bounds[1]) if e.op == "extract" else (e, 0)
            if symbol.op != "sym" or not isinstance(symbol.value, Produced) or offset >= len(compiled):
                continue
            event = path.events[symbol.value.event]
            if event.op.semantics is None and event.function not in FUNCTIONS:
                bits.setdefault(symbol, {}).setdefault(low, compiled[offset])
                self.counts.seen[event.function] += 1
        for symbol, found in bits.items():
            assert isinstance(symbol.value, Produced)
            values.produce(symbol.value.event, {symbol.value.part: sum(byte << low for low, byte in found.items())})


def _gives(number: int, e: Expr) -> bool:
    """Whether an expression is the symbol for what event ``number`` gives."""
    return isinstance(e.value, Produced) and e.value.event == number


def _add(node: Node, path: CallPath, number: int) -> None:
    before = 0
    for event in path.events:
        conditions = path.condition[before : event.condition_length]
        before = event.condition_length
        node = node.events.setdefault(conditions, {}).setdefault(event, Node())
    node.ends.setdefault(path.condition[before:], []).append(number)
