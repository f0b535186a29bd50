"""The typed program: control-flow graphs of simple instructions over byte-addressed memory.

C's implicit rules (integer promotions, usual arithmetic conversions, array decay, short-circuit
evaluation, struct copies, designated initialisers ...) are made explicit by ``lower.py``; what runs
this program needs to know none of them.  Every variable lives in memory (`Alloca` or a `Global`);
temporaries are assigned once per execution of their instruction.

Integers have a width in bits and no sign: signedness is in the operation, as in LLVM.  Pointers are
64 bits wide.  Byte order is little endian.  ``loc`` is an index into `Program.locations`; the
indices depend on the program's meaning only, not on its layout, so that a program with an edited
comment differs in ``locations`` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from maestro_tool.diagnostics import SourceLocation
from maestro_tool.dialects import MAIN

# --------------------------------------------------------------------------- operands


@dataclass(frozen=True, slots=True)
class Temp:
    """The value an earlier instruction of this function assigned to ``id``."""

    id: int


@dataclass(frozen=True, slots=True)
class Const:
    """An integer (``0 <= value < 2**bits``) or a floating constant (``bits`` 32 or 64, value a float)."""

    value: int | float
    bits: int


@dataclass(frozen=True, slots=True)
class GlobalAddress:
    """Address of a `Global` (its key in `Program.globals`)."""

    name: str


@dataclass(frozen=True, slots=True)
class FunctionAddress:
    """Address of a function: a key of `Program.functions`, or an external function's name."""

    name: str


@dataclass(frozen=True, slots=True)
class Null:
    """The null pointer."""


Operand = Temp | Const | GlobalAddress | FunctionAddress | Null

# --------------------------------------------------------------------------- types kept for reports

IntOp = Literal["add", "sub", "mul", "udiv", "sdiv", "urem", "srem", "and", "or", "xor", "shl", "lshr", "ashr"]
CompareOp = Literal["eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle", "sgt", "sge"]
CastOp = Literal["zext", "sext", "trunc", "ptr_to_int", "int_to_ptr"]
FloatOp = Literal["fadd", "fsub", "fmul", "fdiv"]
FloatCastOp = Literal["sitofp", "uitofp", "fptosi", "fptoui", "fpconv"]
ValueKind = Literal["int", "pointer", "float"]


@dataclass(frozen=True, slots=True)
class Field:
    """A struct member: ``offset`` and ``size`` in bytes (bit-fields: of the bytes they touch).

    ``bits`` of a bit-field: (first, width) in those bytes as a little-endian number.
    """

    name: str
    offset: int
    size: int
    type_name: str
    bits: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class StructLayout:
    """Layout of a struct or union as gcc lays it out on x86-64."""

    name: str
    size: int
    align: int
    fields: tuple[Field, ...]


# --------------------------------------------------------------------------- instructions


@dataclass(frozen=True, slots=True)
class Alloca:
    """``dst`` = address of a fresh object for the local variable ``name`` (uninitialised bytes)."""

    dst: int
    size: int
    name: str
    type_name: str
    loc: int


@dataclass(frozen=True, slots=True)
class Load:
    """``dst`` = ``bits`` wide value at ``address``.  A `_Bool` is loaded as 8 bits."""

    dst: int
    address: Operand
    bits: int
    kind: ValueKind
    loc: int


@dataclass(frozen=True, slots=True)
class Store:
    """``value``, ``bits`` wide, goes to ``address``."""

    address: Operand
    value: Operand
    bits: int
    kind: ValueKind
    loc: int


@dataclass(frozen=True, slots=True)
class LoadBits:
    """Bit-field read: bits [bit, bit+width) of the ``unit`` bits wide word at ``address`` (the fewest
    whole bytes: 8, 16, 24 ... 64); the result is sign- or zero-extended to ``bits``."""

    dst: int
    address: Operand
    unit: int
    bit: int
    width: int
    signed: bool
    bits: int
    loc: int


@dataclass(frozen=True, slots=True)
class StoreBits:
    """Bit-field write: the low ``width`` bits of ``value`` (which is ``bits`` wide)."""

    address: Operand
    value: Operand
    unit: int
    bit: int
    width: int
    bits: int
    loc: int


@dataclass(frozen=True, slots=True)
class CopyMemory:
    """Struct assignment: ``size`` bytes from ``source`` to ``destination``."""

    destination: Operand
    source: Operand
    size: int
    loc: int


@dataclass(frozen=True, slots=True)
class ZeroMemory:
    """Fill with zero bytes (initialisers)."""

    destination: Operand
    size: int
    loc: int


@dataclass(frozen=True, slots=True)
class Binary:
    """Integer arithmetic modulo 2**bits; both operands are ``bits`` wide.  Shift counts are too."""

    dst: int
    op: IntOp
    left: Operand
    right: Operand
    bits: int
    loc: int


@dataclass(frozen=True, slots=True)
class Compare:
    """``dst`` (1 bit).  ``kind`` pointer: operands are pointers (eq, ne and unsigned order only)."""

    dst: int
    op: CompareOp
    left: Operand
    right: Operand
    bits: int
    kind: ValueKind
    loc: int


@dataclass(frozen=True, slots=True)
class Cast:
    """Width change (1-bit results of `Compare` are zero-extended with zext), pointer <-> integer."""

    dst: int
    op: CastOp
    value: Operand
    from_bits: int
    to_bits: int
    loc: int


@dataclass(frozen=True, slots=True)
class FloatBinary:
    """Floating-point arithmetic on operands of ``bits`` (32 or 64)."""

    dst: int
    op: FloatOp
    left: Operand
    right: Operand
    bits: int
    loc: int


@dataclass(frozen=True, slots=True)
class FloatCompare:
    """``dst`` (1 bit): false for unordered operands, but for "ne"."""

    dst: int
    op: Literal["eq", "ne", "lt", "le", "gt", "ge"]
    left: Operand
    right: Operand
    bits: int
    loc: int


@dataclass(frozen=True, slots=True)
class FloatCast:
    """Conversion between floating-point numbers, or between these and integers."""

    dst: int
    op: FloatCastOp
    value: Operand
    from_bits: int
    to_bits: int
    loc: int


@dataclass(frozen=True, slots=True)
class PointerAdd:
    """``dst`` = ``base`` + ``offset`` bytes (a signed 64-bit operand)."""

    dst: int
    base: Operand
    offset: Operand
    loc: int


@dataclass(frozen=True, slots=True)
class PointerDifference:
    """``dst`` (64 bits) = ``left`` - ``right`` in bytes."""

    dst: int
    left: Operand
    right: Operand
    loc: int


@dataclass(frozen=True, slots=True)
class Call:
    """Call of ``callee``; scalars and pointers by value.  Struct arguments and results are passed by
    pointer: an argument that is a struct is a pointer to a private copy made by the caller; a struct
    result is written through an extra first argument.  ``arg_bits`` gives each argument's width and
    ``arg_kinds`` its kind.  ``result_bits`` 0: nothing is returned."""

    dst: int | None
    callee: Operand
    args: tuple[Operand, ...]
    arg_bits: tuple[int, ...]
    arg_kinds: tuple[ValueKind, ...]
    result_bits: int
    result_kind: ValueKind
    loc: int


# --------------------------------------------------------------------------- terminators


@dataclass(frozen=True, slots=True)
class Jump:
    """On to block ``target``."""

    target: int
    loc: int


@dataclass(frozen=True, slots=True)
class Branch:
    """``condition`` is 1 bit.  ``loop`` marks the exit test of a loop."""

    condition: Operand
    then: int
    otherwise: int
    loop: bool
    loc: int


@dataclass(frozen=True, slots=True)
class Switch:
    """On to the block of the case that ``value``, ``bits`` wide, is equal to."""

    value: Operand
    bits: int
    cases: tuple[tuple[int, int], ...]  # (case value modulo 2**bits, block)
    default: int
    loc: int


@dataclass(frozen=True, slots=True)
class Return:
    """Out of the function."""

    value: Operand | None
    loc: int


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Reached only by falling off the end of a function that returns a value."""

    loc: int


Instruction = (
    Alloca
    | Load
    | Store
    | LoadBits
    | StoreBits
    | CopyMemory
    | ZeroMemory
    | Binary
    | Compare
    | Cast
    | FloatBinary
    | FloatCompare
    | FloatCast
    | PointerAdd
    | PointerDifference
    | Call
)
Terminator = Jump | Branch | Switch | Return | Unreachable


def successors(terminator: Terminator) -> tuple[int, ...]:
    """The blocks that control may go to; of a switch its default last."""
    match terminator:
        case Jump(target):
            return (target,)
        case Branch(_, then, otherwise):
            return (then, otherwise)
        case Switch(cases=cases, default=default):
            return (*(block for _, block in cases), default)
    return ()


@dataclass(frozen=True, slots=True)
class Block:
    """Instructions in order, then one terminator."""

    instructions: tuple[Instruction, ...]
    terminator: Terminator


@dataclass(frozen=True, slots=True)
class Parameter:
    """Parameters arrive as values in temps 0..n-1; the body stores them to Allocas itself."""

    name: str
    bits: int
    kind: ValueKind
    type_name: str  # as written in C, e.g. "struct FlowId *"


@dataclass(frozen=True, slots=True)
class Function:
    """``blocks[0]`` is the entry.  ``name`` is unique in the program: a static function whose name
    occurs in several files is ``file.c:name``."""

    name: str
    parameters: tuple[Parameter, ...]
    result_bits: int
    result_kind: ValueKind
    blocks: tuple[Block, ...]
    loc: int


# --------------------------------------------------------------------------- globals


@dataclass(frozen=True, slots=True)
class Initial:
    """One initialised scalar of a global: an integer (bits wide), float, address + addend, or bytes."""

    offset: int
    value: Const | GlobalAddress | FunctionAddress | bytes
    addend: int = 0


@dataclass(frozen=True, slots=True)
class Global:
    """A variable with static storage: file scope, ``static`` local, or string literal.

    ``name`` is unique (``file.c:name`` for statics whose names clash, ``function.name`` for static
    locals, ``.str.N`` for literals).  ``c_name``/``file`` say where it is declared, for code generation;
    ``declarations`` are the locations of all its file-scope declarations (also ``extern`` ones in headers).
    Bytes without an `Initial` are zero.  ``defined`` False: only declared (an external object).
    """

    name: str
    c_name: str
    file: str
    scope: Literal["file", "static_file", "static_local", "literal"]
    size: int
    type_name: str
    const: bool
    defined: bool
    initial: tuple[Initial, ...]
    declarations: tuple[SourceLocation, ...]
    loc: int


@dataclass(frozen=True, slots=True)
class Assumed:
    """What the compiler must find, too, in the source ``file``: ``spelled`` is a struct or union of ``size`` bytes with
    ``members`` at offsets, and aligned at ``align`` if that counts; or, with ``value``, a macro that is this whole
    number."""

    file: str
    spelled: str
    size: int = 0
    members: tuple[tuple[str, int], ...] = ()
    align: int | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """One NF: everything its sources define.  ``externals`` are functions called but not defined."""

    functions: dict[str, Function]
    globals: dict[str, Global]
    structs: dict[str, StructLayout]  # by tag, e.g. "struct FlowId"
    externals: tuple[str, ...]
    locations: tuple[SourceLocation, ...]
    files: tuple[str, ...]  # the user's files that were read (sources and own headers)
    generated: tuple[tuple[str, str], ...] = ()  # of `files`, those that do not exist: their text
    extended: tuple[tuple[str, str], ...] = ()  # of `files`, those to which something was added: all of their text
    units: tuple[str, ...] = ()  # of `files`, those that are compiled by themselves
    assumed: tuple[Assumed, ...] = ()
    # Macros that conditions test, as they must be before a unit's first line: a whole number, "" for any other text,
    # None where it must not be defined.
    first_macros: tuple[tuple[str, str | None], ...] = ()
    in_place: tuple[str, ...] = ()  # of `files`, those that are compiled from where they are, not from a copy
    dialect: str = MAIN.name  # one of `dialects.DIALECTS`
    defines: tuple[tuple[str, str], ...] = ()  # macros of its units that the dialect wants
