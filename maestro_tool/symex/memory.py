"""Byte-addressed memory made of blocks, cheap to copy when a path forks.

A block's contents are what this path wrote (`cells`); what lies beneath is the business of its `Fill`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from maestro_tool.expr import Expr, nodes
from maestro_tool.symex.values import Value

# --------------------------------------------------------------------------- what was there before


@dataclass(frozen=True, slots=True)
class Uninitialised:
    """malloc'ed or automatic storage: reading it is an error."""


@dataclass(frozen=True, slots=True)
class Zeros:
    """Static storage and calloc."""


@dataclass(frozen=True, slots=True)
class PacketBytes:
    """The frame: byte N is the symbol ``pkt.N``, or where it moved (`state.PacketCursor.grown`)."""


@dataclass(frozen=True, slots=True)
class MovedFrame:
    """Where the frame was before its start moved: what leads here is out of date."""


@dataclass(frozen=True, slots=True)
class VectorEntry:
    """The element of vector ``object`` at ``index``."""

    object: int
    index: Expr


@dataclass(frozen=True, slots=True)
class SetUp:
    """Memory as set-up left it; see `packet.PacketMachine`."""


@dataclass(frozen=True, slots=True)
class Symbols:
    """Byte N is the symbol ``<prefix>.N``."""

    prefix: str


@dataclass(frozen=True, slots=True)
class StateObjectFill:
    """The opaque state object ``object``: only its address means something."""

    object: int


@dataclass(frozen=True, slots=True)
class External:
    """Something of another library (stdout, an mbuf): only its address means something."""


@dataclass(frozen=True, slots=True)
class Mbuf:
    """The packet's mbuf, where NFs may look into it (`models.mbuf`): no other bytes than what is stored has a value."""


Fill = (
    Uninitialised | Zeros | PacketBytes | MovedFrame | VectorEntry | SetUp | Symbols | StateObjectFill | External | Mbuf
)

Cell = tuple[int, Value]  # size in bytes, value


class Block:
    """``size`` None: no bound is known.  Cells never overlap."""

    __slots__ = ("cells", "const", "fill", "name", "owner", "size", "type_name")

    def __init__(self, name: str, size: int | None, fill: Fill, type_name: str = "", const: bool = False) -> None:
        self.name = name
        self.size = size
        self.fill = fill
        self.type_name = type_name
        self.const = const
        self.cells: dict[int, Cell] = {}
        self.owner: object = None

    def copy(self, owner: object) -> Block:
        other = Block(self.name, self.size, self.fill, self.type_name, self.const)
        other.cells = dict(self.cells)
        other.owner = owner
        return other

    # The widest cell bounds how far back a cell may start that covers a byte.
    def _overlapping(self, offset: int, size: int) -> list[tuple[int, int, Value]]:
        if len(self.cells) <= size + 64:
            found = [(o, s, v) for o, (s, v) in self.cells.items() if o < offset + size and offset < o + s]
            found.sort(key=lambda c: c[0])
            return found
        widest = max(s for s, _ in self.cells.values())
        return [
            (o, *self.cells[o])
            for o in range(offset - widest + 1, offset + size)
            if o in self.cells and o + self.cells[o][0] > offset
        ]

    def segments(self, offset: int, size: int) -> Iterator[tuple[int, int, Value | None]]:
        """(offset, size, value) in order; ``None`` for bytes that are not written.

        A cell that is covered in part is cut when it is an integer; otherwise it comes out whole (its
        offset or size then differ from what was asked), and the caller decides.
        """
        exact = self.cells.get(offset)
        if exact is not None and exact[0] == size:
            yield offset, size, exact[1]
            return
        position, end = offset, offset + size
        for o, s, v in self._overlapping(offset, size):
            if o > position:
                yield position, o - position, None
            if isinstance(v, Expr):
                first, last = max(o, offset), min(o + s, end)
                yield first, last - first, nodes.extract(v, 8 * (last - o) - 1, 8 * (first - o))
            else:
                yield o, s, v
            position = o + s
        if position < end:
            yield position, end - position, None

    def store(self, offset: int, size: int, value: Value) -> bool:
        """Write a cell, cutting what it overlaps; False when that would cut a pointer (nothing is written)."""
        old = self.cells.get(offset)
        if old is not None and old[0] == size:
            self.cells[offset] = (size, value)
            return True
        if not self.clear(offset, size):
            return False
        self.cells[offset] = (size, value)
        return True

    def clear(self, offset: int, size: int) -> bool:
        """Forget the bytes; False when that would cut a pointer (nothing is changed)."""
        end = offset + size
        overlapping = self._overlapping(offset, size)
        for o, s, v in overlapping:
            if not isinstance(v, Expr) and (o < offset or o + s > end):
                return False
        for o, s, v in overlapping:
            del self.cells[o]
            if isinstance(v, Expr):
                if o < offset:
                    self.cells[o] = (offset - o, nodes.extract(v, 8 * (offset - o) - 1, 0))
                if o + s > end:
                    self.cells[end] = (o + s - end, nodes.extract(v, 8 * s - 1, 8 * (end - o)))
        return True


class Memory:
    """Blocks by number.  `fork` shares them all; a block is copied when one side writes to it."""

    __slots__ = ("_blocks", "_next", "_owner")

    def __init__(self) -> None:
        self._blocks: dict[int, Block] = {}
        self._owner: object = object()
        self._next = 0

    def fork(self) -> Memory:
        other = Memory()
        other._blocks = dict(self._blocks)
        other._next = self._next
        self._owner = object()
        return other

    @staticmethod
    def of(blocks: dict[int, Block]) -> Memory:
        """A memory with these blocks under these numbers; none of them is ever changed, only copied."""
        memory = Memory()
        memory._blocks = dict(blocks)
        memory._next = max(blocks, default=-1) + 1
        return memory

    def add(self, block: Block) -> int:
        block.owner = self._owner
        number = self._next
        self._next += 1
        self._blocks[number] = block
        return number

    def get(self, number: int) -> Block | None:
        """The block for reading; None when it was freed."""
        return self._blocks.get(number)

    def writable(self, number: int) -> Block:
        block = self._blocks[number]
        if block.owner is not self._owner:
            block = self._blocks[number] = block.copy(self._owner)
        return block

    def free(self, number: int) -> None:
        self._blocks.pop(number, None)

    def blocks(self) -> dict[int, Block]:
        """All blocks by number; not to be changed."""
        return self._blocks

    def drop(self, numbers: Iterable[int]) -> None:
        """Forget blocks that nobody can reach, and their numbers with them."""
        for number in numbers:
            self._blocks.pop(number, None)
            self._next = max(self._next, number + 1)

    def items(self) -> list[tuple[int, Block]]:
        return sorted(self._blocks.items())
