"""Declarations' syntax -> C types; structs, unions and enumerations enter the scope here."""

from __future__ import annotations

from typing import Any

from maestro_tool.frontend import evaluate, layout
from maestro_tool.frontend.c_types import (
    INT,
    LONG,
    ULONG,
    ArrayType,
    CType,
    FunctionType,
    IncompleteTypeError,
    IntType,
    PointerType,
    RecordType,
    VoidType,
    align_of,
    from_specifiers,
    size_of,
    widened,
)
from maestro_tool.frontend.context import Context, Enumerator, Typedef
from maestro_tool.frontend.parse import c_ast, position
from maestro_tool.frontend.spellings import RecordAttributes

_UNSUPPORTED_WORDS = {"_Complex", "__int128", "_Decimal32", "_Decimal64", "_Decimal128"}


def declared_type(ctx: Context, node: Any, hint: str | None = None) -> tuple[CType, bool]:
    """Type that a declarator (`Decl`, `Typename`, `PtrDecl` ...) gives, and whether the object is ``const``.

    ``hint``: what to call an unnamed struct.
    """
    match node:
        case c_ast.Decl() | c_ast.Typename() | c_ast.Typedef():
            return declared_type(ctx, node.type, hint)
        case c_ast.TypeDecl():
            type_, const = _specified(ctx, node.type, hint)
            return type_, const or "const" in node.quals
        case c_ast.PtrDecl():
            return PointerType(declared_type(ctx, node.type, hint)[0]), "const" in node.quals
        case c_ast.ArrayDecl():
            element, const = declared_type(ctx, node.type, hint)
            if isinstance(element, FunctionType | VoidType):
                ctx.input_error("an array of functions or void", node)
            length = None if node.dim is None else _dimension(ctx, node.dim)
            return ArrayType(element, length), const
        case c_ast.FuncDecl():
            return _function(ctx, node), False
    return _specified(ctx, node, hint)


def type_named(ctx: Context, node: Any) -> CType:
    """The type that a `Typename` (in a cast, sizeof ...) names."""
    return declared_type(ctx, node)[0]


def _dimension(ctx: Context, node: Any) -> int:
    if isinstance(node, c_ast.ID) and node.name == "*":
        ctx.unsupported("arrays of variable length are not supported", node)
    length = evaluate.try_constant_integer(ctx, node)
    if length is None:
        ctx.unsupported("arrays of variable length are not supported", node, "give it a constant length")
    if length < 0:
        ctx.input_error("the length of an array is negative", node)
    return length


def _function(ctx: Context, node: Any) -> FunctionType:
    result, _ = declared_type(ctx, node.type)
    if isinstance(result, ArrayType | FunctionType):
        ctx.input_error("a function cannot return an array or a function", node)
    if node.args is None:
        return FunctionType(result, (), variadic=False, prototyped=False)
    parameters: list[CType] = []
    variadic = False
    # A struct first named here enters the scope around: C has it end with the prototype, which nobody means.
    for parameter in node.args.params:
        if isinstance(parameter, c_ast.EllipsisParam):
            variadic = True
        elif isinstance(parameter, c_ast.ID):
            ctx.unsupported(
                "parameters without types (K&R style) are not supported",
                parameter,
                "write them as (int a, char b); if that is a macro, include a header of your own that defines it",
            )
        else:
            parameters.append(parameter_type(declared_type(ctx, parameter)[0]))
    if parameters == [VoidType()]:
        parameters = []
    if any(isinstance(p, VoidType) for p in parameters):
        ctx.input_error("a parameter of type void", node)
    return FunctionType(result, tuple(parameters), variadic)


def parameter_type(type_: CType) -> CType:
    """Arrays and functions as parameters are pointers (C11 6.7.6.3 p7, p8)."""
    if isinstance(type_, ArrayType):
        return PointerType(type_.element)
    return PointerType(type_) if isinstance(type_, FunctionType) else type_


# --------------------------------------------------------------------------- specifiers


def _specified(ctx: Context, node: Any, hint: str | None) -> tuple[CType, bool]:
    match node:
        case c_ast.IdentifierType():
            return _basic(ctx, node)
        case c_ast.Struct() | c_ast.Union():
            return record_type(ctx, node, hint), False
        case c_ast.Enum():
            return _enum(ctx, node), False
        case c_ast.TypeOf(expr=c_ast.Typename()):
            return declared_type(ctx, node.expr)
        case c_ast.TypeOf():
            found = evaluate.type_of(ctx, node.expr)
            return (widened(found) if isinstance(found, IntType) else found), False
        case c_ast.InferredType():
            ctx.unsupported("__auto_type is supported for variables of functions only", node, "write the type")
    ctx.unsupported(f"a type of this form ({type(node).__name__}) is not supported", node)


def _basic(ctx: Context, node: Any) -> tuple[CType, bool]:
    names = node.names
    if len(names) == 1:
        entity = ctx.lookup(names[0])
        if isinstance(entity, Typedef):
            return entity.type, entity.const
    type_ = from_specifiers(names)
    if type_ is not None:
        return type_, False
    text = " ".join(names)
    if _UNSUPPORTED_WORDS & set(names) or sorted(names) == ["double", "long"]:
        ctx.unsupported(f"the type '{text}' is not supported", node, "integers, float and double are")
    ctx.input_error(f"unknown type '{text}'", node)


def record_type(ctx: Context, node: Any, hint: str | None = None) -> RecordType:
    """The struct or union that ``node`` names or defines."""
    is_union = isinstance(node, c_ast.Union)
    keyword = "union" if is_union else "struct"
    defines = node.decls is not None
    found = None
    if node.name is not None:
        found = ctx.scopes[-1].tags.get(node.name) if defines else ctx.lookup_tag(node.name)
    if found is None:
        record = RecordType(f"{keyword} {node.name}" if node.name else hint or ctx.program.anonymous(keyword), is_union)
        if node.name is not None:
            ctx.scopes[-1].tags[node.name] = record
    elif isinstance(found, RecordType) and found.is_union == is_union:
        record = found
    else:
        ctx.input_error(f"'{node.name}' is not a {keyword}", node)
    if defines:
        if record.layout is not None:
            hint = "if its header is included twice, begin it with #pragma once"
            ctx.input_error(f"'{record.name}' is defined twice", node, hint)
        _complete(ctx, record, node)
    return record


def forward_declare(ctx: Context, node: Any) -> None:
    """``struct X;`` alone: a new type of this scope."""
    keyword = "union" if isinstance(node, c_ast.Union) else "struct"
    ctx.scopes[-1].tags.setdefault(node.name, RecordType(f"{keyword} {node.name}", keyword == "union"))


def _complete(ctx: Context, record: RecordType, node: Any) -> None:
    attributes = ctx.unit.attributes.get(position(node), RecordAttributes())
    members: list[layout.Declaration] = []
    names: set[str] = set()
    for index, child in enumerate(node.decls):
        if isinstance(child, c_ast.Pragma):
            continue
        if isinstance(child, c_ast.StaticAssert):
            static_assert(ctx, child)
            continue
        member = _member(ctx, child, last=index == len(node.decls) - 1)
        if member is None:
            continue
        for name in _names(member):
            if name in names:
                ctx.input_error(f"'{record.name}' has two members '{name}'", child)
            names.add(name)
        if attributes.pack and member.width is not None:
            ctx.unsupported("a bit-field under #pragma pack is not supported", child, "use __attribute__((packed))")
        members.append(member)
    record.layout = layout.lay_out(
        members, union=record.is_union, packed=attributes.packed, align=attributes.align, pack=attributes.pack
    )
    ctx.program.add_record(record, record.layout)


def _names(member: layout.Declaration) -> list[str]:
    if member.name is not None:
        return [member.name]
    if isinstance(member.type, RecordType) and member.type.layout is not None:
        return [n for m in member.type.layout.members for n in _names(layout.Declaration(m.name, m.type))]
    return []


def _member(ctx: Context, node: Any, *, last: bool) -> layout.Declaration | None:
    if not isinstance(node, c_ast.Decl):
        ctx.unsupported("a member of this form is not supported", node)
    type_, _ = declared_type(ctx, node)
    if node.name is None and node.bitsize is None:
        inner = node.type.type if isinstance(node.type, c_ast.TypeDecl) else node.type
        if not isinstance(type_, RecordType) or inner.name is not None:
            return None  # declares a tag only
        return layout.Declaration(None, type_, None, _alignment(ctx, node))
    if isinstance(type_, FunctionType):
        ctx.input_error(f"member '{node.name}' is a function", node)
    if node.bitsize is not None:
        return _bit_field(ctx, node, type_)
    if not (isinstance(type_, ArrayType) and type_.length is None and last):
        ctx.size(type_, node)
    attributes = _own_attributes(ctx, node)
    align = _alignment(ctx, node)
    if attributes is None:
        return layout.Declaration(node.name, type_, None, align)
    return layout.Declaration(node.name, type_, None, max(align, attributes.align), attributes.packed)


def _own_attributes(ctx: Context, node: Any) -> RecordAttributes | None:
    """Attributes behind a member's name."""
    if not ctx.unit.attributes:
        return None
    name = node.type
    while not isinstance(name, c_ast.TypeDecl):
        name = name.type
    return ctx.unit.attributes.get(position(name))


def _bit_field(ctx: Context, node: Any, type_: CType) -> layout.Declaration:
    width = evaluate.constant_integer(ctx, node.bitsize, "the width of a bit-field")
    if not isinstance(type_, IntType):
        ctx.input_error("a bit-field that is not an integer", node)
    limit = 1 if type_.name == "_Bool" else type_.bits
    if not 0 <= width <= limit or (width == 0 and node.name is not None):
        ctx.input_error(f"a bit-field of {width} bits", node)
    if node.align:
        ctx.unsupported("_Alignas on a bit-field is not supported", node, "align the struct")
    attributes = _own_attributes(ctx, node) if node.name else None
    if attributes is not None and attributes.align > 1:
        ctx.unsupported("an alignment of a bit-field is not supported", node, "align the struct")
    return layout.Declaration(node.name, type_, width, packed=attributes is not None and attributes.packed)


def _alignment(ctx: Context, node: Any) -> int:
    return max((_alignas(ctx, a) for a in node.align or ()), default=0)


def _alignas(ctx: Context, node: Any) -> int:
    if isinstance(node.alignment, c_ast.Typename):
        return align_of(type_named(ctx, node.alignment))
    value = evaluate.constant_integer(ctx, node.alignment, "an alignment")
    if value < 0 or value & (value - 1):
        ctx.input_error(f"an alignment of {value} is not a power of two", node)
    return value


def _enum(ctx: Context, node: Any) -> IntType:
    if getattr(node, "underlying_type", None) is not None:
        ctx.unsupported("enumerations with a given type are not supported", node)
    if node.values is None:
        found = ctx.lookup_tag(node.name)
        if not isinstance(found, IntType):
            ctx.input_error(f"'enum {node.name}' is not defined", node)
        return found
    values: list[tuple[str, int]] = []
    following = 0
    for child in node.values.enumerators:
        if isinstance(child, c_ast.Pragma):
            continue
        if child.value is not None:
            following = evaluate.constant_integer(ctx, child.value, "the value of an enumerator")
        elif not _fits(following, 32):
            ctx.unsupported("an enumerator behind the largest int needs a value of its own", child)
        values.append((child.name, following))
        # Visible to the next enumerators' values already; its type is final below.
        ctx.declare(child.name, Enumerator(following, INT if _fits(following, 32) else LONG))
        following += 1
    name = f"enum {node.name}" if node.name else "enum"
    type_ = _enum_type(name, [v for _, v in values])
    if type_ is None:
        ctx.input_error("values of an enumeration that no integer type holds", node)
    for enumerator, value in values:
        ctx.declare(enumerator, Enumerator(value, INT if _fits(value, 32) else type_))
    if node.name:
        ctx.scopes[-1].tags[node.name] = type_
    return type_


def _fits(value: int, bits: int) -> bool:
    return -(1 << (bits - 1)) <= value < 1 << (bits - 1)


def _enum_type(name: str, values: list[int]) -> IntType | None:
    """gcc: the first of unsigned int, int, unsigned long, long that holds all values."""
    low, high = min(values, default=0), max(values, default=0)
    if low >= 0:
        bits = 32 if high < 1 << 32 else 64
        return IntType(name, bits, False, INT.rank if bits == 32 else ULONG.rank) if high < 1 << 64 else None
    bits = 32 if _fits(low, 32) and _fits(high, 32) else 64
    return (
        IntType(name, bits, True, INT.rank if bits == 32 else LONG.rank) if _fits(low, 64) and _fits(high, 64) else None
    )


# --------------------------------------------------------------------------- small things


def static_assert(ctx: Context, node: Any) -> None:
    if evaluate.constant_integer(ctx, node.cond, "a static assertion") == 0:
        message = node.message.value if node.message is not None else ""
        ctx.input_error(f"static assertion failed{': ' if message else ''}{message}", node)


def size_and_align(ctx: Context, type_: CType, node: Any) -> tuple[int, int]:
    """sizeof and _Alignof; 1 of void and functions, as gcc has it."""
    if isinstance(type_, VoidType | FunctionType):
        return 1, 1
    try:
        return size_of(type_), align_of(type_)
    except IncompleteTypeError as error:
        ctx.input_error(str(error), node, error.hint)
