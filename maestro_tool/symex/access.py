"""What a path's memory and values are: loads, stores, copies, strings, and the policy beneath them.

`Access` is the part of the machine that instructions and models of library functions work with.  What the bytes
beneath a block are, what a store means, and what configuration decides is for the subclasses to say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NoReturn

from maestro_tool.diagnostics import InputError, MaestroError, SourceLocation, UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.symbols import memory_byte
from maestro_tool.frontend import ir
from maestro_tool.operations import ObjectKind
from maestro_tool.symex import events, floats
from maestro_tool.symex.files import Files
from maestro_tool.symex.limits import Limits
from maestro_tool.symex.memory import Block, External, MovedFrame, StateObjectFill, Symbols, Uninitialised, Zeros
from maestro_tool.symex.notes import Note, NoteCode
from maestro_tool.symex.objects import KeyFacts, ObjectInfo, PairFacts, PairFunctions
from maestro_tool.symex.site import Model
from maestro_tool.symex.solver import Solver
from maestro_tool.symex.state import Frame, State
from maestro_tool.symex.values import (
    NULL,
    UNDEFINED,
    FunctionPointer,
    Key,
    NullPointer,
    Pointer,
    Undefined,
    Value,
    bytes_of,
    from_bool,
    memory_order,
)

#: What to do about pointers into a frame whose start moved.
REFETCH = "fetch the chunk again, with nf_get_borrowed_chunk"


class NeedsValueError(Exception):
    """Raised by an instruction (before it changed anything) that can only go on with ``expr`` a constant.

    ``asked``: the same before what the path knows was put in.
    """

    def __init__(self, expr: Expr, asked: Expr, loc: int, purpose: str) -> None:
        super().__init__(purpose)
        self.expr, self.asked, self.loc, self.purpose = expr, asked, loc, purpose


class Access:
    """Subclasses override the methods of the section "policy"."""

    step_limit: int
    #: Library functions that are followed in set-up, but not in this phase.
    only_in_setup: frozenset[str] = frozenset()
    #: Whether a local pointer may be a number that the NF put there; it leads nowhere.
    pointers_carry_numbers: bool = False

    def __init__(
        self,
        program: ir.Program,
        globals_: Mapping[str, int],
        models: Mapping[str, Model],
        solver: Solver,
        limits: Limits,
    ) -> None:
        self.program = program
        self.globals = globals_
        self.models = models
        self.solver = solver
        self.limits = limits
        self.step_limit = limits.steps
        self.objects: list[ObjectInfo] = []
        self.ports = 0
        self.in_setup = False
        self.output: list[str] = []  # what set-up printed
        self.getopt_progress = (0, 0, 0)  # in a word of short options: optind then, which word, which letter
        self.getopt_variables: dict[str, int] = {}  # those that the NF does not use
        self.files = Files()
        self.strtok_rest: Value = NULL
        self.notes: set[Note] = set()
        self.used_temps: dict[str, frozenset[int]] = {}
        self.rounds: dict[tuple[str, int], frozenset[int]] = {}

    # ----------------------------------------------------------------------- policy

    def decide(self, state: State, condition: Expr, loc: int) -> Expr:
        """``condition`` with all that is a constant in this phase replaced, before it is decided."""
        return condition

    def known_by_now(self, state: State, e: Expr) -> None:
        """Called where ``e`` had to be a constant and is one, by what the path knows."""

    def settles(self, state: State, requirement: Expr, loc: int) -> bool:
        """Does configuration alone fulfil the requirement, so that the path may rely on it?"""
        return False

    def assume_inside(self, state: State, block: Block, offset: Expr, size: int, loc: int) -> None:
        """An access at an offset that is not known: may the path rely on its being inside of the block?"""

    def missing(self, state: State, number: int, block: Block, offset: int, size: int, kind: str, loc: int) -> Value:
        """The value of bytes that this path did not write (within the block)."""
        match block.fill:
            case Zeros():
                return NULL if kind == "pointer" and size == 8 else nodes.const(0, 8 * size)
            case Symbols(name):
                return memory_order([memory_byte(name, n) for n in range(offset, offset + size)])
            case Uninitialised():
                self.fail(InputError, f"reads '{block.name}' before it was written", loc)
        self.fail(UnsupportedError, f"follows a pointer into {block.name}, which only the library knows", loc)

    def unwritten(self, state: State, size: int, loc: int) -> Expr:
        """Bytes of which a bit-field is written for the first time; what is beside it stays."""
        return nodes.const(0, 8 * size)

    def table(self, number: int, block: Block) -> Block | None:
        """What is in a block that nobody changes any more; None if somebody may."""
        return block if block.const else None

    def looked_up(self, state: State, address: Value, size: int, loc: int, *, copied: bool) -> Expr | None:
        """What is read of a table at an offset that is not known; None: it must become known."""
        return None

    def fixed(self, e: Expr, loc: int) -> Expr:
        """``e`` with the numbers of this configuration, on which the plan depends from now on."""
        return e

    def array_read(self, state: State, address: Value, size: int, loc: int) -> Value | None:
        """What is read of an array of the NF's own, at a place that is not known; None: it must become known."""
        return None

    def in_array(self, state: State, address: Value, size: int, loc: int) -> bool:
        """Whether ``address`` is such a place."""
        return False

    def array_written(self, state: State, address: Value, size: int, value: Value, loc: int) -> bool:
        """Whether that was a write to such an array; False: its place must become known."""
        return False

    def alike(self, state: State, address: Value, size: int, kind: ir.ValueKind, loc: int) -> Value:
        """``address``, or one that is better known where memory has the same pointers."""
        return address

    def stored(self, state: State, number: int, block: Block, offset: int, size: int, value: Value, loc: int) -> None:
        """Called before bytes of a block change."""
        if block.const:
            self.fail(InputError, f"writes to the constant '{block.name}'", loc)
        if isinstance(block.fill, StateObjectFill | External):
            self.fail(UnsupportedError, f"writes into {block.name}, which only the library knows", loc)

    def frame_stored(self, end: int) -> None:
        """Called when bytes of the frame before ``end`` are stored, even if they change back later."""

    def frame_moves(self, state: State, end: int, loc: int) -> None:
        """Called before the frame's first ``end`` bytes move."""

    def release(self, state: State, number: int, loc: int) -> None:
        """free() of a block."""
        state.memory.free(number)

    def entry_index(self, state: State, index: Expr, loc: int) -> Expr:
        """An index of a vector or index allocator, in the form by which entries are told apart."""
        return index

    def key_facts(self, equality: str, hash_function: str, loc: int) -> KeyFacts:
        """What a map's keys are (set-up only); both functions are checked to be pure."""
        raise AssertionError(equality)  # set-up only

    def pair_facts(self, functions: PairFunctions, size: int, loc: int) -> PairFacts:
        """What a double map's keys are (set-up only); all functions are checked to be pure."""
        raise AssertionError(functions)  # set-up only

    def keys_lie(self, table: int, vector: int | None) -> None:
        """Map ``table`` keeps the place of a key that lies in that vector (None: elsewhere)."""

    def may_hold_keys(self, changed: Collection[int], table: int) -> bool:
        """Whether keys of map ``table`` may lie in what changed."""
        return bool(changed)

    def number_of_this_run(self, name: str, bits: int) -> Expr:
        """What the clock, or a generator of random numbers, gives."""
        return nodes.const(0, bits)

    def check_initialiser(self, name: str, loc: int) -> None:
        """An error unless ``name``, which fills a vector's elements, gives each worker the same."""
        raise AssertionError(name)  # set-up only

    def hashed_facts(self, hash_function: str, loc: int) -> KeyFacts:
        """What a sketch's keys are (set-up only); the hash function is checked to be pure."""
        raise AssertionError(hash_function)  # set-up only

    # ----------------------------------------------------------------------- errors

    def location(self, loc: int) -> SourceLocation:
        return self.program.locations[loc]

    def fail(self, kind: type[MaestroError], message: str, loc: int, hint: str | None = None) -> NoReturn:
        raise kind(message, self.location(loc) if loc < len(self.program.locations) else None, hint=hint)

    def note(self, loc: int, code: NoteCode, *about: str) -> None:
        self.notes.add(Note(loc, code, about))

    def leave_out(self, state: State, loc: int, code: NoteCode, *about: str, unless: Expr = nodes.FALSE) -> None:
        """The path goes on only if ``unless``; in set-up, nobody asks for the other way."""

    # ----------------------------------------------------------------------- values

    def value(self, state: State, frame: Frame, operand: ir.Operand) -> Value:
        match operand:
            case ir.Temp(number):
                return frame.temps.get(number, UNDEFINED)
            case ir.Const(value, bits):
                return nodes.const(value, bits) if isinstance(value, int) else value
            case ir.GlobalAddress(name):
                return Pointer(self.globals[name])
            case ir.FunctionAddress(name):
                return FunctionPointer(name)
        return NULL

    def integer(self, state: State, frame: Frame, operand: ir.Operand, bits: int, loc: int) -> Expr:
        """An operand as an integer expression ``bits`` wide."""
        return self.as_integer(self.value(state, frame, operand), bits, loc)

    def as_integer(self, value: Value, bits: int, loc: int) -> Expr:
        if isinstance(value, Expr):
            if value.width == bits:
                return value
            if value.width == 0:
                return from_bool(value, bits)
            raise AssertionError((value, bits))
        if isinstance(value, NullPointer):
            return nodes.const(0, bits)
        if isinstance(value, Undefined):
            self.fail(InputError, "uses the result of a function that returned nothing", loc)
        self.fail(UnsupportedError, "calculates with the number of an address", loc, "use pointer arithmetic instead")

    def concrete(self, state: State, e: Expr, loc: int, purpose: str) -> int:
        """The value of ``e``; when it has several on this path, the path forks."""
        if not e.is_const:
            asked = e = self.decide(state, e, loc)
            if not e.is_const:
                e = nodes.substitute(e, state.known)
                if not e.is_const:
                    raise NeedsValueError(e, asked, loc, purpose)
                self.known_by_now(state, asked)
        return e.const

    def place(self, state: State, value: Value, size: int, loc: int, doing: str) -> tuple[int, Block, int]:
        """(block number, block, offset) of an access of ``size`` bytes, checked."""
        if isinstance(value, NullPointer):
            self.fail(InputError, f"{doing} through a null pointer", loc, "a check for NULL is missing on this path")
        if not isinstance(value, Pointer):
            self.fail(UnsupportedError, f"{doing} at an address that is not known", loc)
        block = state.memory.get(value.block)
        if block is None:
            self.fail(InputError, f"{doing} memory that is gone: freed, or a local of a function that ended", loc)
        if isinstance(block.fill, MovedFrame):
            self.fail(InputError, f"{doing} through a pointer to where the frame was before it moved", loc, REFETCH)
        offset = value.offset
        if not isinstance(offset, int):
            self.assume_inside(state, block, offset, size, loc)
            offset = nodes.signed(self.concrete(state, offset, loc, f"an address in '{block.name}'"), 64)
        if offset < 0 or (block.size is not None and offset + size > block.size):
            count = f"{size} byte{'s' if size > 1 else ''}"
            self.fail(InputError, f"{doing} {count} at offset {offset} of '{block.name}', which has {block.size}", loc)
        return value.block, block, offset

    def object_at(self, state: State, value: Value, kind: ObjectKind, loc: int) -> int:
        """Number of the state object that a pointer leads to."""
        if isinstance(value, NullPointer):
            self.fail(InputError, f"uses a null pointer as a {kind}", loc)
        if isinstance(value, Pointer):
            block = state.memory.get(value.block)
            fill = block.fill if block is not None else None
            if isinstance(fill, StateObjectFill) and value.offset == 0 and self.objects[fill.object].kind == kind:
                return fill.object
        self.fail(UnsupportedError, f"this is not a {kind} that set-up allocated", loc)

    def key(self, state: State, number: int, address: Value, loc: int, which: int = 0) -> Key:
        """The key at ``address``, for operations on object ``number``; ``which`` of a double map's keys."""
        if not isinstance(address, Pointer):
            self.place(state, address, 1, loc, "reads a key")
            raise AssertionError(address)
        info = self.objects[number]
        if info.key is None:
            offsets = info.shapes[which].offsets
            read = self._rest_of_block(state, address, loc) if offsets is None else offsets
            return Key(None, tuple(self.raw_bytes(state, address, read, loc)))
        return Key(
            tuple(
                f.value(self.load_bytes(state, address.plus(nodes.const(f.offset, 64)), f.size, loc)) for f in info.key
            )
        )

    def _rest_of_block(self, state: State, address: Pointer, loc: int) -> range:
        """Offsets from ``address`` to the end of the memory there; of a frame, as far as it was looked at."""
        _, block, at = self.place(state, address, 0, loc, "reads a key")
        return range((block.size if block.size is not None else state.cursor.minimum_length) - at)

    def raw_bytes(self, state: State, address: Value, offsets: Iterable[int], loc: int) -> Iterable[Expr]:
        """Bytes that functions of the NF may read behind ``address``; what was never written may be anything."""
        for offset in offsets:
            if not isinstance(address, Pointer):
                self.place(state, address, 1, loc, "reads a key")
                raise AssertionError(address)
            number, block, at = self.place(state, address.plus(nodes.const(offset, 64)), 1, loc, "reads a key")
            [(first, _, value)] = self.cells(state, number, block, at, 1, loc)
            if value is None:
                yield events.unknown(state, 8, loc)
                continue
            whole = self.part(value, loc)
            yield nodes.extract(whole, 8 * (at - first) + 7, 8 * (at - first))

    # ----------------------------------------------------------------------- memory

    def load(self, state: State, address: Value, size: int, kind: ir.ValueKind, loc: int) -> Value:
        if isinstance(address, Pointer) and not isinstance(address.offset, int):
            if kind == "int" and (found := self.looked_up(state, address, size, loc, copied=False)) is not None:
                return found
            if (element := self.array_read(state, address, size, loc)) is not None:
                return self._as_kind(element, size, kind, loc)
            address = self.alike(state, address, size, kind, loc)
        number, block, offset = self.place(state, address, size, loc, "reads")
        # In a local variable; elsewhere, bytes that are not known may be those of an address.
        carries = self.pointers_carry_numbers and isinstance(block.fill, Uninitialised)
        cell = block.cells.get(offset)
        if cell is not None and cell[0] == size:
            return self._as_kind(cell[1], size, kind, loc, carries)
        parts: list[Expr] = []
        for o, s, v in list(block.segments(offset, size)):
            value = v if v is not None else self.missing(state, number, block, o, s, kind, loc)
            if (o, s) == (offset, size):
                return self._as_kind(value, size, kind, loc, carries)
            parts.append(self.part(value, loc))
        return self._as_kind(memory_order(parts), size, kind, loc, carries)

    def part(self, value: Value, loc: int) -> Expr:
        if isinstance(value, NullPointer):
            return nodes.const(0, 64)
        if isinstance(value, Expr):
            return value
        self.fail(UnsupportedError, "reads a part of a pointer or floating-point number", loc)

    def _as_kind(self, value: Value, size: int, kind: ir.ValueKind, loc: int, carries: bool = False) -> Value:
        if kind == "int":
            if isinstance(value, float):
                return nodes.const(floats.to_bits(value, 8 * size), 8 * size)
            return nodes.const(0, 64) if isinstance(value, NullPointer) else value
        if isinstance(value, Expr):
            if kind == "pointer" and carries and not value.is_const:
                return value
            if not value.is_const:
                hint = (
                    "keep pointers in a table of their own, which packets do not change" if kind == "pointer" else None
                )
                self.fail(UnsupportedError, f"reads a {kind} from bytes that are not known", loc, hint)
            if kind == "float":
                return floats.from_bits(value.const, 8 * size)
            if value.const == 0:
                return NULL
            if carries:
                return value
            self.fail(UnsupportedError, "makes a pointer from a number", loc)
        return value

    def store(self, state: State, address: Value, size: int, value: Value, loc: int) -> None:
        if isinstance(value, Undefined):
            self.fail(InputError, "uses the result of a function that returned nothing", loc)
        if isinstance(value, Expr) and value.width == 0:
            value = from_bool(value, 8 * size)
        somewhere = isinstance(address, Pointer) and not isinstance(address.offset, int)
        if somewhere and self.array_written(state, address, size, value, loc):
            return
        number, block, offset = self.place(state, address, size, loc, "writes")
        self.stored(state, number, block, offset, size, value, loc)
        if not state.memory.writable(number).store(offset, size, value):
            self.fail(UnsupportedError, "overwrites a part of a pointer", loc)

    def load_bytes(self, state: State, address: Value, size: int, loc: int) -> list[Expr]:
        """``size`` bytes, lowest address first."""
        if size == 0:
            return []
        value = self.load(state, address, size, "int", loc)
        return bytes_of(self.as_integer(value, 8 * size, loc))

    def copy(self, state: State, destination: Value, source: Value, size: int, loc: int) -> None:
        """memmove: unwritten bytes stay unwritten, pointers stay pointers."""
        if size == 0:
            return
        if (found := self.looked_up(state, source, size, loc, copied=True)) is not None:
            self.store(state, destination, size, found, loc)
            return
        if (element := self.array_read(state, source, size, loc)) is not None:
            self.store(state, destination, size, element, loc)
            return
        if self.in_array(state, destination, size, loc):
            number, block, offset = self.place(state, source, size, loc, "reads")
            parts = [
                events.unknown(state, 8 * s, loc) if v is None else self.part(v, loc)  # padding may be anything
                for _, s, v in self.cells(state, number, block, offset, size, loc)
            ]
            self.store(state, destination, size, memory_order(parts), loc)
            return
        source = self.alike(state, source, size, "int", loc)
        from_number, from_block, from_offset = self.place(state, source, size, loc, "reads")
        to_number, _, to_offset = self.place(state, destination, size, loc, "writes")
        moved = self.cells(state, from_number, from_block, from_offset, size, loc)
        for o, s, v in moved:
            if o < from_offset or o + s > from_offset + size:
                self.fail(UnsupportedError, "copies a part of a pointer", loc)
            target = o - from_offset + to_offset
            if v is None:
                self._copy_unwritten(state, to_number, target, s, loc)
            else:
                self.store(state, Pointer(to_number, target), s, v, loc)

    def cells(
        self, state: State, number: int, block: Block, offset: int, size: int, loc: int, *, followed: bool = False
    ) -> list[tuple[int, int, Value | None]]:
        """(offset, size, value) of what lies there; None where nothing was written to new memory.

        ``followed``: it is an address that the path goes on with, so what set-up did not write is NULL."""
        found: list[tuple[int, int, Value | None]] = []
        for o, s, v in list(block.segments(offset, size)):
            if v is None and not isinstance(block.fill, Uninitialised):
                found.extend(self._missing_cells(state, number, block, o, s, loc, followed))
            else:
                found.append((o, s, v))
        return found

    def _copy_unwritten(self, state: State, number: int, offset: int, size: int, loc: int) -> None:
        """Padding and the like: in memory that is nobody's state it stays unwritten, elsewhere any value lands."""
        block = state.memory.get(number)
        assert block is not None
        if not isinstance(block.fill, Uninitialised) and not self.in_setup:
            self.store(state, Pointer(number, offset), size, events.unknown(state, 8 * size, loc), loc)
            return
        self.stored(state, number, block, offset, size, nodes.const(0, 8 * size), loc)
        if not state.memory.writable(number).clear(offset, size):
            self.fail(UnsupportedError, "overwrites a part of a pointer", loc)

    def _missing_cells(
        self, state: State, number: int, block: Block, offset: int, size: int, loc: int, followed: bool
    ) -> Iterable[tuple[int, int, Value | None]]:
        return [(offset, size, self.missing(state, number, block, offset, size, "int", loc))]

    def fill(self, state: State, destination: Value, size: int, byte: Expr, loc: int) -> None:
        """memset."""
        if size:
            self.store(state, destination, size, nodes.concat(*[byte] * size), loc)

    def string(self, state: State, address: Value, loc: int) -> str:
        """A concrete C string."""
        characters = bytearray()
        pointer = address
        while True:
            value = self.load(state, pointer, 1, "int", loc)
            code = self.concrete(state, self.as_integer(value, 8, loc), loc, "a character of a string")
            if code == 0:
                return characters.decode("latin-1")
            characters.append(code)
            assert isinstance(pointer, Pointer)
            pointer = pointer.plus(nodes.const(1, 64))

    def new_string(self, state: State, text: str, name: str) -> Pointer:
        data = text.encode("latin-1", "replace") + b"\0"
        block = Block(name, len(data), Zeros())
        block.cells[0] = (len(data), nodes.const(int.from_bytes(data, "little"), 8 * len(data)))
        return Pointer(state.memory.add(block))
