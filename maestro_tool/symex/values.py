"""What a temporary or a memory cell may hold besides an integer (`Expr`) or a Python float."""

from __future__ import annotations

from dataclasses import dataclass

from maestro_tool.expr import Expr, nodes


@dataclass(frozen=True, slots=True)
class Pointer:
    """``offset`` bytes into memory block ``block``; a symbolic offset is 64 bits wide."""

    block: int
    offset: int | Expr = 0

    def plus(self, offset: Expr) -> Pointer:
        """The pointer ``offset`` (64 bits, signed) bytes further."""
        if isinstance(self.offset, int) and offset.is_const:
            return Pointer(self.block, self.offset + nodes.signed(offset.const, 64))
        moved = nodes.binary("add", self.offset_expr, offset)
        return Pointer(self.block, nodes.signed(moved.const, 64) if moved.is_const else moved)

    @property
    def offset_expr(self) -> Expr:
        return nodes.const(self.offset, 64) if isinstance(self.offset, int) else self.offset


@dataclass(frozen=True, slots=True)
class FunctionPointer:
    """The address of a function, by its name in the program."""

    name: str


@dataclass(frozen=True, slots=True)
class NullPointer:
    """The address that leads nowhere."""


@dataclass(frozen=True, slots=True)
class Undefined:
    """The result of a function that returned nothing; using it is an error."""


NULL = NullPointer()
UNDEFINED = Undefined()

Value = Expr | Pointer | FunctionPointer | NullPointer | Undefined | float


@dataclass(frozen=True, slots=True)
class Key:
    """A key that an operation was given: as in `callpath.Event`, either ``fields`` or ``raw``."""

    fields: tuple[Expr, ...] | None
    raw: tuple[Expr, ...] = ()


def size_of(value: Value) -> int:
    """Bytes that ``value`` takes in memory (floats: see `memory.Block.store`)."""
    if isinstance(value, Expr):
        return max(1, (value.width + 7) // 8)
    return 8


def memory_order(parts: list[Expr]) -> Expr:
    """The little-endian integer whose bytes in memory are ``parts`` (lowest address first)."""
    return nodes.concat(*reversed(parts))


def bytes_of(value: Expr) -> list[Expr]:
    """The bytes of an integer as they lie in memory, lowest address first."""
    return [nodes.extract(value, low + 7, low) for low in range(0, value.width, 8)]


def wire_order(value: Expr) -> Expr:
    """``value`` with its bytes reversed: the byte at the lowest address becomes the most significant."""
    return nodes.concat(*bytes_of(value))


def to_bool(value: Expr) -> Expr:
    """The condition ``value != 0``."""
    return value if value.width == 0 else nodes.lnot(nodes.eq(value, nodes.const(0, value.width)))


def from_bool(condition: Expr, width: int) -> Expr:
    """1 or 0, ``width`` bits wide."""
    return nodes.ite(condition, nodes.const(1, width), nodes.const(0, width))
