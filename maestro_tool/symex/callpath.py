"""What symbolic execution found: the call paths of ``nf_process``, as plain data.

Symbols in expressions are values (`expr.symbols`): bytes of the frame, its length, the input port, the time, options,
and what event number n of the path produced (`Produced`; which parts an operation produces, its row says).  An
option's value may change between runs unless its place is in `Analysis.pinned`.  The parts of ``opaque`` events, which
touch no state:

    value        of a function that is not followed, or bytes that were never written (then without operands)
    room         8 bits; 0 where bytes cannot be inserted into the frame
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from maestro_tool.dialects import MAIN
from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import concat, extract, substitute
from maestro_tool.expr.symbols import Produced, memory_byte
from maestro_tool.forms import Boolean, Byte, Location, Natural, Word, checked
from maestro_tool.meaning import Means
from maestro_tool.operations import ObjectKind, Operation, Role
from maestro_tool.symex.notes import Note

#: What strings name (`belongs` compares them with the program): a function; a variable; one of these; C text over
#: variables; a member of a struct, or a range of its bytes; a function that calculates, or memory that is read
#: (`events.somewhere`).
Function = Annotated[str, Means("function")]
Variable = Annotated[str, Means("variable")]
Address = Annotated[str, Means("variable or function")]
Text = Annotated[str, Means("place")]
MemberName = Annotated[str, Means("member")]
MaybeFunction = Annotated[str, Means("function or none")]
Calculation = Annotated[str, Means("calculation")]


@dataclass(frozen=True, slots=True)
class KeyField:
    """A part of a map's key that its equality function compares: byte offset and size in the key.

    ``bits``, if not all of these bytes: (first, width) in them as a little-endian number, as bit-fields lie.
    ``computed``, if it compares what it makes of these bytes (a third, say): that, over the symbols ``a.N`` (byte N of
    the key).
    """

    name: MemberName
    offset: Natural
    size: Natural
    bits: tuple[Natural, Natural] | None = None
    computed: Expr | None = None

    @property
    def width(self) -> int:
        """Of its value, in bits."""
        return len(self.positions) if self.computed is None else self.computed.width

    @property
    def positions(self) -> range:
        """Its bits in the key; bit 0 of byte N is number 8 * N."""
        first, width = self.bits or (0, 8 * self.size)
        return range(8 * self.offset + first, 8 * self.offset + first + width)

    def value(self, stored: Sequence[Expr]) -> Expr:
        """As in `Event.key`, of a key in which these are the field's bytes, the one at the lowest address first."""
        if self.computed is not None:
            return substitute(self.computed, {memory_byte("a", self.offset + n): b for n, b in enumerate(stored)})
        if self.bits is None:
            return concat(*stored)
        first, width = self.bits
        number = extract(concat(*reversed(stored)), first + width - 1, first)
        if width % 8:
            return number
        return concat(*(extract(number, low + 7, low) for low in range(0, width, 8)))


@dataclass(frozen=True, slots=True)
class KeyDoubt:
    """Why it is not known which keys are equal: ``equality`` is no conjunction of field equalities; or ``hash`` reads
    ``field``, which ``equality`` does not compare."""

    equality: Function
    hash: MaybeFunction = ""
    field: Annotated[str, Means("member or none")] = ""


@dataclass(frozen=True, slots=True)
class KeyShape:
    """What is known of a key whose equality is no conjunction of field equalities.

    ``offsets``: of the bytes that its functions read, in order; `Event.raw` has one expression for each.  None where
    the equality is not defined by the NF: then `Event.raw` has all from the key's first byte to the end of the memory
    that it lies in.  ``equality``: when two keys are equal, over the symbols `MemoryByte` ``a.N`` and ``b.N``; None
    where that is not known, and for sketches, which have none.  ``doubt``: of maps.
    """

    offsets: tuple[Natural, ...] | None
    equality: Boolean | None = None
    doubt: KeyDoubt | None = None


@dataclass(frozen=True, slots=True)
class StateObject:
    """An object allocated in set-up (in order of allocation) or a global that packets touch.

    ``name`` is how the NF reaches it, e.g. ``flow_manager->state->fm``.  ``capacity`` and ``element_size``
    in elements and bytes, as set-up computed them.  ``key`` of maps: what equality compares; None when
    equality is not a conjunction of field equalities; of sketches: what the hash function reads.  ``filled``: how many
    entries set-up itself put into a map, indexes it left allocated in a dchain, buckets in use in a sketch.
    ``functions`` of maps: the names of the equality function and of the hash function (keys of `Program.functions`, or
    external); a sketch has the latter; a double map those of its first key, then those of its second.
    ``shapes``: of a map or sketch whose ``key`` is None, what its keys are nevertheless known to be; of a double map
    those of its first and of its second key.  ``key_offsets`` of double maps: where in a value its keys lie.
    ``pair`` of double maps that set-up leaves empty, if values are copied whole: as ``key``, of the first keys and of
    the second, at their places in a value.
    ``key_vectors`` of maps: vectors that hold keys which set-up put; the map keeps pointers to them.
    """

    id: Natural
    kind: ObjectKind
    name: Text
    loc: Location
    capacity: Natural | None = None
    element_size: Natural | None = None
    key: tuple[KeyField, ...] | None = None
    filled: Natural = 0
    functions: tuple[Function, ...] = ()
    key_vectors: tuple[Natural, ...] = ()
    shapes: tuple[KeyShape, ...] = ()
    key_offsets: tuple[Natural, Natural] | None = None
    pair: tuple[tuple[KeyField, ...], tuple[KeyField, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One operation on state, in the order the path performs them; its row says which members it has, and for what.

    ``objects``: those that the row lists, in that order.
    ``key`` has one expression per `KeyField` of the map or sketch; in each the field's bytes are concatenated, first
    byte in the **most** significant place, so that a key field copied from a header equals the header field; a
    bit-field that is not of whole bytes is the number that it holds.  It is None where the object's `StateObject.key`
    is; then ``raw`` has the bytes of the key that was given, as its `KeyShape` lists them.  Routes have the prefix, and
    its length where it is put.
    ``index``: of an entry (of variables: the offset).  ``value``: put, found, counted, or a time.
    ``span``: bytes of the entry that are read or written; ``stored``: (offset, value; first byte most significant) of
    what is written.
    ``operands`` of ``opaque``: what the function was given; of ``cht_find``: height and number of backends.
    ``function`` of ``opaque``: what calculated the value, by name; "" for memory that was never written.
    ``result``: the answer, where the row has one and the NF does not ignore it.
    ``condition_length`` counts how many conjuncts of the path's condition hold before this event.
    ``key_home`` of map_put: (vector, index) when the key pointer given, which the map keeps, leads into that vector's
    element, ``key_offset`` bytes behind its start (None: not known how many); None when it leads anywhere else.
    ``key_home`` of map_erase: (vector, index) when the
    key is taken from there and ``key`` is the one that led to that index (`conjecture`).
    """

    op: Operation
    objects: tuple[Natural, ...]
    loc: Location
    key: tuple[Expr, ...] | None = None
    raw: tuple[Expr, ...] = ()
    index: Expr | None = None
    value: Expr | None = None
    operands: tuple[Expr, ...] = ()
    result: bool | None = None
    span: tuple[Natural, Natural] | None = None
    stored: tuple[tuple[Natural, Expr], ...] = ()
    condition_length: Natural = 0
    key_home: tuple[Natural, Expr] | None = None
    key_offset: int | None = 0
    function: Calculation = ""

    def expressions(self, operand: str) -> tuple[Expr, ...]:
        """What the member ``operand`` holds."""
        match operand:
            case "key":
                return self.key or ()
            case "raw":
                return self.raw
            case "operands":
                return self.operands
            case "stored":
                return tuple(value for _, value in self.stored)
            case "key_home":
                return () if self.key_home is None else (self.key_home[1],)
            case "index":
                return () if self.index is None else (self.index,)
            case "value":
                return () if self.value is None else (self.value,)
        raise AssertionError(operand)

    def operands_with(self, *roles: Role) -> Iterator[Expr]:
        """All operands that have one of ``roles``."""
        for operand in self.op.operands_of(*roles):
            yield from self.expressions(operand)


#: Where `CallPath.packet_writes` says the length of a frame that was cut at its end: no frame has a byte there.
LENGTH_AT: Final = 0x10000


@dataclass(frozen=True, slots=True)
class CallPath:
    """One feasible way through ``nf_process`` on input port ``port``.

    ``verdict``: output port number, "drop", "flood", or an expression (16 bits) that packets determine.
    ``grown``: bytes by which the frame that leaves is longer than the one that came in.
    ``packet_writes``: (byte offset, expression of 8 bits) of the bytes of the frame that leaves which are not byte
    ``offset - grown`` of the one that came in, in order of offset; merged paths may name bytes that short frames lack.
    If the frame's end moved, two more bytes at `LENGTH_AT` are its length (the lower one first).
    """

    port: Natural
    condition: tuple[Boolean, ...]
    events: tuple[Event, ...]
    packet_writes: tuple[tuple[Natural, Byte], ...]
    verdict: Natural | Literal["drop", "flood"] | Word
    loc: Location  # of the return statement
    grown: int = 0

    def producer(self, symbol: Expr) -> Event | None:
        """The event that produced ``symbol``; None if none did."""
        made = symbol.value
        return self.events[made.event] if isinstance(made, Produced) else None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A way through ``nf_process`` that no packet is taken to go, up to where it leaves the others; ``why`` that is."""

    port: Natural
    condition: tuple[Boolean, ...]
    events: tuple[Event, ...]
    why: Note


@dataclass(frozen=True, slots=True)
class Use:
    """An expression that a path uses.

    ``operand``: the member of `Event` that it is an operand in, of event number ``event``; else ``condition``,
    ``frame`` (a byte that leaves) or ``verdict``, and ``event`` is None.
    """

    expr: Expr
    operand: str
    loc: int
    event: int | None = None
    role: Role | None = None


def uses(path: CallPath) -> Iterator[Use]:
    """All that a path uses: the one traversal of its conditions, operands, stores and results."""
    for c in path.condition:
        yield Use(c, "condition", path.loc)
    for number, event in enumerate(path.events):
        for operand, role in event.op.operands.items():
            if role is not Role.PRODUCES:
                for e in event.expressions(operand):
                    yield Use(e, operand, event.loc, number, role)
    for _, value in path.packet_writes:
        yield Use(value, "frame", path.loc)
    if isinstance(path.verdict, Expr):
        yield Use(path.verdict, "verdict", path.loc)


@dataclass(frozen=True, slots=True)
class Pinned:
    """A number of the configuration that the plan depends on; the program checks it at start.

    ``place`` is a C expression over the NF's globals, e.g. ``config.wan_device``; ``access`` the same as
    (global, offset, then offset after each dereference); ``size`` in bytes.
    """

    place: Text
    access: tuple[Variable | int, ...]
    size: Natural
    value: Natural
    loc: Location


@dataclass(frozen=True, slots=True)
class ObjectPointer:
    """A pointer in the NF's memory that must lead to object ``object`` in every run."""

    place: Text
    access: tuple[Variable | int, ...]
    object: Natural


@dataclass(frozen=True, slots=True)
class MemoryPointer:
    """A pointer to the NF's own memory that packets follow: in every run it must hold the address ``target``
    (an access as in `Pinned`, of which the address counts and not the content), and so be no null pointer.  A target
    of one part is a function: a key of `Program.functions`."""

    place: Text
    access: tuple[Variable | int, ...]
    target: tuple[Address | int, ...]


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A file that set-up read: the program compares it at start.  ``digest``: SHA-256 of its content in hexadecimal;
    None: there was no such file."""

    name: Annotated[str, Means("file")]
    digest: Annotated[str, Means("digest")] | None
    loc: Location  # of the fopen


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that later phases need to know about an NF; independent of any NIC."""

    ports: Natural
    arguments: tuple[Annotated[str, Means("argument")], ...]
    objects: tuple[StateObject, ...]
    paths: tuple[CallPath, ...]
    pinned: tuple[Pinned, ...] = ()
    object_pointers: tuple[ObjectPointer, ...] = ()
    memory_pointers: tuple[MemoryPointer, ...] = ()
    configuration: dict[Text, Natural] = field(default_factory=dict)  # values of the cfg.* symbols that occur
    notes: tuple[Note, ...] = ()
    files: tuple[PinnedFile, ...] = ()  # by name
    frame_stored: Natural = 0  # no path ever stores behind so many leading bytes of the frame, for however short a time
    frame_moved: bool = False  # some path moves the frame's start or its end
    left_out: tuple[LeftOut, ...] = ()  # with ``paths`` these are all ways that there are
    dialect: Annotated[str, Means("dialect")] = MAIN.name  # what verdicts that packets determine mean

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from maestro_tool.symex.wellformed import check

        return checked(handler(source), check)
