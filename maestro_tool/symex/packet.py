"""Phase 2: nf_process on one unknown packet, on one input port, over the state that set-up left.

Numbers that set-up stored are symbols ``cfg.<place>`` until something depends on them that the plan depends on:
then they are *pinned*.  Bytes of set-up's memory that any path writes are state themselves (kind "global").
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from maestro_tool.diagnostics import InputError, UnsupportedError
from maestro_tool.dialects import DIALECTS
from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.symbols import INPUT_PORT, NOW, PACKET_LENGTH, Produced, is_packet_byte, option, packet_byte
from maestro_tool.expr.walk import arguments_first, parts
from maestro_tool.frontend import entry, ir
from maestro_tool.frontend.entry import Given
from maestro_tool.operations.row import Effect
from maestro_tool.symex import arrays, events, floats
from maestro_tool.symex.callpath import LeftOut, StateObject
from maestro_tool.symex.limits import Limits
from maestro_tool.symex.machine import Machine
from maestro_tool.symex.memory import (
    Block,
    External,
    Mbuf,
    Memory,
    PacketBytes,
    SetUp,
    StateObjectFill,
    Uninitialised,
    VectorEntry,
    Zeros,
)
from maestro_tool.symex.models import MBUFS, PACKET, SETUP, mbuf
from maestro_tool.symex.notes import Note, NoteCode
from maestro_tool.symex.objects import ObjectInfo
from maestro_tool.symex.places import Access, Place, Places
from maestro_tool.symex.setup import SetUpResult
from maestro_tool.symex.solver import Solver
from maestro_tool.symex.state import MINIMUM_LENGTH, State
from maestro_tool.symex.tables import is_choice, look_up
from maestro_tool.symex.values import NULL, FunctionPointer, Key, NullPointer, Pointer, Undefined, Value, memory_order

#: What holds on every path without being in its condition: the program drops shorter frames before nf_process
#: runs, and its clock (CLOCK_MONOTONIC, or the capture's timestamps) is never negative.
ASSUMPTIONS = (
    nodes.compare("ule", nodes.const(MINIMUM_LENGTH, 16), PACKET_LENGTH),
    nodes.compare("sle", nodes.const(0, 64), NOW),
)

_LONGEST_FRAME = 65535

#: What gives something that the NF stored, or a place that it was given to store at.
_STORED = frozenset({Effect.READ, Effect.GET, Effect.SIZE, Effect.ALLOCATE})


def _is_stored(state: State, symbol: Expr) -> bool:
    """Whether the NF's earlier packets decided what ``symbol`` stands for."""
    made = symbol.value
    return isinstance(made, Produced) and state.events[made.event].op.effect in _STORED


def _holding(state: State, name: str, pointer: Pointer) -> Pointer:
    """Memory that holds a pointer."""
    holder = Block(name, 8, Zeros())
    holder.cells[0] = (8, pointer)
    return Pointer(state.memory.add(holder))


def _is_address(value: Value | None) -> bool:
    return isinstance(value, Pointer | FunctionPointer | NullPointer)


def _holds_keys(vector: ObjectInfo, table: ObjectInfo) -> bool:
    """Whether keys that set-up put into ``table`` lie in elements of ``vector``."""
    return vector.kind == "vector" and not table.key_places.keys().isdisjoint(vector.contents.values())


class MutableFoundError(Exception):
    """A path writes what earlier loads took for configuration: the analysis starts again, knowing that."""


@dataclass(slots=True)
class Findings:
    """What the paths showed about set-up's memory; only ever grows."""

    pinned: dict[Expr, tuple[Place, int, int]] = field(default_factory=dict)  # symbol -> place, value, loc
    null_pointers: dict[Place, int] = field(default_factory=dict)  # -> loc
    object_pointers: dict[Place, int] = field(default_factory=dict)  # -> object
    memory_pointers: dict[Place, Access] = field(default_factory=dict)  # -> address it holds
    values: dict[Expr, tuple[Place, int]] = field(default_factory=dict)  # cfg symbols -> place, value
    mutable: dict[int, set[int]] = field(default_factory=dict)  # block -> bytes
    global_loc: dict[int, int] = field(default_factory=dict)  # block -> loc of the first write
    # Where the keys of a map lie: vectors, and None for elsewhere; what was taken not to hold any.
    key_places: dict[int, set[int | None]] = field(default_factory=dict)
    without_keys: dict[int, set[int]] = field(default_factory=dict)
    frame_stored: int = 0  # as in `callpath.Analysis`
    frame_moved: bool = False

    def mistaken(self) -> bool:
        """Whether something held keys of a map that was taken not to; asked once all paths are known."""
        found = any(
            changed and (None in places or not places.isdisjoint(changed))
            for table, changed in self.without_keys.items()
            if (places := self.key_places.get(table)) is not None
        )
        self.without_keys.clear()
        return found


class PacketMachine(Machine):
    """``port`` is the input port of the paths being explored."""

    pointers_carry_numbers = True

    def __init__(
        self, program: ir.Program, result: SetUpResult, places: Places, findings: Findings,
        solver: Solver, limits: Limits, port: int, ports: int,
    ) -> None:  # fmt: skip
        models = MBUFS if DIALECTS[program.dialect].mbufs else PACKET
        super().__init__(program, result.globals, models, solver, limits)
        self.only_in_setup = frozenset(SETUP.keys() - PACKET.keys())
        self.objects = list(result.objects)
        self.port, self.ports = port, ports
        self.left_out: list[LeftOut] = []
        self._result = result
        self._places = places
        self._findings = findings
        self._output: Pointer | None = None  # where nf_process of bursts puts its result
        self._globals = {block: len(result.objects) + i for i, block in enumerate(sorted(findings.mutable))}
        self._elements = {
            number for info in result.objects if info.kind == "vector" for number in info.contents.values()
        }
        self._keys: dict[int, set[int]] = {}
        for info in result.objects:
            for block, key_bytes in info.key_places.items():
                self._keys[block] = self._keys.get(block, set()) | key_bytes
        self._base = {number: self._beneath(block) for number, block in result.memory.items()}

    @staticmethod
    def _beneath(block: Block) -> Block:
        """Set-up's block as a path first sees it: constants and opaque objects as they are, the rest unread."""
        if block.const or isinstance(block.fill, StateObjectFill | External):
            return block
        # Without cells: each first read comes to `missing`, which tells configuration from state.
        return Block(block.name, block.size, SetUp(), block.type_name)

    def keys_lie(self, table: int, vector: int | None) -> None:
        self._findings.key_places.setdefault(table, set()).add(vector)

    def may_hold_keys(self, changed: Collection[int], table: int) -> bool:
        """By what is known so far; what turns out to be wrong is analysed again (`Findings.mistaken`)."""
        known = self._findings.key_places.get(table, set())
        if changed and (None in known or not known.isdisjoint(changed)):
            return True
        if any(_holds_keys(self.objects[n], self.objects[table]) for n in changed if n < len(self.objects)):
            return True
        self._findings.without_keys.setdefault(table, set()).update(changed)
        return False

    def start(self) -> State:
        """The state in which nf_process is entered."""
        process = self.program.functions.get("nf_process")
        if process is None:
            raise InputError("the program has no nf_process()", hint="is the NF's main source file among the sources?")
        state = State(Memory.of(self._base))
        packet = Pointer(state.memory.add(Block("the packet", _LONGEST_FRAME, PacketBytes())))
        state.cursor.block = packet
        state.witness = self.solver.first_witness()
        dialect = DIALECTS[self.program.dialect]
        given = entry.given(process, dialect)
        if given is None:
            hint = entry.expected(dialect)
            self.fail(UnsupportedError, "nf_process has parameters that are not those of the API", process.loc, hint)
        args = self._arguments(state, given, packet, tuple(p.bits for p in process.parameters))
        self.enter(state, "nf_process", args, None, process.loc)
        return state

    def _arguments(self, state: State, given: Given, packet: Pointer, bits: tuple[int, ...]) -> list[Value]:
        """What nf_process is given; of ``bits`` each."""
        if given is Given.MBUF:
            return [mbuf.begins(state), self._number(NOW, bits[1], True)]
        if given is Given.BURST:
            burst = _holding(state, "the burst", mbuf.begins(state))
            self._output = Pointer(state.memory.add(Block("the outputs", 2, Uninitialised())))
            return [burst, nodes.const(1, bits[1]), self._number(NOW, bits[2], True), self._output]
        buffer = packet if given is Given.FRAME else _holding(state, "the packet's pointer", packet)
        args: list[Value] = [
            self._number(INPUT_PORT, bits[0], False), buffer,
            self._number(PACKET_LENGTH, bits[2], False), self._number(NOW, bits[3], True),
        ]  # fmt: skip
        return args if len(bits) == 4 else [*args, Pointer(state.memory.add(Block("the mbuf", None, External())))]

    @staticmethod
    def _number(symbol: Expr, bits: int, cut: bool) -> Expr:
        if bits < symbol.width:
            return nodes.extract(symbol, bits - 1, 0)
        return nodes.sext(symbol, bits) if cut else nodes.zext(symbol, bits)

    # ----------------------------------------------------------------------- decisions

    def decide(self, state: State, condition: Expr, loc: int) -> Expr:
        """The port is known; configuration that decides with the port, or alone, is pinned."""
        symbols = self.solver.symbols(condition)
        configuration = [s for s in symbols if s in self._findings.values]
        known: dict[Expr, Expr] = {}
        device = INPUT_PORT in symbols
        if device:
            known[INPUT_PORT] = nodes.const(self.port, INPUT_PORT.width)
        # Compared with a packet's bytes, a number stays open: the paths are the same whatever it is at run time.  Where
        # it alone decides, only one way is looked at, so the program must run with this number.
        if configuration and (device or len(configuration) == len(symbols)):
            for s in configuration:
                self.pin(s, loc)
        for s in configuration:
            if s in self._findings.pinned:
                known[s] = nodes.const(self._findings.values[s][1], s.width)
        return nodes.substitute(condition, known) if known else condition

    def settles(self, state: State, requirement: Expr, loc: int) -> bool:
        """A divisor or shift that the options give: the NF itself fails in a run where it does not fit."""
        symbols = self.solver.symbols(requirement)
        if not symbols or not symbols <= self._findings.values.keys() or self._resolved(requirement) is not nodes.TRUE:
            return False
        self.leave_out(state, loc, NoteCode.OPTION_FITS, unless=requirement)
        state.assume(requirement)
        if state.witness is not None and not self.solver.holds_under(state.witness, requirement):
            state.witness = None
        return True

    def assume_inside(self, state: State, block: Block, offset: Expr, size: int, loc: int) -> None:
        """An index that the NF itself stored in its state: where it does not fit, the sequential NF has no meaning.

        An index that packets give is not trusted.
        """
        symbols = self.solver.symbols(offset)
        if block.size is None or not symbols or not all(_is_stored(state, s) for s in symbols):
            return
        inside = nodes.land(
            nodes.compare("sle", nodes.const(0, 64), offset),
            nodes.compare("sle", offset, nodes.const(block.size - size, 64)),
        )
        if inside in state.conditions or not self.may(state, nodes.lnot(inside), loc):
            return
        if self.may(state, inside, loc):
            self.note(loc, NoteCode.STORED_INDEX_FITS, block.name)
            self.leave_out(state, loc, NoteCode.STORED_INDEX_FITS, block.name, unless=inside)
            state.assume(inside)
            if state.witness is not None and not self.solver.holds_under(state.witness, inside):
                state.witness = None

    def leave_out(self, state: State, loc: int, code: NoteCode, *about: str, unless: Expr = nodes.FALSE) -> None:
        conditions = state.conditions if unless is nodes.FALSE else (*state.conditions, nodes.lnot(unless))
        self.left_out.append(LeftOut(self.port, conditions, tuple(state.events), Note(loc, code, about)))

    def pin(self, symbol: Expr, loc: int) -> None:
        place, value = self._findings.values[symbol]
        self._findings.pinned.setdefault(symbol, (place, value, loc))

    def entry_index(self, state: State, index: Expr, loc: int) -> Expr:
        # An index is a name: simplified halfway, one index would have two.
        index = self._strided(self.decide(state, index, loc), loc)
        simpler = nodes.substitute(index, state.known)
        return simpler if simpler.is_const else index

    def _strided(self, index: Expr, loc: int) -> Expr:
        """Options by which what is found or stored is multiplied say how long blocks are: they are pinned."""
        for e in arguments_first((index,)):
            factors = [self.solver.symbols(a) for a in e.args] if e.op in ("mul", "shl") else []
            for fixed in (f for f in factors if f and f <= self._findings.values.keys() and len(factors) == 2):
                if any(isinstance(s.value, Produced) for other in factors if other is not fixed for s in other):
                    for s in sorted(fixed, key=str):
                        self.pin(s, loc)
        return self._resolved_pins(index)

    def key(self, state: State, number: int, address: Value, loc: int, which: int = 0) -> Key:
        """Options that packets' bytes are computed with (a mask, say) shape the key: they are pinned."""
        found = super().key(state, number, address, loc, which)
        return Key(None if found.fields is None else tuple(self._shaped(f, loc) for f in found.fields), found.raw)

    def _shaped(self, e: Expr, loc: int) -> Expr:
        for part in parts(e, lambda x: x.args if x.op in ("concat", "extract", "zext", "sext") else None):
            symbols = self.solver.symbols(part)
            if any(map(is_packet_byte, symbols)):
                for s in symbols & self._findings.values.keys():
                    self.pin(s, loc)
        return self._resolved_pins(e)

    def _resolved_pins(self, e: Expr) -> Expr:
        pinned = {
            s: nodes.const(self._findings.values[s][1], s.width)
            for s in self.solver.symbols(e)
            if s in self._findings.pinned
        }
        return nodes.substitute(e, pinned) if pinned else e

    def final(self, state: State, value: Value, loc: int) -> Value:
        """Ports that a table gives are told apart."""
        if isinstance(value, Expr) and is_choice(value):
            return nodes.const(self.concrete(state, value, loc, "the port that is returned"), value.width)
        return value

    def verdict(self, state: State) -> int | Literal["drop", "flood"] | Expr:
        """What the path returns: a port, "drop", "flood", or 16 bits that are not known."""
        result = state.result
        if self._output is not None:
            result = self.load(state, self._output, 2, "int", state.end)
        if isinstance(result, Undefined) or result is None:
            self.fail(InputError, "nf_process ends without a return value on this path", state.end)
        if not isinstance(result, Expr):
            self.fail(UnsupportedError, "nf_process returns something that is not a port", state.end)
        if 0 < result.width < 16:
            self.fail(UnsupportedError, "nf_process returns too short a number for a port", state.end, "return int")
        e = nodes.extract(self.as_integer(result, result.width or 32, state.end), 15, 0)
        for s in sorted(self.solver.symbols(e), key=str):
            if s in self._findings.values:
                self.pin(s, state.end)
        e = self.decide(state, e, state.end)
        simpler = nodes.substitute(e, state.known)
        if not simpler.is_const:
            return e
        return DIALECTS[self.program.dialect].verdict(simpler.const, self.port)

    # ----------------------------------------------------------------------- memory

    def unwritten(self, state: State, size: int, loc: int) -> Expr:
        """They may be any: what memory happens to hold may send a packet either way."""
        return events.unknown(state, 8 * size, loc)

    def table(self, number: int, block: Block) -> Block | None:
        """Also what set-up left and no packet changes."""
        if isinstance(block.fill, SetUp):
            return None if number in self._findings.mutable else self._result.memory.get(number)
        return super().table(number, block)

    def missing(self, state: State, number: int, block: Block, offset: int, size: int, kind: str, loc: int) -> Value:
        match block.fill:
            case PacketBytes():
                self._check_length(state, offset + size, loc)
                first = offset - state.cursor.grown
                return memory_order([packet_byte(n) for n in range(first, first + size)])
            case VectorEntry(object_id, index):
                # Kept in the path's memory: reading it again is no other event, and gives the same symbols.
                value = events.read_bytes(state, "vector_read", object_id, index, offset, size, loc)
                state.memory.writable(number).store(offset, size, value)
                return value
            case SetUp():
                cells = list(self._set_up_cells(state, number, block, offset, size, loc))
                if len(cells) == 1 and cells[0][:2] == (offset, size) and cells[0][2] is not None:
                    return self._followed(number, cells[0], kind, loc)
                return memory_order([self._bytes(block, cell, offset, size, loc) for cell in cells])
            case Mbuf():
                self._no_member(offset, "reads", loc)
        return super().missing(state, number, block, offset, size, kind, loc)

    def _no_member(self, offset: int, doing: str, loc: int) -> NoReturn:
        """What is at this offset of the packet's mbuf is for cards and drivers to say."""
        fields = self.program.structs["struct rte_mbuf"].fields if "struct rte_mbuf" in self.program.structs else ()
        name = next((f.name for f in fields if f.offset <= offset < f.offset + f.size), f"byte {offset}")
        self.fail(
            UnsupportedError,
            f"{doing} '{name}' of the packet's mbuf, which NFs may not",
            loc,
            "they may read port, pkt_len, data_len, nb_segs and vlan_tci (0: no card strips tags), and write none",
        )

    def _missing_cells(
        self, state: State, number: int, block: Block, offset: int, size: int, loc: int, followed: bool
    ) -> Iterable[tuple[int, int, Value | None]]:
        if isinstance(block.fill, SetUp):
            cells = self._set_up_cells(state, number, block, offset, size, loc)
            return [
                (o, s, self._followed(number, (o, s, v), "pointer", loc) if followed or _is_address(v) else v)
                for o, s, v in cells
            ]
        return super()._missing_cells(state, number, block, offset, size, loc, followed)

    def _check_length(self, state: State, end: int, loc: int) -> None:
        """What lies behind the frame's end is no packet's: an earlier frame's bytes, or another buffer."""
        came = end - state.cursor.grown  # as much must have come in
        if state.cursor.length is not None:
            short = nodes.compare("ult", state.cursor.length, nodes.const(min(end, _LONGEST_FRAME), 16))
        elif came <= state.cursor.minimum_length:
            return
        else:
            short = nodes.compare("ult", PACKET_LENGTH, nodes.const(min(came, _LONGEST_FRAME), 16))
        if came > _LONGEST_FRAME or self.may(state, short, loc):
            self.fail(
                InputError,
                f"accesses frame byte {end - 1}, but the frame may be shorter",
                loc,
                "compare packet_length, or the unread length, first",
            )
        state.cursor.minimum_length = max(came, state.cursor.minimum_length)

    def _set_up_cells(
        self, state: State, number: int, block: Block, offset: int, size: int, loc: int
    ) -> Iterable[tuple[int, int, Value | None]]:
        """Cells that cover the range: pointers as set-up left them, numbers as configuration or as state."""
        original = self._result.memory.get(number)
        assert original is not None
        mutable = self._findings.mutable.get(number, ())
        position, end = offset, offset + size
        while position < end:
            if position in mutable:
                stop = position
                while stop < end and stop in mutable:
                    stop += 1
                index = nodes.const(position, 32)
                value = events.read_bytes(
                    state, "global_read", self._globals[number], index, position, stop - position, loc
                )
                state.memory.writable(number).store(position, stop - position, value)
                yield position, stop - position, value
                position = stop
                continue
            place = self._places.leaf(number, position)
            self._check_no_element(original, place, loc)
            first, last = max(place.offset, offset), min(place.offset + place.size, end)
            if mutable:
                first = position
                last = next((n for n in range(first, last) if n in mutable), last)
            yield self._set_up_cell(original, place, first, last)
            position = last

    def _check_no_element(self, block: Block, place: Place, loc: int) -> None:
        """What packets do through a pointer that set-up borrowed would be no operation of its vector."""
        for _, _, value in block.segments(place.offset, place.size):
            if isinstance(value, Pointer) and value.block in self._elements:
                self.fail(
                    UnsupportedError,
                    f"uses {place.text}, a pointer to a vector's element that set-up borrowed",
                    loc,
                    "call vector_borrow where the packet is handled",
                )

    def _set_up_cell(self, original: Block, place: Place, first: int, last: int) -> tuple[int, int, Value | None]:
        segments = list(original.segments(place.offset, place.size))
        if len(segments) == 1 and segments[0][2] is not None and not isinstance(segments[0][2], Expr):
            return segments[0]
        parts: list[Expr] = []
        for _, s, v in segments:
            if isinstance(v, Expr):
                parts.append(v)
            elif v is None and isinstance(original.fill, Zeros):
                parts.append(nodes.const(0, 8 * s))
            else:
                return first, last - first, None
        value = memory_order(parts)
        if not value.is_const:
            return first, last - first, value
        symbol = option(place.text, value.width)
        self._findings.values.setdefault(symbol, (place, value.const))
        self.solver.likely[symbol] = value  # a guess for witnesses; nothing is concluded from it
        if symbol in self._findings.pinned:
            symbol = value
        return first, last - first, nodes.extract(symbol, 8 * (last - place.offset) - 1, 8 * (first - place.offset))

    def _followed(self, number: int, cell: tuple[int, int, Value | None], kind: str, loc: int) -> Value:
        """Remember which pointers packets follow; a number read as a pointer must be NULL."""
        offset, size, value = cell
        place = self._places.leaf(number, offset)
        assert value is not None
        if isinstance(value, Pointer):
            target = self._result.memory.get(value.block)
            if target is not None and isinstance(target.fill, StateObjectFill):
                self._findings.object_pointers.setdefault(place, target.fill.object)
            elif isinstance(value.offset, int):
                address = self._places.address(value.block, value.offset)
                if address is not None:
                    self._findings.memory_pointers.setdefault(place, address)
            return value
        if isinstance(value, FunctionPointer) and value.name in self.program.functions:
            self._findings.memory_pointers.setdefault(place, (value.name,))
            return value
        if isinstance(value, FunctionPointer):
            self.fail(
                UnsupportedError, f"uses the function that set-up stored in {place.text}", loc, "call it directly"
            )
        if kind == "int":
            return nodes.const(floats.to_bits(value, 8 * size), 8 * size) if isinstance(value, float) else value
        if isinstance(value, NullPointer):
            self._findings.null_pointers.setdefault(place, loc)
            return value
        if isinstance(value, Expr):
            symbols = self.solver.symbols(value)
            if symbols and symbols <= self._findings.values.keys():
                for s in symbols:
                    self.pin(s, loc)
                value = self._resolved(value)
            if value.is_const and value.const == 0 and kind == "pointer":
                self._findings.null_pointers.setdefault(place, loc)
                return NULL
        return value

    def _resolved(self, value: Expr) -> Expr:
        values = self._findings.values
        return nodes.substitute(value, {s: nodes.const(values[s][1], s.width) for s in self.solver.symbols(value)})

    def _bytes(self, block: Block, cell: tuple[int, int, Value | None], offset: int, size: int, loc: int) -> Expr:
        first, length, value = cell
        if value is None:
            self.fail(InputError, f"reads '{block.name}' before it was written", loc)
        if isinstance(value, NullPointer):
            value = nodes.const(0, 64)
        if not isinstance(value, Expr) or first < offset or first + length > offset + size:
            self.fail(UnsupportedError, "reads a part of a pointer", loc)
        return value

    def stored(self, state: State, number: int, block: Block, offset: int, size: int, value: Value, loc: int) -> None:
        super().stored(state, number, block, offset, size, value, loc)
        match block.fill:
            case Mbuf():
                self._no_member(offset, "writes", loc)
            case PacketBytes():
                self._check_length(state, offset + size, loc)
                self.frame_stored(offset + size)
            case VectorEntry(object_id, index):
                if block.cells.get(offset) == (size, value):
                    return  # what is there already: no packet can tell
                bits = self._plain(value, size, loc, "a vector's element")
                self._forget_aliases(state, object_id, index)
                events.write_bytes(state, "vector_write", object_id, index, offset, bits, loc)
            case SetUp():
                self._changes(number, block, set(range(offset, offset + size)), loc)
                bits = self._plain(value, size, loc, f"'{block.name}', which packets change")
                index = nodes.const(offset, 32)
                events.write_bytes(state, "global_write", self._globals[number], index, offset, bits, loc)

    def fixed(self, e: Expr, loc: int) -> Expr:
        for s in self.solver.symbols(e):
            if s in self._findings.values:
                self.pin(s, loc)
        return self._resolved_pins(e)

    def array_read(self, state: State, address: Value, size: int, loc: int) -> Value | None:
        if isinstance(address, Pointer) and (found := self._somewhere_in_frame(state, address, size, loc)) is not None:
            return found
        if not isinstance(address, Pointer) or not self.in_array(state, address, size, loc):
            return None
        if address.block not in self._findings.mutable:  # so far, nobody changes it
            return look_up(self, state, address, size, loc)
        at = self.entry_index(state, address.offset_expr, loc)
        return events.read_bytes(state, "array_read", self._globals[address.block], at, 0, size, loc)

    def _somewhere_in_frame(self, state: State, address: Pointer, size: int, loc: int) -> Expr | None:
        """Bytes of the frame at one of many places: the same at the same place, nothing else is known of them."""
        block = state.memory.get(address.block)
        if isinstance(address.offset, int) or block is None or not isinstance(block.fill, PacketBytes):
            return None
        offset = nodes.substitute(self.decide(state, address.offset_expr, loc), state.known)
        if offset.is_const or self.solver.values(state.conditions, offset, self.limits.values) is not None:
            return None
        if block.cells or state.cursor.grown or state.cursor.length is not None:
            self.fail(
                UnsupportedError,
                "reads the frame, which this path has changed, at a place that is not known",
                loc,
                "read before the frame is changed",
            )
        short = nodes.extract(offset, 31, 0)
        behind, length = nodes.binary("add", short, nodes.const(size, 32)), nodes.zext(PACKET_LENGTH, 32)
        inside = nodes.land(nodes.compare("ult", short, length), nodes.compare("ule", behind, length))
        if offset is not nodes.zext(short, 64):
            inside = nodes.land(inside, nodes.eq(offset, nodes.zext(short, 64)))
        if not self._borrowed(state, offset, size) and self.may(state, nodes.lnot(inside), loc):
            hint = "compare packet_length, or the unread length, first"
            self.fail(InputError, "accesses the frame at a place that may be behind its end", loc, hint)
        return events.somewhere(state, "the frame", offset, 8 * size, loc)

    @staticmethod
    def _borrowed(state: State, offset: Expr, size: int) -> bool:
        """Whether the place is in a chunk that the frame certainly had when it was borrowed."""
        first = 0
        if offset.op == "add" and offset.args[1].is_const:
            offset, first = offset.args[0], nodes.signed(offset.args[1].const, 64)
        chunk = offset.args[0] if offset.op == "zext" else nodes.extract(offset, 31, 0)
        length = state.facts.get(("borrowed", chunk))
        has = length.const if isinstance(length, Expr) and offset is nodes.zext(chunk, 64) else 0
        return first >= 0 and first + size <= has

    def array_written(self, state: State, address: Value, size: int, value: Value, loc: int) -> bool:
        if not isinstance(address, Pointer) or not self.in_array(state, address, size, loc):
            return False
        block = state.memory.get(address.block)
        offsets = arrays.offsets(self, state, address, size, loc)
        assert block is not None and offsets is not None
        self._changes(address.block, block, {n for o in offsets for n in range(o, o + size)}, loc)
        bits = self._plain(value, size, loc, f"'{block.name}', which packets change")
        at = self.entry_index(state, address.offset_expr, loc)
        events.write_bytes(state, "array_write", self._globals[address.block], at, 0, bits, loc)
        state.memory.writable(address.block).cells.clear()  # any of them may be the one: read anew
        return True

    def in_array(self, state: State, address: Value, size: int, loc: int) -> bool:
        if not isinstance(address, Pointer) or isinstance(address.offset, int):
            return False
        block = state.memory.get(address.block)
        if block is None or not isinstance(block.fill, SetUp):
            return False
        return arrays.offsets(self, state, address, size, loc) is not None

    def _changes(self, number: int, block: Block, written: set[int], loc: int) -> None:
        """Packets write these bytes of set-up's memory: they are state."""
        if number in self._result.common:
            self.fail(
                UnsupportedError,
                f"writes to '{block.name}', which nf_config_init made once for all cores",
                loc,
                "let packets write to memory that nf_init allocates, or to variables",
            )
        if not written.isdisjoint(self._keys.get(number, ())):
            self.fail(
                UnsupportedError,
                f"writes to '{block.name}', where a key lies that set-up put into a map",
                loc,
                "let packets write elsewhere: the map has only a pointer to its key",
            )
        mutable = self._findings.mutable.setdefault(number, set())
        if not written <= mutable:
            mutable |= written
            self._findings.global_loc.setdefault(number, loc)
            # Earlier paths may have read these bytes as configuration: none of what they found holds.
            raise MutableFoundError

    def frame_stored(self, end: int) -> None:
        self._findings.frame_stored = max(self._findings.frame_stored, end)

    def frame_moves(self, state: State, end: int, loc: int) -> None:
        self._check_length(state, end, loc)
        self._findings.frame_moved = True

    def _plain(self, value: Value, size: int, loc: int, where: str) -> Expr:
        if isinstance(value, NullPointer):
            return nodes.const(0, 8 * size)
        if not isinstance(value, Expr):
            self.fail(UnsupportedError, f"stores a pointer or floating-point number in {where}", loc)
        return value

    def _forget_aliases(self, state: State, object_id: int, index: Expr) -> None:
        """A write to one element may change what another index names: its bytes are read anew."""
        for (other, other_index), number in state.entries.items():
            if other == object_id and other_index is not index and not (other_index.is_const and index.is_const):
                state.memory.writable(number).cells.clear()

    # ----------------------------------------------------------------------- results

    def state_objects(self) -> tuple[StateObject, ...]:
        """All objects, named as the NF reaches them."""
        names: dict[int, str] = {}
        for number, block in self._result.memory.items():
            if isinstance(block.fill, StateObjectFill):
                names[block.fill.object] = self._places.object_name(number) or f"{block.name[2:]}_{block.fill.object}"
        allocated = [
            StateObject(
                i,
                o.kind,
                names.get(i, f"{o.kind}_{i}"),
                o.loc,
                o.capacity,
                o.element_size,
                o.key,
                o.filled,
                o.functions,
                tuple(i for i, v in enumerate(self.objects) if _holds_keys(v, o)),
                o.shapes,
                o.key_offsets,
                None if o.contents else o.pair,
            )
            for i, o in enumerate(self.objects)
        ]
        for number, object_id in sorted(self._globals.items(), key=lambda item: item[1]):
            block = self._base[number]
            name = self._places.object_name(number) or block.name
            allocated.append(StateObject(object_id, "global", name, self._findings.global_loc[number], 1, block.size))
        return tuple(allocated)
