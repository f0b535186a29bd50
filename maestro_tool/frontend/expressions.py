"""Expressions -> instructions.

`rvalue` computes, `place` designates, `effect` computes for the side effects only; `condition` gives one bit, and
`branch_on` turns a condition into control flow, short circuits included.
"""

from __future__ import annotations

from typing import Any

from maestro_tool.frontend import calls, conversions, declarations, evaluate, initialisers, literals, statements
from maestro_tool.frontend.builder import Builder
from maestro_tool.frontend.c_types import (
    BOOL,
    CHAR,
    INT,
    LONG,
    ULONG,
    VOID,
    ArrayType,
    CType,
    FloatType,
    FunctionType,
    IntType,
    Member,
    PointerType,
    RecordType,
    VoidType,
    common_type,
    is_scalar,
    kind_of,
    promote,
    size_of,
    type_name,
)
from maestro_tool.frontend.context import Context, Enumerator, FunctionName, Place, Value, Variable
from maestro_tool.frontend.conversions import VOID_VALUE, convert, load, offset_of, promoted, resize, store, truth
from maestro_tool.frontend.ir import CompareOp, Const, FunctionAddress, IntOp, Null, Operand
from maestro_tool.frontend.parse import c_ast

_COMPARISONS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_PLAIN: dict[str, IntOp] = {"+": "add", "-": "sub", "*": "mul", "&": "and", "|": "or", "^": "xor"}
_FLOAT_OPS = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}


def rvalue(ctx: Context, node: Any) -> Value:
    """The value of ``node``."""
    match node:
        case c_ast.Constant(type="string") | c_ast.ArrayRef() | c_ast.StructRef() | c_ast.CompoundLiteral():
            return load(ctx, place(ctx, node), node)
        case c_ast.ID():
            return _identifier(ctx, node)
        case c_ast.Constant():
            return _constant(ctx, node)
        case c_ast.BinaryOp():
            return _binary(ctx, node)
        case c_ast.UnaryOp():
            return _unary(ctx, node)
        case c_ast.Assignment():
            return _assignment(ctx, node, used=True)
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
            _assignment(ctx, node, used=False)
        case c_ast.UnaryOp(op="p++" | "p--" | "++" | "--"):
            _step(ctx, node, used=False)
        case c_ast.ExprList():
            for child in node.exprs:
                effect(ctx, child)
        case c_ast.Cast() if isinstance(declarations.type_named(ctx, node.to_type), VoidType):
            effect(ctx, node.expr)
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
        case c_ast.BinaryOp(op=op) if op in _COMPARISONS:
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


# --------------------------------------------------------------------------- places


def place(ctx: Context, node: Any) -> Place:
    """The object that ``node`` designates; values of struct type count, too: they lie somewhere."""
    found = try_place(ctx, node)
    if found is not None:
        return found
    value = rvalue(ctx, node)
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
            return _string_place(ctx, _literal(ctx, literals.string, node), node)
        case c_ast.UnaryOp(op="*"):
            value = rvalue(ctx, node.expr)
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
    base, index = rvalue(ctx, node.name), rvalue(ctx, node.subscript)
    if isinstance(base.type, IntType):
        base, index = index, base
    if not isinstance(base.type, PointerType) or not isinstance(index.type, IntType):
        ctx.input_error("[] needs a pointer and an integer", node)
    offset = offset_of(ctx, index, ctx.step(base.type.target, node), node)
    return Place(ctx.builder.pointer_add(base.operand, offset, ctx.loc(node)), base.type.target)


def _member(ctx: Context, node: Any) -> Place:
    if node.type == "->":
        value = rvalue(ctx, node.name)
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
        ctx.input_error(f"'{record.name}' is only declared here, not defined", node)
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


# --------------------------------------------------------------------------- simple expressions


def _identifier(ctx: Context, node: Any) -> Value:
    entity = ctx.lookup(node.name)
    if isinstance(entity, Enumerator):
        return Value(Const(entity.value % (1 << entity.type.bits), entity.type.bits), entity.type)
    found = try_place(ctx, node)
    if found is None:
        ctx.input_error(f"'{node.name}' is not declared", node)
    return load(ctx, found, node)


def _literal(ctx: Context, read: Any, node: Any) -> Any:
    try:
        return read(node.value)
    except literals.LiteralError as error:
        ctx.unsupported(str(error), node)


def _constant(ctx: Context, node: Any) -> Value:
    if node.type == "char" or node.value.endswith("'"):
        return Value(Const(_literal(ctx, literals.character, node) % (1 << 32), 32), INT)
    is_float = node.type in ("float", "double", "long double")
    value, type_ = _literal(ctx, literals.floating if is_float else literals.integer, node)
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
        chosen, other = (node.iftrue, node.iffalse) if _truth_of_constant(ctx, node.cond) else (node.iffalse, node.iftrue)
        value = rvalue(ctx, chosen)
        with_type = Value(Null(), evaluate.decayed_type_of(ctx, other))
        return convert(ctx, value, _ternary_type(ctx, value, with_type, node), node)
    build, loc = ctx.builder, ctx.loc(node)
    blocks = [build.new_block(), build.new_block()]
    join = build.new_block()
    branch_on(ctx, node.cond, *blocks)
    values: list[Value] = []
    for i, child in enumerate((node.iftrue, node.iffalse)):
        build.at(blocks[i])
        values.append(rvalue(ctx, child))
        blocks[i] = build.here
    type_ = _ternary_type(ctx, values[0], values[1], node)
    slot = None
    if not isinstance(type_, VoidType):
        slot = Place(build.slot(ctx.size(type_, node), ".ternary", type_name(type_), loc), type_)
    for block, value, child in zip(blocks, values, (node.iftrue, node.iffalse), strict=True):
        build.at(block)
        if slot is not None:
            store(ctx, slot, convert(ctx, value, type_, child), child)
        build.jump(join, loc)
    build.at(join)
    return VOID_VALUE if slot is None else load(ctx, slot, node)


def _truth_of_constant(ctx: Context, node: Any) -> bool:
    value = condition(ctx, node)
    assert isinstance(value, Const)
    return bool(value.value)


def _is_null(value: Value) -> bool:
    return isinstance(value.operand, Null) or (isinstance(value.type, IntType) and isinstance(value.operand, Const) and not value.operand.value)


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
            return _step(ctx, node, used=True)
        case "&":
            found = place(ctx, node.expr)
            if found.bits is not None:
                ctx.input_error("a bit-field has no address", node)
            return Value(found.address, PointerType(found.type))
        case "*":
            return load(ctx, place(ctx, node), node)
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
    while isinstance(node, c_ast.ExprList | c_ast.Assignment) or getattr(node, "op", None) in ("p++", "p--", "++", "--"):
        inner = node.exprs[-1] if isinstance(node, c_ast.ExprList) else None
        node = inner or (node.lvalue if isinstance(node, c_ast.Assignment) else node.expr)
    if isinstance(node, c_ast.StructRef):
        with ctx.building(Builder(), scratch=True):
            if place(ctx, node).bits is not None:
                ctx.unsupported("the size of a bit-field is not supported", node)


def _binary(ctx: Context, node: Any) -> Value:
    if node.op in _COMPARISONS:
        return Value(ctx.builder.cast("zext", _comparison(ctx, node), 1, 32, ctx.loc(node)), INT)
    if _is_logical(node):
        if ctx.builder.constant:
            return Value(Const(int(_constant_logical(ctx, node)), 32), INT)
        return Value(ctx.builder.cast("zext", _logical_byte(ctx, node), 8, 32, ctx.loc(node)), INT)
    return arithmetic(ctx, node.op, rvalue(ctx, node.left), rvalue(ctx, node.right), node)


def arithmetic(ctx: Context, op: str, left: Value, right: Value, node: Any) -> Value:
    """``left op right`` for the operators that compute: + - * / % & | ^ << >>."""
    if isinstance(left.type, PointerType) or isinstance(right.type, PointerType):
        return _pointer_arithmetic(ctx, op, left, right, node)
    if not isinstance(left.type, IntType | FloatType) or not isinstance(right.type, IntType | FloatType):
        ctx.input_error(f"'{op}' does not apply to '{type_name(left.type)}' and '{type_name(right.type)}'", node)
    loc, build = ctx.loc(node), ctx.builder
    if op in ("<<", ">>"):
        if isinstance(left.type, FloatType) or isinstance(right.type, FloatType):
            ctx.input_error(f"'{op}' needs integers", node)
        type_ = promote(left.type)
        count = resize(ctx, right.operand, right.type, type_.bits, node)
        shift: IntOp = "shl" if op == "<<" else "ashr" if type_.signed else "lshr"
        return Value(build.binary(shift, convert(ctx, left, type_, node).operand, count, type_.bits, loc), type_)
    common = common_type(left.type, right.type)
    a, b = convert(ctx, left, common, node).operand, convert(ctx, right, common, node).operand
    if isinstance(common, FloatType):
        if op not in _FLOAT_OPS:
            ctx.input_error(f"'{op}' needs integers", node)
        return Value(build.float_binary(_FLOAT_OPS[op], a, b, common.bits, loc), common)  # type: ignore[arg-type]
    if op in ("/", "%"):
        division: IntOp = {("/", True): "sdiv", ("/", False): "udiv", ("%", True): "srem", ("%", False): "urem"}[
            op, common.signed
        ]  # type: ignore[assignment]
        return Value(build.binary(division, a, b, common.bits, loc), common)
    return Value(build.binary(_PLAIN[op], a, b, common.bits, loc), common)


def _pointer_arithmetic(ctx: Context, op: str, left: Value, right: Value, node: Any) -> Value:
    loc, build = ctx.loc(node), ctx.builder
    match op, left.type, right.type:
        case "+", IntType(), PointerType():
            return _pointer_arithmetic(ctx, op, right, left, node)
        case "+" | "-", PointerType(target), IntType():
            offset = offset_of(ctx, right, ctx.step(target, node), node)
            if op == "-":
                offset = build.binary("sub", Const(0, 64), offset, 64, loc)
            return Value(build.pointer_add(left.operand, offset, loc), left.type)
        case "-", PointerType(target), PointerType():
            distance = build.pointer_difference(left.operand, right.operand, loc)
            step = ctx.step(target, node)
            if step == 0:
                ctx.unsupported("the distance of pointers to objects without size", node)
            return Value(distance if step == 1 else build.binary("sdiv", distance, Const(step, 64), 64, loc), LONG)
    ctx.input_error(f"'{op}' does not apply to '{type_name(left.type)}' and '{type_name(right.type)}'", node)


def _comparison(ctx: Context, node: Any) -> Operand:
    left, right = rvalue(ctx, node.left), rvalue(ctx, node.right)
    name, loc = _COMPARISONS[node.op], ctx.loc(node)
    if not is_scalar(left.type) or not is_scalar(right.type):
        ctx.input_error(f"'{node.op}' does not apply to '{type_name(left.type)}' and '{type_name(right.type)}'", node)
    if isinstance(left.type, PointerType) or isinstance(right.type, PointerType):
        pointer = left.type if isinstance(left.type, PointerType) else right.type
        a, b = convert(ctx, left, pointer, node.left), convert(ctx, right, pointer, node.right)
        return ctx.builder.compare(_compare_op(name, signed=False), a.operand, b.operand, 64, "pointer", loc)
    assert isinstance(left.type, IntType | FloatType) and isinstance(right.type, IntType | FloatType)
    common = common_type(left.type, right.type)
    a, b = convert(ctx, left, common, node.left), convert(ctx, right, common, node.right)
    if isinstance(common, FloatType):
        return ctx.builder.float_compare(_compare_op(name, signed=True), a.operand, b.operand, common.bits, loc)
    return ctx.builder.compare(
        _compare_op(name, signed=common.signed), a.operand, b.operand, common.bits, kind_of(common), loc
    )


def _compare_op(name: str, *, signed: bool) -> CompareOp:
    return name if name in ("eq", "ne") else ("s" if signed else "u") + name  # type: ignore[return-value]


# --------------------------------------------------------------------------- assignment


def _assignment(ctx: Context, node: Any, *, used: bool) -> Value:
    if node.op == "=":
        # gcc, too, computes the value before the place: it matters where a call changes what the place depends on.
        right = rvalue(ctx, node.rvalue)
        target = place(ctx, node.lvalue)
        value = convert(ctx, right, _assignable(ctx, target, node), node.rvalue)
    else:
        right = rvalue(ctx, node.rvalue)
        target = place(ctx, node.lvalue)
        _assignable(ctx, target, node)
        computed = arithmetic(ctx, node.op[:-1], load(ctx, target, node.lvalue), right, node)
        value = convert(ctx, computed, target.type, node)
    store(ctx, target, value, node)
    return _stored(ctx, target, value, node) if used else VOID_VALUE


def _assignable(ctx: Context, target: Place, node: Any) -> CType:
    if isinstance(target.type, ArrayType | FunctionType | VoidType):
        ctx.input_error(f"'{type_name(target.type)}' cannot be assigned to", node)
    return target.type


def _stored(ctx: Context, target: Place, value: Value, node: Any) -> Value:
    """The value of an assignment: of a bit-field, what fits into it."""
    if target.bits is None:
        return value
    assert isinstance(target.type, IntType)
    bits, width, loc = target.type.bits, target.bits.width, ctx.loc(node)
    if 32 < width < bits:
        ctx.unsupported("reading a bit-field of 33 to 63 bits is not supported", node)
    distance = Const(bits - width, bits)
    raised = ctx.builder.binary("shl", value.operand, distance, bits, loc)
    operand = ctx.builder.binary("ashr" if target.type.signed else "lshr", raised, distance, bits, loc)
    return convert(ctx, Value(operand, target.type), conversions.field_type(target.type, width), node)


def _step(ctx: Context, node: Any, *, used: bool) -> Value:
    """++ and --; ``p++`` is the parser's name of the postfix operator."""
    target = place(ctx, node.expr)
    _assignable(ctx, target, node)
    old = load(ctx, target, node.expr)
    if isinstance(old.type, RecordType):
        ctx.input_error(f"'{node.op[-2:]}' does not apply to '{type_name(old.type)}'", node)
    one = Value(Const(1, 32), INT)
    new = convert(ctx, arithmetic(ctx, node.op[-1], old, one, node), target.type, node)
    store(ctx, target, new, node)
    if not used:
        return VOID_VALUE
    return old if node.op[0] == "p" else _stored(ctx, target, new, node)


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
            return offset + evaluate.constant_integer(ctx, node.subscript, "an index") * size_of(inner.element), inner.element
    ctx.unsupported("offsetof of this form is not supported", node)
