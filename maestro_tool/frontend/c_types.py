"""C types as gcc sees them on x86-64 (LP64): sizes, conversions' ranks, layouts.

Qualifiers are not part of a type here: nothing that the typed program says depends on them (see
`declarations.Declared.const` for variables).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from maestro_tool.frontend.ir import Field, StructLayout, ValueKind
from maestro_tool.frontend.unknown import instead


class IncompleteTypeError(Exception):
    """A size was needed of a type that has none (yet): ``void``, ``struct X;``, ``int a[]``, a function."""

    def __init__(self, type_: CType) -> None:
        super().__init__(f"'{type_name(type_)}' has no known size here")
        self.hint = instead(type_name(type_))


@dataclass(frozen=True, slots=True)
class IntType:
    """``rank`` orders types for the usual arithmetic conversions (C11 6.3.1.1).

    ``bits`` of variables are 8, 16, 32 or 64; values read from wide bit-fields have 33 to 63 (`bit_field_value`).
    """

    name: str
    bits: int
    signed: bool
    rank: float


@dataclass(frozen=True, slots=True)
class FloatType:
    """A floating-point type, by its name in C."""

    name: str
    bits: int


@dataclass(frozen=True, slots=True)
class VoidType:
    """``void``."""


@dataclass(frozen=True, slots=True)
class PointerType:
    """A pointer to a ``target``."""

    target: CType


@dataclass(frozen=True, slots=True)
class ArrayType:
    """``length`` None: not known yet, or a flexible array member."""

    element: CType
    length: int | None


@dataclass(frozen=True, slots=True)
class FunctionType:
    """``prototyped`` False: declared with ``()``; any arguments are accepted."""

    result: CType
    parameters: tuple[CType, ...]
    variadic: bool
    prototyped: bool = True


@dataclass(frozen=True, slots=True)
class BitPlace:
    """Where a bit-field is: ``width`` bits from ``bit`` on of the ``unit`` bits at the member's offset."""

    unit: int
    bit: int
    width: int


@dataclass(frozen=True, slots=True)
class Member:
    """``name`` None: an anonymous struct or union, whose members count as the outer one's."""

    name: str | None
    type: CType
    offset: int
    bits: BitPlace | None = None


@dataclass(frozen=True, slots=True)
class RecordLayout:
    """A struct or union: size, alignment and members."""

    members: tuple[Member, ...]
    size: int
    align: int


@dataclass(eq=False, slots=True)
class RecordType:
    """A struct or union; two are the same type only if they are the same object.  ``layout`` comes with the braces."""

    name: str
    is_union: bool
    layout: RecordLayout | None = field(default=None, repr=False)


CType = IntType | FloatType | VoidType | PointerType | ArrayType | FunctionType | RecordType

VOID = VoidType()
BOOL = IntType("_Bool", 8, False, 0)
CHAR = IntType("char", 8, True, 1)
SCHAR = IntType("signed char", 8, True, 1)
UCHAR = IntType("unsigned char", 8, False, 1)
SHORT = IntType("short", 16, True, 2)
USHORT = IntType("unsigned short", 16, False, 2)
INT = IntType("int", 32, True, 3)
UINT = IntType("unsigned int", 32, False, 3)
LONG = IntType("long", 64, True, 4)
ULONG = IntType("unsigned long", 64, False, 4)
LLONG = IntType("long long", 64, True, 5)
ULLONG = IntType("unsigned long long", 64, False, 5)
FLOAT = FloatType("float", 32)
DOUBLE = FloatType("double", 64)

_UNSIGNED: dict[float, IntType] = {3: UINT, 4: ULONG, 5: ULLONG}

# What declaration specifiers may say, sorted.
_SPECIFIERS: dict[tuple[str, ...], CType] = {
    tuple(sorted(text.split())): type_
    for type_, texts in (
        (VOID, "void"),
        (BOOL, "_Bool"),
        (CHAR, "char"),
        (SCHAR, "signed char"),
        (UCHAR, "unsigned char"),
        (SHORT, "short|short int|signed short|signed short int"),
        (USHORT, "unsigned short|unsigned short int"),
        (INT, "int|signed|signed int"),
        (UINT, "unsigned|unsigned int"),
        (LONG, "long|long int|signed long|signed long int"),
        (ULONG, "unsigned long|unsigned long int"),
        (LLONG, "long long|long long int|signed long long|signed long long int"),
        (ULLONG, "unsigned long long|unsigned long long int"),
        (FLOAT, "float"),
        (DOUBLE, "double"),
    )
    for text in texts.split("|")
}


def from_specifiers(names: Sequence[str]) -> CType | None:
    """The basic type that ``unsigned long`` etc. say, in any order; None if there is none."""
    return _SPECIFIERS.get(tuple(sorted(names)))


def size_of(type_: CType) -> int:
    """Bytes; ``void`` and functions count 1 in pointer arithmetic, but that is `step_of`'s business."""
    match type_:
        case IntType():
            return widened(type_).bits // 8
        case FloatType():
            return type_.bits // 8
        case PointerType():
            return 8
        case ArrayType(element, length) if length is not None:
            return length * size_of(element)
        case RecordType(layout=RecordLayout(size=size)):
            return size
    raise IncompleteTypeError(type_)


def align_of(type_: CType) -> int:
    match type_:
        case ArrayType(element):
            return align_of(element)
        case RecordType(layout=RecordLayout(align=align)):
            return align
    return size_of(type_)


def step_of(type_: CType) -> int:
    """How far ``pointer + 1`` goes; 1 for void and functions, as gcc has it."""
    return 1 if isinstance(type_, VoidType | FunctionType) else size_of(type_)


def is_scalar(type_: CType) -> bool:
    return isinstance(type_, IntType | FloatType | PointerType)


def kind_of(type_: CType) -> ValueKind:
    """How values of the type travel: records by pointer."""
    return "int" if isinstance(type_, IntType | VoidType) else "float" if isinstance(type_, FloatType) else "pointer"


def bits_of(type_: CType) -> int:
    """Width of a value; 0 for void."""
    return type_.bits if isinstance(type_, IntType | FloatType) else 0 if isinstance(type_, VoidType) else 64


def type_name(type_: CType) -> str:
    """The type as C writes it, typedefs resolved: ``struct Flow *``, ``unsigned char [6]``."""
    return _declarator(type_, "")


def _declarator(type_: CType, inner: str) -> str:
    match type_:
        case PointerType(target):
            star = f"(*{inner})" if isinstance(target, ArrayType | FunctionType) else f"*{inner}"
            return _declarator(target, star)
        case ArrayType(element, length):
            return _declarator(element, f"{inner}[{'' if length is None else length}]")
        case FunctionType(result, parameters, variadic, prototyped):
            names = [type_name(p) for p in parameters] + ["..."] * variadic
            return _declarator(result, f"{inner}({', '.join(names) or ('void' if prototyped else '')})")
        case VoidType():
            base = "void"
        case _:
            base = type_.name
    return f"{base} {inner}" if inner else base


# --------------------------------------------------------------------------- conversions


def promote(type_: IntType) -> IntType:
    """Integer promotion (C11 6.3.1.1 p2); of an enumeration: the integer type it is compatible with."""
    if type_.rank < INT.rank:
        return INT
    return (INT if type_.signed else UINT) if type_.rank == INT.rank else type_


def bit_field_value(type_: IntType, width: int) -> IntType:
    """Type of the value of a bit-field, promoted: gcc computes with the own width of those that int cannot hold."""
    if width <= INT.bits:
        return INT if type_.signed or width < INT.bits else UINT
    if width == type_.bits:
        return type_
    return IntType(f"{type_.name}:{width}", width, type_.signed, INT.rank + width / 100)


def widened(type_: IntType) -> IntType:
    """The type in which a value of ``type_`` is stored: of a wide bit-field's, long."""
    return type_ if type_.bits in (8, 16, 32, 64) else LONG if type_.signed else ULONG


def common_type(a: IntType | FloatType, b: IntType | FloatType) -> IntType | FloatType:
    """Usual arithmetic conversions (C11 6.3.1.8)."""
    if isinstance(a, FloatType) or isinstance(b, FloatType):
        return DOUBLE if DOUBLE in (a, b) else FLOAT
    a, b = promote(a), promote(b)
    if a.signed == b.signed:
        return a if a.rank >= b.rank else b
    unsigned, signed = (b, a) if a.signed else (a, b)
    if unsigned.rank >= signed.rank:
        return unsigned
    if signed.bits > unsigned.bits:
        return signed
    return _UNSIGNED[signed.rank]


def compatible(a: CType, b: CType) -> bool:
    """Whether two declarations of one name may go together; pointers all may (see `signature`)."""
    return signature(a) == signature(b) or _loosely(a, b)


def _loosely(a: CType, b: CType) -> bool:
    match a, b:
        case FunctionType(), FunctionType():
            same = signature(a.result) == signature(b.result)
            return same and not (a.prototyped and b.prototyped)
        case ArrayType(), ArrayType():
            return compatible(a.element, b.element) and (None in (a.length, b.length) or a.length == b.length)
        case RecordType(), RecordType() if a.layout is None or b.layout is None:
            return a.name.split("#")[0] == b.name.split("#")[0]
    return False


def signature(type_: CType) -> object:
    """What two translation units must agree on: how values are passed, not what pointers point to."""
    match type_:
        case IntType():
            return (type_.bits, type_.signed)
        case FloatType():
            return ("float", type_.bits)
        case PointerType():
            return "pointer"
        case ArrayType(element, length):
            return (signature(element), length)
        case FunctionType(result, parameters, variadic):
            return (signature(result), tuple(signature(p) for p in parameters), variadic)
        case RecordType(layout=RecordLayout(size=size, align=align)):
            return (type_.name, size, align)
        case RecordType():
            return type_.name
    return "void"


# --------------------------------------------------------------------------- for reports


def struct_layout(record: RecordType, layout: RecordLayout) -> StructLayout:
    """The layout as the typed program shows it: anonymous members' members are the outer one's."""
    return StructLayout(record.name, layout.size, layout.align, tuple(_fields(layout, 0)))


def _fields(layout: RecordLayout, base: int) -> list[Field]:
    fields: list[Field] = []
    for member in layout.members:
        if member.name is None and isinstance(member.type, RecordType) and member.type.layout is not None:
            fields += _fields(member.type.layout, base + member.offset)
        elif member.name is not None:
            flexible = isinstance(member.type, ArrayType) and member.type.length is None
            size = member.bits.unit // 8 if member.bits else 0 if flexible else size_of(member.type)
            bits = (member.bits.bit, member.bits.width) if member.bits else None
            fields.append(Field(member.name, base + member.offset, size, type_name(member.type), bits))
    return fields
