"""Expressions -> instructions.

`rvalue` computes (`places.place` designates), `effect` computes for the side effects only; `condition` gives one
bit, and `branch_on` turns a condition into control flow, short circuits included.
"""

from __future__ import annotations

from typing import Any

from maestro_tool.frontend import assignment, calls, declarations, evaluate, literals, operators, places, statements
from maestro_tool.frontend.builder import Builder
from maestro_tool.frontend.c_types import (
    BOOL,
    INT,
    ULONG,
    VOID,
    ArrayType,
    CType,
    FloatType,
    FunctionType,
    IntType,
    PointerType,
    RecordType,
    VoidType,
    common_type,
    type_name,
    widened,
)
from maestro_tool.frontend.context import Context, Enumerator, Place, Value
from maestro_tool.frontend.conversions import VOID_VALUE, convert, load, promoted, store, truth
from maestro_tool.frontend.ir import Const, Null, Operand
from maestro_tool.frontend.parse import c_ast
from maestro_tool.frontend.unknown import hint
from maestro_tool.own_files import ROLES


def rvalue(ctx: Context, node: Any) -> Value:
    """The value of ``node``."""
    match node:
        case c_ast.Constant(type="string") | c_ast.ArrayRef() | c_ast.StructRef() | c_ast.CompoundLiteral():
            return load(ctx, places.place(ctx, node), node)
        case c_ast.ID():
            return _identifier(ctx, node)
        case c_ast.Constant():
            return _constant(ctx, node)
        case c_ast.BinaryOp():
            return _binary(ctx, node)
        case c_ast.UnaryOp():
            return _unary(ctx, node)
        case c_ast.Assignment():
            return assignment.assign(ctx, node, used=True)
        case c_ast.FuncCall():
            return calls.call(ctx, node)
        case c_ast.Cast():
            return _cast(ctx, node)
        case c_ast.TernaryOp():
            return _ternary(ctx, node)
        case c_ast.ExprList():
            for child in node.exprs[:-1]:
                effect(ctx, child)
            return rvalue(ctx, node.exprs[-1])
        case c_ast.Compound():
            return statements.statement_expression(ctx, node)
    ctx.unsupported(f"an expression of this form ({type(node).__name__}) is not supported", node)


def effect(ctx: Context, node: Any) -> None:
    """Evaluate ``node`` for what it does."""
    match node:
        case c_ast.Assignment():
            assignment.assign(ctx, node, used=False)
        case c_ast.UnaryOp(op="p++" | "p--" | "++" | "--"):
            assignment.step(ctx, node, used=False)
        case c_ast.ExprList():
            for child in node.exprs:
                effect(ctx, child)
        case c_ast.Cast() if isinstance(declarations.type_named(ctx, node.to_type), VoidType):
            if not isinstance(node.expr, c_ast.ID) or places.try_place(ctx, node.expr) is None:
                effect(ctx, node.expr)  # else nothing is done with the variable, which may have no value yet
        case _:
            rvalue(ctx, node)


def as_type(ctx: Context, node: Any, type_: CType) -> Value:
    """The value of ``node`` converted to ``type_``, as assignment does."""
    if type_ == BOOL and not ctx.builder.constant:
        if _is_logical(node):
            return Value(_logical_byte(ctx, node), BOOL)
        return Value(ctx.builder.cast("zext", condition(ctx, node), 1, 8, ctx.loc(node)), BOOL)
    value = rvalue(ctx, node)
    if isinstance(value.type, VoidType) and not isinstance(type_, VoidType):
        ctx.input_error("a value is needed here, and this has none", node)
    return convert(ctx, value, type_, node)


# --------------------------------------------------------------------------- conditions


def condition(ctx: Context, node: Any) -> Operand:
    """Whether ``node`` is not zero, in one bit."""
    match node:
        case c_ast.BinaryOp(op=op) if op in operators.COMPARISONS:
            return _comparison(ctx, node)
        case c_ast.BinaryOp() if _is_logical(node):
            if ctx.builder.constant:
                return Const(int(_constant_logical(ctx, node)), 1)
            return ctx.builder.compare("ne", _logical_byte(ctx, node), Const(0, 8), 8, "int", ctx.loc(node))
        case c_ast.UnaryOp(op="!"):
            inner = condition(ctx, node.expr)
            return ctx.builder.compare("eq", inner, Const(0, 1), 1, "int", ctx.loc(node))
        case c_ast.FuncCall() if calls.is_expect(node):
            return condition(ctx, node.args.exprs[0])
        case c_ast.ExprList():
            for child in node.exprs[:-1]:
                effect(ctx, child)
            return condition(ctx, node.exprs[-1])
    return truth(ctx, rvalue(ctx, node), node)


def branch_on(ctx: Context, node: Any, then: int, otherwise: int, *, loop: bool = False) -> None:
    """End this block: go to ``then`` if ``node`` is not zero, else to ``otherwise``."""
    match node:
        case c_ast.BinaryOp() if _is_logical(node):
            second = ctx.builder.new_block()
            first = (second, otherwise) if node.op == "&&" else (then, second)
            branch_on(ctx, node.left, *first, loop=loop)
            ctx.builder.at(second)
            branch_on(ctx, node.right, then, otherwise, loop=loop)
        case c_ast.UnaryOp(op="!"):
            branch_on(ctx, node.expr, otherwise, then, loop=loop)
        case c_ast.FuncCall() if calls.is_expect(node):
            branch_on(ctx, node.args.exprs[0], then, otherwise, loop=loop)
        case _:
            ctx.builder.branch(condition(ctx, node), then, otherwise, ctx.loc(node), loop=loop)


def _is_logical(node: Any) -> bool:
    return isinstance(node, c_ast.BinaryOp) and node.op in ("&&", "||")


def _constant_logical(ctx: Context, node: Any) -> bool:
    left = condition(ctx, node.left)
    assert isinstance(left, Const)
    if bool(left.value) == (node.op == "||"):
        evaluate.type_of(ctx, node.right)  # must be well-formed, though it is not evaluated
        return bool(left.value)
    right = condition(ctx, node.right)
    assert isinstance(right, Const)
    return bool(right.value)


def _logical_byte(ctx: Context, node: Any) -> Operand:
    """Value of ``&&`` or ``||`` as a byte."""
    build, loc = ctx.builder, ctx.loc(node)
    slot = build.slot(1, ".logical", "_Bool", loc)
    yes, no, join = build.new_block(), build.new_block(), build.new_block()
    branch_on(ctx, node, yes, no)
    for block, value in ((yes, 1), (no, 0)):
        build.at(block)
        build.store(slot, Const(value, 8), 8, "int", loc)
        build.jump(join, loc)
    build.at(join)
    return build.load(slot, 8, "int", loc)


# --------------------------------------------------------------------------- simple expressions


def _identifier(ctx: Context, node: Any) -> Value:
    entity = ctx.lookup(node.name)
    if isinstance(entity, Enumerator):
        return Value(Const(entity.value % (1 << entity.type.bits), entity.type.bits), entity.type)
    found = places.try_place(ctx, node)
    if found is None:
        ctx.input_error(f"'{node.name}' is not declared", node, _who_declares(node.name) or hint("macro", node.name))
    return load(ctx, found, node)


def _who_declares(name: str) -> str | None:
    struct, _, role = name.rpartition("_")
    if not struct or role not in ROLES:
        return None
    return (
        f'put struct {struct} into a header, say {struct}.h, and include "{struct}.h.gen.h", which need not exist: '
        "key functions are generated"
    )


def literal(ctx: Context, read: Any, node: Any) -> Any:
    try:
        return read(node.value)
    except literals.LiteralError as error:
        ctx.unsupported(str(error), node, literals.HINT)


def _constant(ctx: Context, node: Any) -> Value:
    if node.type == "char" or node.value.endswith("'"):
        return Value(Const(literal(ctx, literals.character, node) % (1 << 32), 32), INT)
    is_float = node.type in ("float", "double", "long double")
    value, type_ = literal(ctx, literals.floating if is_float else literals.integer, node)
    return Value(Const(value, type_.bits), type_)


def _cast(ctx: Context, node: Any) -> Value:
    type_ = declarations.type_named(ctx, node.to_type)
    if isinstance(type_, VoidType):
        effect(ctx, node.expr)
        return VOID_VALUE
    if isinstance(type_, ArrayType | FunctionType | RecordType):
        ctx.input_error(f"a cast to '{type_name(type_)}'", node)
    return as_type(ctx, node.expr, type_)


def _ternary(ctx: Context, node: Any) -> Value:
    if ctx.builder.constant:
        first = node.iftrue or node.cond
        chosen, other = (first, node.iffalse) if _truth_of_constant(ctx, node.cond) else (node.iffalse, first)
        value = rvalue(ctx, chosen)
        with_type = Value(Null(), evaluate.decayed_type_of(ctx, other))
        return convert(ctx, value, _ternary_type(ctx, value, with_type, node), node)
    build, loc = ctx.builder, ctx.loc(node)
    blocks = [build.new_block(), build.new_block()]
    join = build.new_block()
    values: list[Value] = []
    if node.iftrue is None:  # ``a ?: b``: a is computed once
        values.append(rvalue(ctx, node.cond))
        build.branch(truth(ctx, values[0], node.cond), blocks[0], blocks[1], ctx.loc(node.cond))
    else:
        branch_on(ctx, node.cond, *blocks)
        build.at(blocks[0])
        values.append(rvalue(ctx, node.iftrue))
        blocks[0] = build.here
    build.at(blocks[1])
    values.append(rvalue(ctx, node.iffalse))
    blocks[1] = build.here
    type_ = _ternary_type(ctx, values[0], values[1], node)
    result = type_
    if isinstance(type_, IntType):
        type_ = widened(type_)
    slot = None
    if not isinstance(type_, VoidType):
        slot = Place(build.slot(ctx.size(type_, node), ".ternary", type_name(type_), loc), type_)
    for block, value, child in zip(blocks, values, (node.iftrue or node.cond, node.iffalse), strict=True):
        build.at(block)
        if slot is not None:
            store(ctx, slot, convert(ctx, value, type_, child), child)
        build.jump(join, loc)
    build.at(join)
    return VOID_VALUE if slot is None else convert(ctx, load(ctx, slot, node), result, node)


def _truth_of_constant(ctx: Context, node: Any) -> bool:
    value = condition(ctx, node)
    assert isinstance(value, Const)
    return bool(value.value)


def _is_null(value: Value) -> bool:
    return isinstance(value.operand, Null) or (
        isinstance(value.type, IntType) and isinstance(value.operand, Const) and not value.operand.value
    )


def _ternary_type(ctx: Context, a: Value, b: Value, node: Any) -> CType:
    match a.type, b.type:
        case (IntType() | FloatType()) as x, (IntType() | FloatType()) as y:
            return common_type(x, y)
        case (VoidType(), _) | (_, VoidType()):
            return VOID
        case PointerType(), PointerType():
            if _is_null(a) and isinstance(a.type.target, VoidType):
                return b.type
            if _is_null(b) and isinstance(b.type.target, VoidType):
                return a.type
            return b.type if isinstance(b.type.target, VoidType) else a.type
        case PointerType(), IntType():
            return a.type
        case IntType(), PointerType():
            return b.type
    if a.type != b.type:
        ctx.input_error(f"'?:' between '{type_name(a.type)}' and '{type_name(b.type)}'", node)
    return a.type


# --------------------------------------------------------------------------- operators


def _unary(ctx: Context, node: Any) -> Value:
    loc, build = ctx.loc(node), ctx.builder
    match node.op:
        case "p++" | "p--" | "++" | "--":
            return assignment.step(ctx, node, used=True)
        case "&":
            found = places.place(ctx, node.expr)
            if found.bits is not None:
                ctx.input_error("a bit-field has no address", node)
            return Value(found.address, PointerType(found.type))
        case "*":
            return load(ctx, places.place(ctx, node), node)
        case "!":
            return Value(build.cast("zext", condition(ctx, node), 1, 32, loc), INT)
        case "sizeof" | "_Alignof":
            named = isinstance(node.expr, c_ast.Typename)
            if not named:
                _refuse_bit_field(ctx, node.expr)
            type_ = declarations.type_named(ctx, node.expr) if named else evaluate.type_of(ctx, node.expr)
            size, align = declarations.size_and_align(ctx, type_, node)
            return Value(Const(size if node.op == "sizeof" else align, 64), ULONG)
    value = promoted(ctx, rvalue(ctx, node.expr), node)
    match node.op, value.type:
        case "+", IntType() | FloatType():
            return value
        case "-", IntType(bits=bits):
            return Value(build.binary("sub", Const(0, bits), value.operand, bits, loc), value.type)
        case "-", FloatType(bits=bits):
            return Value(build.float_binary("fsub", Const(-0.0, bits), value.operand, bits, loc), value.type)
        case "~", IntType(bits=bits):
            return Value(build.binary("xor", value.operand, Const((1 << bits) - 1, bits), bits, loc), value.type)
    ctx.input_error(f"'{node.op}' does not apply to '{type_name(value.type)}'", node)


def _refuse_bit_field(ctx: Context, node: Any) -> None:
    """sizeof of a bit-field is an error; of ``(a, s.field)`` or ``s.field = 1`` it depends on the compiler."""
    while isinstance(node, c_ast.ExprList | c_ast.Assignment) or getattr(node, "op", None) in (
        "p++",
        "p--",
        "++",
        "--",
    ):
        inner = node.exprs[-1] if isinstance(node, c_ast.ExprList) else None
        node = inner or (node.lvalue if isinstance(node, c_ast.Assignment) else node.expr)
    if isinstance(node, c_ast.StructRef):
        with ctx.building(Builder(), scratch=True):
            if places.place(ctx, node).bits is not None:
                ctx.unsupported("the size of a bit-field is not supported", node, "take that of its type")


def _binary(ctx: Context, node: Any) -> Value:
    if node.op == "...":
        ctx.input_error("a range belongs behind case or into the brackets of a designator", node)
    if node.op in operators.COMPARISONS:
        return Value(ctx.builder.cast("zext", _comparison(ctx, node), 1, 32, ctx.loc(node)), INT)
    if _is_logical(node):
        if ctx.builder.constant:
            return Value(Const(int(_constant_logical(ctx, node)), 32), INT)
        return Value(ctx.builder.cast("zext", _logical_byte(ctx, node), 8, 32, ctx.loc(node)), INT)
    return operators.arithmetic(ctx, node.op, rvalue(ctx, node.left), rvalue(ctx, node.right), node)


def _comparison(ctx: Context, node: Any) -> Operand:
    return operators.comparison(ctx, node.op, rvalue(ctx, node.left), rvalue(ctx, node.right), node)
