"""Which header bits the bits of an expression are: the step from key expressions to fields.

Byte swaps, struct copies, prefixes and masks all become concatenations and extractions in ``expr``;
following each bit to its origin undoes them without a case for any: rows of operators say where bits go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from maestro_tool.expr import Expr
from maestro_tool.expr.operators import OPERATORS
from maestro_tool.expr.symbols import PacketByte
from maestro_tool.expr.walk import bottom_up
from maestro_tool.packet.fields import (
    ALL_FIELDS,
    FIELDS_OF,
    HASHABLE,
    HASHABLE6,
    MOST_BYTES,
    Family,
    HeaderField,
    field_of,
    names_of_bytes,
)
from maestro_tool.sharding.plan import FieldBits


@dataclass(frozen=True, slots=True)
class PacketBit:
    """Bit ``bit`` (7 = first on the wire) of byte ``byte`` of the frame; ``inverted``: its complement."""

    byte: int
    bit: int
    inverted: bool = False


#: Origin of one bit: a packet bit, a constant 0 or 1, or None (computed, or from state).
Origin = PacketBit | int | None


#: Operators whose bits may be those of their arguments.
_FOLLOWED: Final = frozenset(name for name, row in OPERATORS.items() if row.moved is not None or row.bitwise)


def origins(e: Expr) -> list[Origin]:
    """Origin of every bit of ``e``, most significant first."""
    return bottom_up(e, _origins, {}, lambda x: x.args if x.op in _FOLLOWED else ())


def _origins(e: Expr, args: list[list[Origin]]) -> list[Origin]:
    found: list[Origin] | None = None
    if e.is_const:
        found = [(e.const >> i) & 1 for i in reversed(range(e.width))]
    elif isinstance(e.value, PacketByte):
        found = [PacketBit(e.value.offset, i) for i in reversed(range(8))]
    elif e.op in _FOLLOWED:
        moved = OPERATORS[e.op].moved
        found = [_made(e.op, bits) for bits in zip(*args, strict=True)] if moved is None else moved(e, *args)
    return [None] * e.width if found is None else found


@lru_cache(maxsize=4096)
def _made(op: str, bits: tuple[Origin, ...]) -> Origin:
    """What a bitwise operator makes of bits: of one bit of the frame, be it there twice, and of constants."""
    of_frame = {replace(b, inverted=False) for b in bits if isinstance(b, PacketBit)}
    if None in bits or len(of_frame) > 1:
        return None

    def of(value: int) -> int:
        given = (value ^ b.inverted if isinstance(b, PacketBit) else b for b in bits)
        return OPERATORS[op].fold(1, *given) & 1

    return of(0) if of(0) == of(1) else replace(*of_frame, inverted=of(0) == 1)


#: What bits of the frame (byte and number) are.
Bits = dict[tuple[int, int], int]


def bits_said(condition: Expr) -> Bits:
    """What bits of the frame are where ``condition`` holds, as an equation with a constant says; or one that does not
    hold, where that leaves one bit."""
    equation = condition.args[0] if condition.op == "lnot" else condition
    if equation.op != "eq" or not equation.args[1].is_const:
        return {}
    wanted = [(at, equation.args[1].const >> n & 1) for n, at in enumerate(reversed(origins(equation.args[0])))]
    of_frame = {(at.byte, at.bit): value ^ at.inverted for at, value in wanted if isinstance(at, PacketBit)}
    if equation is condition:
        return of_frame
    return {at: 1 - value for at, value in of_frame.items()} if len(wanted) == 1 else {}


_FIELD_OF_BYTE: dict[Family, dict[int, HeaderField]] = {
    family: {f.offset + i: f for f in fields.values() for i in range(f.size)} for family, fields in FIELDS_OF.items()
}


def field_bit(bit: PacketBit, family: Family) -> tuple[str, int] | None:
    """(field name, bit number counted from the least significant) or None for other bytes.

    ``family``: the version of IP that the frame has.
    """
    f = _FIELD_OF_BYTE[family].get(bit.byte)
    if f is None:
        return None
    return _named(bit, f)


def pair_fields(
    left: Expr, right: Expr, families: tuple[Family, Family], fields: tuple[str, ...] = (*HASHABLE, *HASHABLE6)
) -> tuple[list[tuple[FieldBits, FieldBits]], bool, bool]:
    """What ``left`` (over packet a) == ``right`` (over packet b) says about header fields, of which only ``fields``.

    Returns (pairs of equal bit ranges, complete, possible).  ``complete`` False: the equation says more
    than the pairs do - leaving that out only makes a constraint stricter, so it is sound.  ``possible``
    False: the two can never be equal.
    """
    bits: list[tuple[tuple[str, int], tuple[str, int]]] = []
    complete = True
    for a, b in zip(origins(left), origins(right), strict=True):
        if isinstance(a, int) and isinstance(b, int):
            if a != b:
                return [], True, False
            continue
        fa = field_bit(a, families[0]) if isinstance(a, PacketBit) else None
        fb = field_bit(b, families[1]) if isinstance(b, PacketBit) else None
        if isinstance(a, PacketBit) and isinstance(b, PacketBit) and a.inverted != b.inverted:
            fb = None
        if fa and fb and fa[0] in fields and fb[0] in fields:
            bits.append((fa, fb))
        else:
            complete = False
    return _runs(bits), complete, True


def pair_bytes(left: Expr, right: Expr) -> list[tuple[PacketBit, PacketBit]]:
    """Bits of packet a and packet b that have one value where ``left`` == ``right``, wherever in the frame they are."""
    return [
        (a, b)
        for a, b in zip(origins(left), origins(right), strict=True)
        if isinstance(a, PacketBit) and isinstance(b, PacketBit) and a.inverted == b.inverted
        if a.byte < MOST_BYTES and b.byte < MOST_BYTES
    ]


def named_pairs(
    pairs: Iterable[tuple[PacketBit, PacketBit]], families: tuple[Family | None, Family | None]
) -> tuple[tuple[FieldBits, FieldBits], ...]:
    """The same by name: of a side whose frames have all its fields by those (``families``), of others as bytes."""
    found = list(pairs)
    names = [_names({p[side].byte for p in found}, families[side]) for side in (0, 1)]
    bits = [(_named(a, names[0][a.byte]), _named(b, names[1][b.byte])) for a, b in found]
    return tuple(_runs(bits))


def _names(places: set[int], family: Family | None) -> Mapping[int, HeaderField]:
    if family is not None:
        return _FIELD_OF_BYTE[family]
    return {f.offset + i: f for f in map(field_of, names_of_bytes(places)) for i in range(f.size)}


def _named(bit: PacketBit, f: HeaderField) -> tuple[str, int]:
    return f.name, f.bits - 1 - (8 * (bit.byte - f.offset) + 7 - bit.bit)


def _runs(bits: list[tuple[tuple[str, int], tuple[str, int]]]) -> list[tuple[FieldBits, FieldBits]]:
    runs: list[tuple[FieldBits, FieldBits]] = []
    for (fa, ia), (fb, ib) in sorted(set(bits), key=lambda p: (_order(p[0]), _order(p[1]))):
        if runs:
            x, y = runs[-1]
            if (x.field, x.low) == (fa, ia + 1) and (y.field, y.low) == (fb, ib + 1):
                runs[-1] = (FieldBits(fa, x.high, ia), FieldBits(fb, y.high, ib))
                continue
        runs.append((FieldBits(fa, ia, ia), FieldBits(fb, ib, ib)))
    return runs


_POSITION: dict[str, int] = {name: n for n, name in enumerate(dict.fromkeys((*HASHABLE, *HASHABLE6, *ALL_FIELDS)))}


def _order(bit: tuple[str, int]) -> tuple[int, int]:
    name, number = bit
    place = _POSITION[name] if name in _POSITION else len(_POSITION) + field_of(name).offset
    return place, -number


def show_field(f: FieldBits) -> str:
    """``src_ip``, or ``src_ip[31:4]`` for a part."""
    if f.low == 0 and f.high == field_of(f.field).bits - 1:
        return f.field
    return f"{f.field}[{f.high}:{f.low}]"
