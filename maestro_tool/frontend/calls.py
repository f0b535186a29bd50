"""Calls: arguments, struct results, and the compiler's builtin functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from maestro_tool.frontend import declarations, evaluate, expressions, layout, places
from maestro_tool.frontend.c_types import (
    INT,
    LLONG,
    LONG,
    UCHAR,
    UINT,
    ULLONG,
    ULONG,
    USHORT,
    VOID,
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
from maestro_tool.frontend.context import Context, FunctionName, Place, Value
from maestro_tool.frontend.conversions import VOID_VALUE, convert, default_promoted, load
from maestro_tool.frontend.ir import Const, FunctionAddress, Operand, Unreachable, ValueKind
from maestro_tool.frontend.parse import c_ast
from maestro_tool.frontend.unknown import hint

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
    "__builtin_popcountl": FunctionType(INT, (ULONG,), variadic=False),
    "__builtin_clzl": FunctionType(INT, (ULONG,), variadic=False),
    "__builtin_ctzl": FunctionType(INT, (ULONG,), variadic=False),
    "__builtin_ffs": FunctionType(INT, (INT,), variadic=False),
    "__builtin_ffsll": FunctionType(INT, (LLONG,), variadic=False),
    "__builtin_parity": FunctionType(INT, (UINT,), variadic=False),
    "__builtin_parityll": FunctionType(INT, (ULLONG,), variadic=False),
    "__sync_synchronize": FunctionType(VOID, (), variadic=False),
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
            if ctx.program.is_static(ctx, plain):
                ctx.unsupported(f"'{name}' is the library's, and '{plain}' another here", node, f"call '{plain}'")
            node.name.name = plain
        elif ctx.lookup(name) is None:
            if name.startswith(("__sync_", "__atomic_")):
                ctx.unsupported(f"'{name}' is not supported: an NF is sequential", node, "write the plain operation")
            if name not in _INTRINSICS:
                ctx.input_error(f"function '{name}' is not declared", node, hint("macro", name))
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
    ctx.unsupported(
        "what __builtin_constant_p gives depends on the compiler's optimisations here",
        node,
        "write the case that is meant",
    )


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


# A va_list holds, in overflow_arg_area, where the next argument is: each has 8 bytes, as on the stack of the ABI.
_VA_NEXT, _VA_STEP = 8, 8


def _va_list(ctx: Context, node: Any, index: int = 0) -> Operand:
    """Where the va_list that is argument ``index`` keeps its pointer; it is an array, or a parameter."""
    arguments = _arguments(node)
    value = expressions.rvalue(ctx, arguments[index]) if index < len(arguments) else VOID_VALUE
    if not isinstance(value.type, PointerType):
        ctx.input_error(f"argument {index + 1} is no va_list", node)
    return ctx.builder.pointer_add(value.operand, Const(_VA_NEXT, 64), ctx.loc(node))


def _va_start(ctx: Context, node: Any) -> Value:
    if ctx.function is None or not ctx.function.type.variadic:
        ctx.input_error("va_start in a function without a variable argument list", node)
    place, loc = _va_list(ctx, node), ctx.loc(node)
    name = FunctionAddress("__builtin_va_start")
    ctx.program.reference(ctx, name)
    first = ctx.builder.call(name, [], 64, "pointer", loc)
    ctx.builder.store(place, first, 64, "pointer", loc)
    return VOID_VALUE


def _va_end(ctx: Context, node: Any) -> Value:
    return VOID_VALUE


def _va_copy(ctx: Context, node: Any) -> Value:
    target, source = (_va_list(ctx, node, i) for i in range(2))
    following = ctx.builder.load(source, 64, "pointer", ctx.loc(node))
    ctx.builder.store(target, following, 64, "pointer", ctx.loc(node))
    return VOID_VALUE


def _va_arg(ctx: Context, node: Any) -> Value:
    type_ = declarations.type_named(ctx, _arguments(node)[1])
    if not is_scalar(type_) or bits_of(type_) < INT.bits:
        ctx.unsupported(f"'{type_name(type_)}' from a variable argument list is not supported", node, "pass a pointer")
    place, loc = _va_list(ctx, node), ctx.loc(node)
    here = ctx.builder.load(place, 64, "pointer", loc)
    ctx.builder.store(place, ctx.builder.pointer_add(here, Const(_VA_STEP, 64), loc), 64, "pointer", loc)
    return load(ctx, Place(here, type_), node)


def _key(ctx: Context, node: Any) -> Value:
    """``MAESTRO_KEY(p)`` of the runtime's maestro_key.h: ``p``, after the padding of what it points to became 0."""
    arguments = _arguments(node)
    value = expressions.rvalue(ctx, arguments[0]) if len(arguments) == 1 else VOID_VALUE
    if not isinstance(value.type, PointerType):
        ctx.input_error("the key is no pointer", node)
    target, loc = value.type.target, ctx.loc(node)
    if isinstance(target, RecordType) and target.layout is not None:
        if layout.has_bit_fields(target):
            ctx.unsupported(f"a key with bit-fields ('{type_name(target)}')", node, "use whole members")
        for offset, size in layout.padding(target):
            ctx.builder.zero(ctx.builder.pointer_add(value.operand, Const(offset, 64), loc), size, loc)
    return value


def _refused(message: str, hint: str) -> Callable[[Context, Any], Value]:
    def refuse(ctx: Context, node: Any) -> Value:
        ctx.unsupported(message, node, hint)

    return refuse


_BUILTINS: dict[str, Callable[[Context, Any], Value]] = {
    "__builtin_expect": _expect,
    "__builtin_unreachable": _unreachable,
    "__builtin_trap": _trap,
    "__builtin_va_start": _va_start,
    "__builtin_va_end": _va_end,
    "__builtin_va_copy": _va_copy,
    "__builtin_va_arg": _va_arg,
    "__builtin_constant_p": _constant_p,
    "__builtin_maestro_key": _key,
    "__builtin_bswap16": _swap(USHORT),
    "__builtin_bswap32": _swap(UINT),
    "__builtin_bswap64": _swap(ULONG),
    **{
        n: _refused(f"{n} is not supported", "use an array of the largest size") for n in ("alloca", "__builtin_alloca")
    },
    **{n: _refused(f"{n} is not supported", "return from each function") for n in ("setjmp", "longjmp")},
}
