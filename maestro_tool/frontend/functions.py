"""One function definition -> `Function`."""

from __future__ import annotations

from typing import Any

from maestro_tool.frontend import statements
from maestro_tool.frontend.builder import Builder
from maestro_tool.frontend.c_types import FunctionType, RecordType, VoidType, bits_of, kind_of, size_of, type_name
from maestro_tool.frontend.context import Context, FunctionState, Place, Value, Variable
from maestro_tool.frontend.conversions import store
from maestro_tool.frontend.ir import Const, Function, Parameter, Return, Temp, Terminator, Unreachable
from maestro_tool.frontend.parse import c_ast


def lower(ctx: Context, node: Any, name: str, type_: FunctionType) -> Function:
    """``ctx`` is at file scope and is left so."""
    loc = ctx.loc(node)
    parameters = _parameters(ctx, node, type_)
    by_pointer = isinstance(type_.result, RecordType)
    if not isinstance(type_.result, VoidType):
        ctx.size(type_.result, node)
    ctx.builder = Builder(len(parameters))
    ctx.function = FunctionState(name, node.decl.name, type_, Temp(0) if by_pointer else None, _jumps_over(node.body))
    with ctx.scope():
        _receive(ctx, node, type_, first=int(by_pointer))
        for child in node.body.block_items or ():
            statements.statement(ctx, child)
    for label, use in ctx.function.label_uses:
        if label not in ctx.function.defined_labels:
            ctx.input_error(f"label '{label}' is not defined", use)
    blocks = ctx.builder.finish(_end(type_, node.decl.name, loc))
    ctx.function = None
    value_type = None if by_pointer else type_.result
    return Function(
        name=name,
        parameters=parameters,
        result_bits=0 if value_type is None else bits_of(value_type),
        result_kind="int" if value_type is None else kind_of(value_type),
        blocks=blocks,
        loc=loc,
    )


def _parameters(ctx: Context, node: Any, type_: FunctionType) -> tuple[Parameter, ...]:
    names = [p.name for p in _nodes(node)]
    result = [
        Parameter(name or f".{i}", bits_of(t), kind_of(t), type_name(t))
        for i, (name, t) in enumerate(zip(names, type_.parameters, strict=True))
    ]
    if isinstance(type_.result, RecordType):
        result.insert(0, Parameter(".result", 64, "pointer", f"{type_name(type_.result)} *"))
    return tuple(result)


def _nodes(node: Any) -> list[Any]:
    """The parameters' declarations; none for ``(void)``."""
    args = node.decl.type.args
    nodes = [] if args is None else [p for p in args.params if not isinstance(p, c_ast.EllipsisParam)]
    if len(nodes) == 1 and isinstance(nodes[0], c_ast.Typename) and nodes[0].name is None:
        inner = nodes[0].type
        if isinstance(inner, c_ast.TypeDecl) and getattr(inner.type, "names", None) == ["void"]:
            return []
    return nodes


def _receive(ctx: Context, node: Any, type_: FunctionType, first: int) -> None:
    """Parameters become variables; a struct already lies in the copy that the caller made."""
    for i, (declared, param) in enumerate(zip(_nodes(node), type_.parameters, strict=True)):
        if declared.name is None:
            continue
        value = Temp(first + i)
        if isinstance(param, RecordType):
            ctx.size(param, declared)
            ctx.declare(declared.name, Variable(value, param))
            continue
        loc = ctx.loc(declared)
        address = ctx.builder.alloca(size_of(param), declared.name, type_name(param), loc)
        ctx.declare(declared.name, Variable(address, param))
        store(ctx, Place(address, param), Value(value, param), declared)


def _jumps_over(node: Any) -> bool:
    """Whether there are labels or cases, by which control may enter a block behind its declarations."""
    work = [node]
    while work:
        child = work.pop()
        if isinstance(child, c_ast.Label | c_ast.Switch):
            return True
        work.extend(child)
    return False


def _end(type_: FunctionType, c_name: str, loc: int) -> Terminator:
    if isinstance(type_.result, VoidType | RecordType):
        return Return(None, loc) if isinstance(type_.result, VoidType) else Unreachable(loc)
    return Return(Const(0, 32), loc) if c_name == "main" else Unreachable(loc)
