"""Where gcc puts the members of structs and unions (System V ABI for x86-64, section 3.1.2, and gcc's packed).

Proven equal to gcc's by tests with random structs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from maestro_tool.frontend.c_types import (
    ArrayType,
    BitPlace,
    CType,
    Member,
    RecordLayout,
    RecordType,
    align_of,
    size_of,
)


@dataclass(frozen=True, slots=True)
class Declaration:
    """A member before it has a place.  ``width``: of a bit-field; ``align``: what ``_Alignas`` and attributes ask for,
    or 0; ``packed``: the attribute on this member alone."""

    name: str | None
    type: CType
    width: int | None = None
    align: int = 0
    packed: bool = False


def lay_out(
    declarations: Iterable[Declaration], *, union: bool, packed: bool, align: int = 1, pack: int = 0
) -> RecordLayout:
    """Places for all members; ``align`` is the least alignment that the struct's attributes ask for.

    ``pack``: the largest alignment that members have (#pragma pack), 0: any.  Bit-fields must not meet it.
    """
    members: list[Member] = []
    position = 0  # in bits
    end = 0
    for declared in declarations:
        if union:
            position = 0
        if declared.width is None:
            natural = 1 if packed or declared.packed else align_of(declared.type)
            natural = max(natural, declared.align)
            natural = min(natural, pack) if pack else natural
            position = _up(position, 8 * natural)
            members.append(Member(declared.name, declared.type, position // 8))
            position += 8 * _member_size(declared.type)
            align = max(align, natural)
        else:
            unit = 8 * size_of(declared.type)
            if declared.width == 0:  # "no further bit-field in this unit": padding, even at the end
                position = _up(position, 8 * align_of(declared.type))
                end = max(end, position)
                continue
            crosses = position // unit != (position + declared.width - 1) // unit
            loose = packed or declared.packed
            if crosses and not loose:
                position = _up(position, unit)
            if declared.name is not None:
                members.append(
                    Member(declared.name, declared.type, position // 8, _place(position % 8, declared.width))
                )
                if not loose:
                    align = max(align, align_of(declared.type))
            position += declared.width
        end = max(end, position)
    return RecordLayout(tuple(members), _up(end, 8 * align) // 8, align)


def _place(bit: int, width: int) -> BitPlace:
    """The fewest whole bytes that hold the bit-field."""
    return BitPlace(_up(bit + width, 8), bit, width)


def _member_size(type_: CType) -> int:
    if isinstance(type_, ArrayType) and type_.length is None:
        return 0  # a flexible array member
    return size_of(type_)


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def padding(type_: CType) -> list[tuple[int, int]]:
    """The bytes of a type that no member has, as (offset, size); those of bit-fields count as theirs."""
    return _runs(set(range(size_of(type_))) - _used(type_))


def members_of(type_: CType) -> list[tuple[int, int]]:
    """All other bytes, in the same way."""
    if not _may_have_padding(type_):
        return [(0, size_of(type_))]
    return _runs(_used(type_))


def _may_have_padding(type_: CType) -> bool:
    while isinstance(type_, ArrayType):
        type_ = type_.element
    return isinstance(type_, RecordType)


def _runs(places: set[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for n in sorted(places):
        if runs and sum(runs[-1]) == n:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((n, 1))
    return runs


def has_bit_fields(type_: CType) -> bool:
    """Whether there are any, at any depth."""
    match type_:
        case ArrayType(element):
            return has_bit_fields(element)
        case RecordType(layout=RecordLayout(members=members)):
            return any(m.bits is not None or has_bit_fields(m.type) for m in members)
    return False


def _used(type_: CType) -> set[int]:
    match type_:
        case ArrayType(element, length) if length is not None:
            step, inner = size_of(element), _used(element)
            return {n * step + byte for n in range(length) for byte in inner}
        case RecordType(layout=RecordLayout(members=members)):
            return {m.offset + byte for m in members for byte in _bytes_of(m)}
    return set(range(size_of(type_)))


def _bytes_of(member: Member) -> set[int]:
    return _used(member.type) if member.bits is None else set(range(member.bits.unit // 8))
