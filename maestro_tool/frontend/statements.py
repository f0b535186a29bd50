"""Statements and declarations inside functions -> blocks."""

from __future__ import annotations

from typing import Any

from maestro_tool.frontend import declarations, evaluate, expressions, initialisers
from maestro_tool.frontend.c_types import (
    ArrayType,
    FunctionType,
    IntType,
    RecordType,
    VoidType,
    is_scalar,
    promote,
    type_name,
    widened,
)
from maestro_tool.frontend.context import Context, FunctionState, Place, SwitchState, Typedef, Value, Variable
from maestro_tool.frontend.conversions import VOID_VALUE, promoted, store
from maestro_tool.frontend.ir import Const, Return, Switch
from maestro_tool.frontend.parse import c_ast


def statement(ctx: Context, node: Any) -> None:
    match node:
        case None | c_ast.EmptyStatement() | c_ast.Pragma():
            return
        case c_ast.Compound():
            with ctx.scope():
                for child in node.block_items or ():
                    statement(ctx, child)
        case c_ast.Decl():
            _declaration(ctx, node)
        case c_ast.DeclList():
            for child in node.decls:
                statement(ctx, child)
        case c_ast.Typedef():
            define_type(ctx, node)
        case c_ast.StaticAssert():
            declarations.static_assert(ctx, node)
        case c_ast.If():
            _if(ctx, node)
        case c_ast.While() | c_ast.DoWhile() | c_ast.For():
            _loop(ctx, node)
        case c_ast.Switch():
            _switch(ctx, node)
        case c_ast.Case() | c_ast.Default():
            _case(ctx, node)
        case c_ast.Return():
            _return(ctx, node)
        case c_ast.Break() | c_ast.Continue():
            _leave(ctx, node)
        case c_ast.Goto():
            _function(ctx).label_uses.append((node.name, node))
            ctx.builder.jump(_label(ctx, node.name), ctx.loc(node))
        case c_ast.Label():
            _labelled(ctx, node)
        case c_ast.FuncDef():
            ctx.unsupported("functions inside functions are not supported", node)
        case _:
            expressions.effect(ctx, node)


def _function(ctx: Context) -> FunctionState:
    if ctx.function is None:
        raise AssertionError("a statement outside of a function")
    return ctx.function


def statement_expression(ctx: Context, node: Any) -> Value:
    """``({ ... })``: its value is that of the last expression statement."""
    if ctx.function is None:
        ctx.input_error("a statement expression outside of a function", node)
    items = [i for i in node.block_items or () if not isinstance(i, c_ast.Pragma | c_ast.EmptyStatement)]
    with ctx.scope():
        for child in items[:-1]:
            statement(ctx, child)
        if not items:
            return VOID_VALUE
        if _is_statement(items[-1]):
            statement(ctx, items[-1])
            return VOID_VALUE
        return expressions.rvalue(ctx, items[-1])


_STATEMENTS = (
    c_ast.Decl, c_ast.DeclList, c_ast.Typedef, c_ast.StaticAssert, c_ast.If, c_ast.While, c_ast.DoWhile, c_ast.For,
    c_ast.Switch, c_ast.Case, c_ast.Default, c_ast.Return, c_ast.Break, c_ast.Continue, c_ast.Goto, c_ast.Label,
)  # fmt: skip


def _is_statement(node: Any) -> bool:
    # A block and a statement expression look alike; as the last item only the latter has a value.
    return isinstance(node, _STATEMENTS)


# --------------------------------------------------------------------------- declarations


def define_type(ctx: Context, node: Any) -> None:
    type_, const = declarations.declared_type(ctx, node, hint=node.name)
    ctx.declare(node.name, Typedef(type_, const))


def _declaration(ctx: Context, node: Any) -> None:
    if node.name is None:
        if isinstance(node.type, c_ast.Struct | c_ast.Union) and node.type.decls is None:
            declarations.forward_declare(ctx, node.type)
        else:
            declarations.declared_type(ctx, node)
        return
    if isinstance(node.type, c_ast.TypeDecl) and isinstance(node.type.type, c_ast.InferredType):
        type_ = evaluate.decayed_type_of(ctx, node.init)  # __auto_type
        type_, const = widened(type_) if isinstance(type_, IntType) else type_, "const" in node.quals
    else:
        type_, const = declarations.declared_type(ctx, node)
    if isinstance(type_, FunctionType) or "extern" in node.storage:
        ctx.program.declare_external(ctx, node, type_, const)
        return
    if isinstance(type_, VoidType):
        ctx.input_error(f"variable '{node.name}' is void", node)
    if node.name in ctx.scopes[-1].names:
        ctx.input_error(f"'{node.name}' is declared twice in this block", node)
    if "static" in node.storage:
        ctx.program.static_local(ctx, node, type_, const)
        return
    items: list[initialisers.Item] = []
    if node.init is not None and isinstance(type_, ArrayType) and type_.length is None:
        type_, items = initialisers.items_of(ctx, type_, node.init)
    size, loc = ctx.size(type_, node), ctx.loc(node)
    allocate = ctx.builder.slot if _function(ctx).hoist else ctx.builder.alloca
    address = allocate(size, node.name, type_name(type_), loc)
    ctx.declare(node.name, Variable(address, type_))  # visible in its own initialiser
    if node.init is None:
        return
    if is_scalar(type_) and not isinstance(node.init, c_ast.InitList):
        store(ctx, Place(address, type_), expressions.as_type(ctx, node.init, type_), node)
        return
    if not items:
        _, items = initialisers.items_of(ctx, type_, node.init)
    initialisers.initialise_local(ctx, Place(address, type_), items, node.init)


# --------------------------------------------------------------------------- control flow


def _if(ctx: Context, node: Any) -> None:
    build, loc = ctx.builder, ctx.loc(node)
    yes, join = build.new_block(), build.new_block()
    no = build.new_block() if node.iffalse is not None else join
    expressions.branch_on(ctx, node.cond, yes, no)
    for block, child in ((yes, node.iftrue), (no, node.iffalse)):
        if block != join:
            build.at(block)
            with ctx.scope():
                statement(ctx, child)
            build.jump(join, loc)
    build.at(join)


def _loop(ctx: Context, node: Any) -> None:
    build, loc, function = ctx.builder, ctx.loc(node), _function(ctx)
    with ctx.scope():
        if isinstance(node, c_ast.For) and node.init is not None:
            statement(ctx, node.init)
        test, body, following, end = (build.new_block() for _ in range(4))
        build.jump(body if isinstance(node, c_ast.DoWhile) else test, loc)
        build.at(test)
        if node.cond is None:
            build.jump(body, loc)
        else:
            expressions.branch_on(ctx, node.cond, body, end, loop=True)
        build.at(body)
        function.breaks.append(end)
        function.continues.append(following)
        with ctx.scope():
            statement(ctx, node.stmt)
        function.breaks.pop()
        function.continues.pop()
        build.jump(following, loc)
        build.at(following)
        if isinstance(node, c_ast.For) and node.next is not None:
            expressions.effect(ctx, node.next)
        build.jump(test, loc)
        build.at(end)


def _switch(ctx: Context, node: Any) -> None:
    build, loc, function = ctx.builder, ctx.loc(node), _function(ctx)
    value = promoted(ctx, expressions.rvalue(ctx, node.cond), node.cond)
    if not isinstance(value.type, IntType):
        ctx.input_error(f"switch over '{type_name(value.type)}'", node)
    state = SwitchState(promote(value.type))
    end = build.new_block()
    dispatch = build.start_dispatch()
    function.switches.append(state)
    function.breaks.append(end)
    with ctx.scope():
        statement(ctx, node.stmt)
    function.breaks.pop()
    function.switches.pop()
    build.jump(end, loc)
    bits = state.type.bits
    default = end if state.default is None else state.default
    for first, last, block in reversed(state.ranges):
        test = build.new_block()
        build.at(test)
        distance = build.binary("sub", value.operand, Const(first, bits), bits, loc)
        inside = build.compare("ule", distance, Const((last - first) % (1 << bits), bits), bits, "int", loc)
        build.branch(inside, block, default, loc)
        default = test
    build.switch_from(dispatch, Switch(value.operand, bits, tuple(state.cases.items()), default, loc))
    build.at(end)


def _case(ctx: Context, node: Any) -> None:
    function = _function(ctx)
    if not function.switches:
        ctx.input_error("case outside of a switch", node)
    state, build = function.switches[-1], ctx.builder
    block = build.new_block()
    if isinstance(node, c_ast.Default):
        if state.default is not None:
            ctx.input_error("a second default in this switch", node)
        state.default = block
    else:
        _add_case(ctx, state, node, block)
    build.jump(block, ctx.loc(node))
    build.at(block)
    for child in node.stmts or ():
        statement(ctx, child)


def _add_case(ctx: Context, state: SwitchState, node: Any, block: int) -> None:
    bounds = (node.expr.left, node.expr.right) if _is_range(node.expr) else (node.expr,)
    values = [evaluate.constant_integer(ctx, b, "the value of a case") for b in bounds]
    first, last = (v % (1 << state.type.bits) for v in (values[0], values[-1]))
    if values[-1] < values[0]:
        return  # an empty range, which gcc warns about
    size = values[-1] - values[0]
    taken = [(v, v) for v in state.cases] + [(a, b) for a, b, _ in state.ranges]
    for a, b in taken:
        inside = (a - first) % (1 << state.type.bits) <= size
        if inside or (first - a) % (1 << state.type.bits) <= (b - a) % (1 << state.type.bits):
            ctx.input_error("a second case of this value", node)
    if size:
        state.ranges.append((first, last, block))
    else:
        state.cases[first] = block


def _is_range(node: Any) -> bool:
    return isinstance(node, c_ast.BinaryOp) and node.op == "..."


def _return(ctx: Context, node: Any) -> None:
    function, loc = _function(ctx), ctx.loc(node)
    result = function.type.result
    if node.expr is None:
        if not isinstance(result, VoidType):
            ctx.input_error("a return without a value in a function that has one", node)
        ctx.builder.terminate(Return(None, loc))
    elif isinstance(result, VoidType):
        if not isinstance(evaluate.decayed_type_of(ctx, node.expr), VoidType):
            ctx.input_error("a value is returned from a function that has none", node)
        expressions.effect(ctx, node.expr)
        ctx.builder.terminate(Return(None, loc))
    else:
        value = expressions.as_type(ctx, node.expr, result)
        if isinstance(result, RecordType):
            assert function.result_address is not None
            store(ctx, Place(function.result_address, result), value, node)
            ctx.builder.terminate(Return(None, loc))
        else:
            ctx.builder.terminate(Return(value.operand, loc))


def _leave(ctx: Context, node: Any) -> None:
    targets = _function(ctx).breaks if isinstance(node, c_ast.Break) else _function(ctx).continues
    if not targets:
        ctx.input_error("break or continue outside of a loop", node)
    ctx.builder.jump(targets[-1], ctx.loc(node))


def _label(ctx: Context, name: str) -> int:
    labels = _function(ctx).labels
    if name not in labels:
        labels[name] = ctx.builder.new_block()
    return labels[name]


def _labelled(ctx: Context, node: Any) -> None:
    function = _function(ctx)
    if node.name in function.defined_labels:
        ctx.input_error(f"a second label '{node.name}'", node)
    function.defined_labels.add(node.name)
    block = _label(ctx, node.name)
    ctx.builder.jump(block, ctx.loc(node))
    ctx.builder.at(block)
    statement(ctx, node.stmt)
