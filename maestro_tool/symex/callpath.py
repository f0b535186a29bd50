"""What symbolic execution found: the call paths of ``nf_process``, as plain data.

Symbols in expressions are named by their origin:

    pkt.N            byte N of the frame, counted from the Ethernet header; 8 bits
    pkt_len          length of the frame in bytes; 16 bits (zero-extended where C sees more)
    device           input port; 16 bits
    now              time in nanoseconds; 64 bits
    cfg.<place>      a number that set-up stored (option, capacity ...); its value may change between
                     runs unless the place is in `Analysis.pinned`
    <op>.<n>.<what>  produced by event n of the path: ``map_get.3.value``, ``vector_read.5.8`` (the
                     byte at offset 8), ``dchain_allocate.4.index``, ``opaque.7.value``.  All there are:
                         map_get.N.value              32 bits; what was found; also map_size.N.value
                         vector_read.N.OFFSET          8 bits; also global_read.N.OFFSET
                         dchain_allocate.N.index      32 bits
                         expire.N.count               the C result's width; entries freed, a number that
                         expire_range.N.count         depends on all entries at once
                         lpm_lookup.N.value           16 bits; dmap_get.N.value 32 bits
                         opaque.N.value               of a function that is not followed, or bytes that
                                                      were never written (then without operands)
                         opaque.N.room                 8 bits; 0 where bytes cannot be inserted into the frame
                         opaque.N.expired             32 bits; an index that dchain_expire_one_index frees
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import concat, extract

ObjectKind = Literal["map", "vector", "dchain", "sketch", "cht", "lpm", "dmap", "global"]


@dataclass(frozen=True, slots=True)
class KeyField:
    """A part of a map's key that its equality function compares: byte offset and size in the key.

    ``bits``, if not all of these bytes: (first, width) in them as a little-endian number, as bit-fields lie.
    """

    name: str
    offset: int
    size: int
    bits: tuple[int, int] | None = None

    @property
    def positions(self) -> range:
        """Its bits in the key; bit 0 of byte N is number 8 * N."""
        first, width = self.bits or (0, 8 * self.size)
        return range(8 * self.offset + first, 8 * self.offset + first + width)

    def value(self, stored: Sequence[Expr]) -> Expr:
        """As in `Event.key`, of a key in which these are the field's bytes, the one at the lowest address first."""
        if self.bits is None:
            return concat(*stored)
        first, width = self.bits
        number = extract(concat(*reversed(stored)), first + width - 1, first)
        if width % 8:
            return number
        return concat(*(extract(number, low + 7, low) for low in range(0, width, 8)))


@dataclass(frozen=True, slots=True)
class StateObject:
    """An object allocated in set-up (in order of allocation) or a global that packets touch.

    ``name`` is how the NF reaches it, e.g. ``flow_manager->state->fm``.  ``capacity`` and ``element_size``
    in elements and bytes, as set-up computed them.  ``key`` of maps: what equality compares; None when
    equality is not a conjunction of field equalities; of sketches: what the hash function reads.  ``filled``: how many
    entries set-up itself put into a map, indexes it left allocated in a dchain, buckets in use in a sketch.
    ``functions`` of maps: the names of the equality function and of the hash function (keys of `Program.functions`, or
    external); a sketch has the latter.
    ``key_vectors`` of maps: vectors that hold keys which set-up put; the map keeps pointers to them.
    """

    id: int
    kind: ObjectKind
    name: str
    loc: int
    capacity: int | None = None
    element_size: int | None = None
    key: tuple[KeyField, ...] | None = None
    filled: int = 0
    functions: tuple[str, ...] = ()
    key_vectors: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One operation on state, in the order the path performs them.

    op                 objects           key      index   value               result
    map_get            map               fields   -       value found         True found / False absent
    map_put            map               fields   -       value put           -
    map_erase          map               fields   -       -                   -
    map_size           map               -        -       number of entries   -
    vector_read        vector            -        index   -                   -     ``span`` was read
    vector_write       vector            -        index   -                   -     ``span`` written: ``stored``
    dchain_allocate    dchain            -        index   time                True index is fresh / False full
    dchain_rejuvenate  dchain            -        index   time                True / False not allocated
    dchain_free        dchain            -        index   -                   True / False
    dchain_is_allocated dchain           -        index   -                   True / False
    expire             dchain, vector, map -      -       time (strict bound) -     frees all older entries, erases keys
    expire_range       vector, map       -        start   end                 -     erases keys[start..end-1]
    sketch_compute_hashes sketch         fields   -       -                   -     the key of those that follow:
    sketch_refresh     sketch            fields   -       time                -
    sketch_fetch       sketch            fields   -       -                   True above the threshold / False
    sketch_touch_buckets sketch          fields   -       time                True counted / False no room
    sketch_expire      sketch            -        -       time (strict bound) -
    cht_find           vector (cht), dchain -     chosen  hash                True / False none is allocated
    lpm_lookup         lpm               address  -       value found         -
    lpm_update         lpm               prefix   -       value               -     key: prefix and its length
    dmap_get           dmap              -        (index) (index found)       True / False / None (its value, size)
    dmap_put           dmap              -        -       index               -
    dmap_erase         dmap              -        index   -                   -
    global_read        global            -        offset  -                   -
    global_write       global            -        offset  stored value        -
    opaque             -                 operands -       its symbol          -     a function that is not followed

    A result that the NF ignores is None.  ``key`` has one expression per `KeyField` of the map, or is None when
    the map's `StateObject.key` is; in each the field's bytes are concatenated, first byte in the
    **most** significant place, so that a key field copied from a header equals the header field; a bit-field that is
    not of whole bytes is the number that it holds).
    ``condition_length`` counts how many conjuncts of the path's condition hold before this event.
    ``key_home`` of map_put: (vector, index) when the key pointer given, which the map keeps, is the address of that
    vector's element (offset 0); None when it leads anywhere else.  ``key_home`` of map_erase: (vector, index) when the
    key is taken from there and ``key`` is the one that led to that index (`analyse`, ``trusting``).
    """

    op: str
    objects: tuple[int, ...]
    loc: int
    key: tuple[Expr, ...] | None = None
    index: Expr | None = None
    value: Expr | None = None
    result: bool | None = None
    span: tuple[int, int] | None = None
    stored: tuple[tuple[int, Expr], ...] = ()  # (offset, value; first byte most significant)
    condition_length: int = 0
    key_home: tuple[int, Expr] | None = None


@dataclass(frozen=True, slots=True)
class CallPath:
    """One feasible way through ``nf_process`` on input port ``port``.

    ``verdict``: output port number, "drop", "flood", or an expression (16 bits) that packets determine.
    ``grown``: bytes by which the frame that leaves is longer than the one that came in.
    ``packet_writes``: (byte offset, expression of 8 bits) of the bytes of the frame that leaves which are not byte
    ``offset - grown`` of the one that came in, in order of offset.
    """

    port: int
    condition: tuple[Expr, ...]
    events: tuple[Event, ...]
    packet_writes: tuple[tuple[int, Expr], ...]
    verdict: int | Literal["drop", "flood"] | Expr
    loc: int  # of the return statement
    grown: int = 0


@dataclass(frozen=True, slots=True)
class Pinned:
    """A number of the configuration that the plan depends on; the program checks it at start.

    ``place`` is a C expression over the NF's globals, e.g. ``config.wan_device``; ``access`` the same as
    (global, offset, then offset after each dereference); ``size`` in bytes.
    """

    place: str
    access: tuple[str | int, ...]
    size: int
    value: int
    loc: int


@dataclass(frozen=True, slots=True)
class ObjectPointer:
    """A pointer in the NF's memory that must lead to object ``object`` in every run."""

    place: str
    access: tuple[str | int, ...]
    object: int


@dataclass(frozen=True, slots=True)
class MemoryPointer:
    """A pointer to the NF's own memory that packets follow: in every run it must hold the address ``target``
    (an access as in `Pinned`, of which the address counts and not the content), and so be no null pointer.  A target
    of one part is a function: a key of `Program.functions`."""

    place: str
    access: tuple[str | int, ...]
    target: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A file that set-up read: the program compares it at start.  ``digest``: SHA-256 of its content in hexadecimal;
    None: there was no such file."""

    name: str
    digest: str | None
    loc: int  # of the fopen


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that later phases need to know about an NF; independent of any NIC."""

    ports: int
    arguments: tuple[str, ...]
    objects: tuple[StateObject, ...]
    paths: tuple[CallPath, ...]
    pinned: tuple[Pinned, ...] = ()
    object_pointers: tuple[ObjectPointer, ...] = ()
    memory_pointers: tuple[MemoryPointer, ...] = ()
    configuration: dict[str, int] = field(default_factory=dict)  # values of the cfg.* symbols that occur
    notes: tuple[tuple[int, str], ...] = ()  # (loc, precision lost and why)
    files: tuple[PinnedFile, ...] = ()  # by name
    frame_stored: int = 0  # no path ever stores behind so many leading bytes of the frame, for however short a time
    frame_moved: bool = False  # some path moves the frame's start
