"""Expressions that are evaluated by the compiler: constants, and operands of which only the type counts."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from maestro_tool.frontend import expressions, fold, places
from maestro_tool.frontend.builder import Builder, ConstantBuilder, NotConstantError
from maestro_tool.frontend.c_types import CType, IntType
from maestro_tool.frontend.context import Context
from maestro_tool.frontend.ir import Const
from maestro_tool.frontend.parse import c_ast


def type_of(ctx: Context, node: Any) -> CType:
    """Type of an expression that is not evaluated; arrays and functions do not decay."""
    with ctx.building(Builder(), scratch=True):
        place = places.try_place(ctx, node)
        return place.type if place is not None else expressions.rvalue(ctx, node).type


def decayed_type_of(ctx: Context, node: Any) -> CType:
    """Type of the value of an expression that is not evaluated."""
    with ctx.building(Builder(), scratch=True):
        return expressions.rvalue(ctx, node).type


def may_do_something(node: Any) -> bool:
    """Whether evaluating it twice may differ from evaluating it once."""
    steps = isinstance(node, c_ast.UnaryOp) and node.op in ("p++", "p--", "++", "--")
    if steps or isinstance(node, c_ast.Assignment | c_ast.FuncCall | c_ast.Compound):
        return True
    return any(may_do_something(child) for _, child in node.children())


def constants_only(ctx: Context) -> AbstractContextManager[None]:
    """Within: expressions are constant, or `NotConstantError`."""
    return ctx.building(ConstantBuilder(), scratch=False)


def constant_integer(ctx: Context, node: Any, what: str) -> int:
    """Value of an integer constant expression; ``what`` it is used as, for the error."""
    value = try_constant_integer(ctx, node)
    if value is None:
        ctx.input_error(f"{what} is not an integer constant", node)
    return value


def try_constant_integer(ctx: Context, node: Any) -> int | None:
    """None if the expression is not an integer constant."""
    try:
        with constants_only(ctx):
            value = expressions.rvalue(ctx, node)
    except NotConstantError:
        return None
    if not isinstance(value.operand, Const) or not isinstance(value.type, IntType):
        return None
    number = int(value.operand.value)
    return fold.signed(number, value.type.bits) if value.type.signed else number
