"""Objects that expressions designate (lvalues), and where members are."""

from __future__ import annotations

from typing import Any

from maestro_tool.frontend import declarations, evaluate, expressions, initialisers, literals
from maestro_tool.frontend.c_types import (
    CHAR,
    ULONG,
    ArrayType,
    CType,
    IntType,
    Member,
    PointerType,
    RecordType,
    size_of,
    type_name,
)
from maestro_tool.frontend.context import Context, FunctionName, Place, Value, Variable
from maestro_tool.frontend.conversions import offset_of
from maestro_tool.frontend.ir import Const, FunctionAddress
from maestro_tool.frontend.parse import c_ast
from maestro_tool.frontend.unknown import instead


def place(ctx: Context, node: Any) -> Place:
    """The object that ``node`` designates; values of struct type count, too: they lie somewhere."""
    found = try_place(ctx, node)
    if found is not None:
        return found
    value = expressions.rvalue(ctx, node)
    if isinstance(value.type, RecordType):
        return Place(value.operand, value.type)
    ctx.input_error("this is not an object that could be changed or have an address", node)


def try_place(ctx: Context, node: Any) -> Place | None:
    """The object that ``node`` designates; None if it is a value only."""
    match node:
        case c_ast.ID():
            entity = ctx.lookup(node.name)
            if isinstance(entity, Variable):
                ctx.program.reference(ctx, entity.address)
                return Place(entity.address, entity.type)
            if isinstance(entity, FunctionName):
                ctx.program.reference(ctx, FunctionAddress(entity.name))
                return Place(FunctionAddress(entity.name), entity.type)
            if node.name in ("__func__", "__FUNCTION__", "__PRETTY_FUNCTION__") and ctx.function is not None:
                return _string_place(ctx, ctx.function.c_name.encode(), node)
        case c_ast.Constant(type="string"):
            return _string_place(ctx, expressions.literal(ctx, literals.string, node), node)
        case c_ast.UnaryOp(op="*"):
            value = expressions.rvalue(ctx, node.expr)
            if not isinstance(value.type, PointerType):
                ctx.input_error(f"'{type_name(value.type)}' is not a pointer", node)
            return Place(value.operand, value.type.target)
        case c_ast.ArrayRef():
            return _element(ctx, node)
        case c_ast.StructRef():
            return _member(ctx, node)
        case c_ast.CompoundLiteral():
            return initialisers.compound_literal(ctx, node)
    return None


def _string_place(ctx: Context, data: bytes, node: Any) -> Place:
    return Place(ctx.program.string(ctx, data + b"\0", node), ArrayType(CHAR, len(data) + 1))


def _element(ctx: Context, node: Any) -> Place:
    base, index = expressions.rvalue(ctx, node.name), expressions.rvalue(ctx, node.subscript)
    if isinstance(base.type, IntType):
        base, index = index, base
    if not isinstance(base.type, PointerType) or not isinstance(index.type, IntType):
        ctx.input_error("[] needs a pointer and an integer", node)
    offset = offset_of(ctx, index, ctx.step(base.type.target, node), node)
    return Place(ctx.builder.pointer_add(base.operand, offset, ctx.loc(node)), base.type.target)


def _member(ctx: Context, node: Any) -> Place:
    if node.type == "->":
        value = expressions.rvalue(ctx, node.name)
        if not isinstance(value.type, PointerType):
            ctx.input_error(f"'->' needs a pointer, and this is '{type_name(value.type)}'", node)
        base = Place(value.operand, value.type.target)
    else:
        base = place(ctx, node.name)
    if not isinstance(base.type, RecordType):
        ctx.input_error(f"'{type_name(base.type)}' has no members", node)
    path = member_path(ctx, base.type, node.field.name, node.field)
    offset = sum(m.offset for m in path)
    address = ctx.builder.pointer_add(base.address, Const(offset, 64), ctx.loc(node.field))
    return Place(address, path[-1].type, path[-1].bits)


def member_path(ctx: Context, record: RecordType, name: str, node: Any) -> list[Member]:
    """The members that lead to ``name``: several if it is inside anonymous ones."""
    if record.layout is None:
        ctx.input_error(f"'{record.name}' is only declared here, not defined", node, instead(record.name))
    path = _find(record, name)
    if path is None:
        ctx.input_error(f"'{record.name}' has no member '{name}'", node)
    return path


def _find(record: RecordType, name: str) -> list[Member] | None:
    assert record.layout is not None
    for member in record.layout.members:
        if member.name == name:
            return [member]
        if member.name is None and isinstance(member.type, RecordType):
            inner = _find(member.type, name)
            if inner is not None:
                return [member, *inner]
    return None


# --------------------------------------------------------------------------- offsetof


def offset_in(ctx: Context, node: Any) -> Value:
    """``offsetof(type, member.designator[2])``."""
    type_node, designator = node.args.exprs
    offset, _ = _designated(ctx, declarations.type_named(ctx, type_node), designator)
    return Value(Const(offset, 64), ULONG)


def _designated(ctx: Context, type_: CType, node: Any) -> tuple[int, CType]:
    match node:
        case c_ast.ID():
            if not isinstance(type_, RecordType):
                ctx.input_error(f"'{type_name(type_)}' has no members", node)
            path = member_path(ctx, type_, node.name, node)
            if path[-1].bits is not None:
                ctx.input_error("a bit-field has no offset in bytes", node)
            return sum(m.offset for m in path), path[-1].type
        case c_ast.StructRef(type="."):
            offset, inner = _designated(ctx, type_, node.name)
            more, member = _designated(ctx, inner, node.field)
            return offset + more, member
        case c_ast.ArrayRef():
            offset, inner = _designated(ctx, type_, node.name)
            if not isinstance(inner, ArrayType):
                ctx.input_error(f"'{type_name(inner)}' is not an array", node)
            return offset + evaluate.constant_integer(ctx, node.subscript, "an index") * size_of(
                inner.element
            ), inner.element
    ctx.unsupported("offsetof of this form is not supported", node)
