"""The state of one path."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.symbols import PACKET_LENGTH
from maestro_tool.expr.walk import operands
from maestro_tool.frontend import ir
from maestro_tool.symex.callpath import Event
from maestro_tool.symex.memory import Memory
from maestro_tool.symex.values import Pointer, Value

#: Frames shorter than this do not reach nf_process: the program drops them.
MINIMUM_LENGTH = 14


class Frame:
    """One active call.  ``decisions`` counts per block how often its branch was decided both ways, and by ~block the
    rounds that a loop's test let in by what is known; ``iterations`` how often a loop (by its first block) has gone
    round, where paths are merged."""

    __slots__ = ("block", "decisions", "dst", "function", "iterations", "locals", "pc", "temps", "variable_arguments")

    def __init__(self, function: ir.Function, args: list[Value], dst: int | None) -> None:
        self.function = function
        count = len(function.parameters)
        self.temps: dict[int, Value] = dict(enumerate(args[:count]))
        self.variable_arguments = tuple(args[count:])
        self.block = 0
        self.pc = 0
        self.dst = dst
        self.locals: list[int] = []
        self.decisions: dict[int, int] = {}
        self.iterations: dict[int, int] = {}

    def copy(self) -> Frame:
        other = Frame.__new__(Frame)
        other.function = self.function
        other.temps = dict(self.temps)
        other.block, other.pc, other.dst = self.block, self.pc, self.dst
        other.locals = list(self.locals)
        other.decisions = dict(self.decisions)
        other.iterations = dict(self.iterations)
        other.variable_arguments = self.variable_arguments
        return other


@dataclass(slots=True)
class PacketCursor:
    """What the chunk helpers remember: bytes read so far and the borrowed chunks (their offsets).

    ``skipped``: bytes read besides, of a number that is not known (32 bits: no sum of what frames have wraps); so are
    offsets of chunks, then.
    ``within``: whether the frame certainly has all that was read, where bytes were skipped.
    ``options``: the IHL (4 bits, above 5) if IPv4 options were read, too, of a length that no path has asked for yet.
    ``grown``: bytes inserted into the frame, less those cut; all bytes behind moved by as much.
    ``length``: bytes that the frame has (16 bits), if its end moved; None: those that came in, and ``grown``.
    ``minimum_length``: bytes that the frame certainly had when it came in.
    ``context``: what a program for XDP was given.
    """

    read: int = 0
    chunks: tuple[int | Expr, ...] = ()
    minimum_length: int = MINIMUM_LENGTH
    block: Pointer | None = None
    options: Expr | None = None
    grown: int = 0
    skipped: Expr | None = None
    within: bool = True
    context: Pointer | None = None
    length: Expr | None = None

    @property
    def bytes(self) -> Expr:
        """How many the frame has now."""
        grown = nodes.binary("add", PACKET_LENGTH, nodes.const(self.grown, 16))
        return grown if self.length is None else self.length

    @property
    def at(self) -> int | Expr:
        """The offset of the next byte."""
        return self.read if self.skipped is None else nodes.binary("add", self.skipped, nodes.const(self.read, 32))

    @property
    def came(self) -> int:
        """Bytes that must have come in for all before the cursor to be there."""
        return self.read - self.grown


@dataclass(slots=True)
class State:
    """``conditions`` hold on this path; ``known`` are values of (sub)terms that follow from them."""

    memory: Memory
    frames: list[Frame] = field(default_factory=list)
    conditions: tuple[Expr, ...] = ()
    known: dict[Expr, Expr] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    cursor: PacketCursor = field(default_factory=PacketCursor)
    entries: dict[tuple[int, Expr], int] = field(default_factory=dict)  # borrowed elements: block numbers
    facts: dict[tuple[object, ...], Value] = field(default_factory=dict)  # answers that still hold
    witness: dict[Expr, Expr] | None = None  # values under which all conditions hold, when they are known
    steps: int = 0
    result: Value | None = None
    end: int = 0  # location of the return statement

    def fork(self) -> State:
        return State(
            self.memory.fork(),
            [f.copy() for f in self.frames],
            self.conditions,
            dict(self.known),
            list(self.events),
            replace(self.cursor),
            dict(self.entries),
            dict(self.facts),
            self.witness,
            self.steps,
        )

    def assume(self, condition: Expr) -> None:
        """Add a condition (its conjuncts) and what follows from it at once."""
        added: list[Expr] = []
        for c in operands(condition, "land"):
            if c is not nodes.TRUE and c not in self.conditions:
                added.append(c)
                self.learn(c)
        self.conditions += tuple(added)

    def learn(self, c: Expr) -> None:
        """Keep what follows at once from ``c``, which holds on this path."""
        self.known[c] = nodes.TRUE
        negated = nodes.lnot(c)
        self.known[negated] = nodes.FALSE
        if c.op == "eq" and c.args[1].is_const and c.args[0].op in ("sym", "concat", "extract", "ite"):
            left, value = c.args
            self.known[left] = value
            low = left.width
            for part in left.args if left.op == "concat" else ():
                low -= part.width
                if part.op == "sym":
                    self.known[part] = nodes.extract(value, low + part.width - 1, low)
        if c.op == "ule" and c.args[0].is_const and c.args[1] is PACKET_LENGTH:
            self.cursor.minimum_length = max(self.cursor.minimum_length, c.args[0].const)
        if c.op == "ult" and c.args[0].is_const and c.args[1] is PACKET_LENGTH:
            self.cursor.minimum_length = max(self.cursor.minimum_length, c.args[0].const + 1)
