"""Calls: arguments, struct results, and the compiler's builtin functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from maestro_tool.frontend import evaluate, expressions, places
from maestro_tool.frontend.c_types import (
    INT,
    LONG,
    UCHAR,
    UINT,
    ULLONG,
    ULONG,
    USHORT,
    CType,
    FunctionType,
    IntType,
    PointerType,
    RecordType,
    VoidType,
    bits_of,
    is_scalar,
    kind_of,
    type_name,
)
from maestro_tool.frontend.context import Context, FunctionName, Value
from maestro_tool.frontend.conversions import VOID_VALUE, convert, default_promoted
from maestro_tool.frontend.ir import Const, FunctionAddress, Operand, Unreachable, ValueKind
from maestro_tool.frontend.parse import c_ast

# gcc knows these without a declaration.  NFs hash with the first.
_INTRINSICS = {
    "__builtin_ia32_crc32qi": FunctionType(UINT, (UINT, UCHAR), variadic=False),
    "__builtin_ia32_crc32hi": FunctionType(UINT, (UINT, USHORT), variadic=False),
    "__builtin_ia32_crc32si": FunctionType(UINT, (UINT, UINT), variadic=False),
    "__builtin_ia32_crc32di": FunctionType(ULLONG, (ULLONG, ULLONG), variadic=False),
    "__builtin_popcount": FunctionType(INT, (UINT,), variadic=False),
    "__builtin_popcountll": FunctionType(INT, (ULLONG,), variadic=False),
    "__builtin_clz": FunctionType(INT, (UINT,), variadic=False),
    "__builtin_clzll": FunctionType(INT, (ULLONG,), variadic=False),
    "__builtin_ctz": FunctionType(INT, (UINT,), variadic=False),
    "__builtin_ctzll": FunctionType(INT, (ULLONG,), variadic=False),
}
# Library functions under the compiler's name for them.
_LIBRARY = ("memcpy", "memmove", "memset", "memcmp", "strlen", "strcmp", "strncmp", "abort", "exit", "printf")


def is_expect(node: Any) -> bool:
    return isinstance(node.name, c_ast.ID) and node.name.name == "__builtin_expect" and len(_arguments(node)) == 2


def _arguments(node: Any) -> list[Any]:
    return [] if node.args is None else list(node.args.exprs)


def call(ctx: Context, node: Any) -> Value:
    if isinstance(node.name, c_ast.ID):
        name = node.name.name
        if name == "offsetof":
            return places.offset_in(ctx, node)
        builtin = _BUILTINS.get(name)
        if builtin is not None:
            return builtin(ctx, node)
        plain = name.removeprefix("__builtin_")
        if plain != name and plain in _LIBRARY and isinstance(ctx.lookup(plain), FunctionName):
            node.name.name = plain
        elif ctx.lookup(name) is None:
            if name not in _INTRINSICS:
                ctx.input_error(f"function '{name}' is not declared", node, "include the header that declares it")
            ctx.program.reference(ctx, FunctionAddress(name))
            return _call(ctx, FunctionAddress(name), _INTRINSICS[name], node)
    callee = expressions.rvalue(ctx, node.name)
    if not isinstance(callee.type, PointerType) or not isinstance(callee.type.target, FunctionType):
        ctx.input_error(f"'{type_name(callee.type)}' is not a function", node)
    return _call(ctx, callee.operand, callee.type.target, node)


def _call(ctx: Context, callee: Operand, type_: FunctionType, node: Any) -> Value:
    arguments = _arguments(node)
    given, wanted = len(arguments), len(type_.parameters)
    if type_.prototyped and (given < wanted or (given > wanted and not type_.variadic)):
        ctx.input_error(f"{given} arguments for a function that takes {wanted}", node)
    args: list[tuple[Operand, int, ValueKind]] = []
    for i, argument in enumerate(arguments):
        args.append(_argument(ctx, argument, type_.parameters[i] if i < wanted else None))
    loc, result = ctx.loc(node), type_.result
    if isinstance(result, RecordType):
        slot = ctx.builder.slot(ctx.size(result, node), ".result", type_name(result), loc)
        ctx.builder.call(callee, [(slot, 64, "pointer"), *args], 0, "int", loc)
        return Value(slot, result)
    operand = ctx.builder.call(callee, args, bits_of(result), kind_of(result), loc)
    return VOID_VALUE if isinstance(result, VoidType) else Value(operand, result)


def _argument(ctx: Context, node: Any, type_: CType | None) -> tuple[Operand, int, ValueKind]:
    if type_ is None:
        value = default_promoted(ctx, expressions.rvalue(ctx, node), node)
        if not is_scalar(value.type):
            ctx.unsupported(f"'{type_name(value.type)}' as an argument without a prototype", node)
    else:
        value = expressions.as_type(ctx, node, type_)
    if isinstance(value.type, RecordType):
        size = ctx.size(value.type, node)
        copy = ctx.builder.slot(size, ".argument", type_name(value.type), ctx.loc(node))
        ctx.builder.copy(copy, value.operand, size, ctx.loc(node))
        return copy, 64, "pointer"
    return value.operand, bits_of(value.type), kind_of(value.type)


# --------------------------------------------------------------------------- builtins


def _one(ctx: Context, node: Any, type_: CType) -> Value:
    arguments = _arguments(node)
    if len(arguments) != 1:
        ctx.input_error(f"{len(arguments)} arguments for a function that takes 1", node)
    return expressions.as_type(ctx, arguments[0], type_)


def _expect(ctx: Context, node: Any) -> Value:
    if not is_expect(node):
        ctx.input_error("__builtin_expect takes 2 arguments", node)
    return expressions.as_type(ctx, node.args.exprs[0], LONG)


def _unreachable(ctx: Context, node: Any) -> Value:
    ctx.builder.terminate(Unreachable(ctx.loc(node)))
    return VOID_VALUE


def _trap(ctx: Context, node: Any) -> Value:
    ctx.program.reference(ctx, FunctionAddress("abort"))
    ctx.builder.call(FunctionAddress("abort"), [], 0, "int", ctx.loc(node))
    return VOID_VALUE


def _constant_p(ctx: Context, node: Any) -> Value:
    if len(_arguments(node)) == 1 and evaluate.try_constant_integer(ctx, _arguments(node)[0]) is not None:
        return Value(Const(1, 32), INT)
    ctx.unsupported("what __builtin_constant_p gives depends on the compiler's optimisations here", node)


def _swap(type_: IntType) -> Callable[[Context, Any], Value]:
    """Byte order reversed, as shifts."""

    def swap(ctx: Context, node: Any) -> Value:
        value, bits, loc = _one(ctx, node, type_), type_.bits, ctx.loc(node)
        build = ctx.builder
        result: Operand = Const(0, bits)
        for byte in range(0, bits, 8):
            moved = build.binary("lshr", value.operand, Const(byte, bits), bits, loc) if byte else value.operand
            if byte != bits - 8:
                moved = build.binary("and", moved, Const(0xFF, bits), bits, loc)
            place = bits - 8 - byte
            moved = build.binary("shl", moved, Const(place, bits), bits, loc) if place else moved
            result = moved if byte == 0 else build.binary("or", result, moved, bits, loc)
        return convert(ctx, Value(result, type_), type_, node)

    return swap


def _refused(message: str) -> Callable[[Context, Any], Value]:
    def refuse(ctx: Context, node: Any) -> Value:
        ctx.unsupported(message, node)

    return refuse


_BUILTINS: dict[str, Callable[[Context, Any], Value]] = {
    "__builtin_expect": _expect,
    "__builtin_unreachable": _unreachable,
    "__builtin_trap": _trap,
    "__builtin_constant_p": _constant_p,
    "__builtin_bswap16": _swap(USHORT),
    "__builtin_bswap32": _swap(UINT),
    "__builtin_bswap64": _swap(ULONG),
    **{
        name: _refused(f"{name} is not supported")
        for name in ("alloca", "__builtin_alloca", "setjmp", "longjmp", "__builtin_va_start", "va_start")
    },
}
