"""The typed program as text: what tests compare and ``python -m maestro_tool.frontend`` prints."""

from __future__ import annotations

from collections.abc import Iterator

from maestro_tool.frontend import ir
from maestro_tool.frontend.ir import Operand, Program


def show(program: Program, *, structs: bool = True) -> str:
    """Structs, globals, functions; no locations."""
    parts: list[str] = []
    if structs:
        parts += [_struct(s) for s in program.structs.values()]
    parts += [_global(g) for g in program.globals.values()]
    if program.externals:
        parts.append("extern " + ", ".join(program.externals))
    parts += [show_function(f) for f in program.functions.values()]
    return "\n".join(parts) + "\n"


def show_function(function: ir.Function) -> str:
    parameters = ", ".join(f"%{i} {p.name}: {_width(p.bits, p.kind)}" for i, p in enumerate(function.parameters))
    result = f" -> {_width(function.result_bits, function.result_kind)}" if function.result_bits else ""
    lines = [f"function {function.name}({parameters}){result} {{"]
    for number, block in enumerate(function.blocks):
        lines.append(f"b{number}:")
        lines += [f"  {instruction(i)}" for i in block.instructions]
        lines.append(f"  {terminator(block.terminator)}")
    return "\n".join([*lines, "}"])


def _struct(layout: ir.StructLayout) -> str:
    fields = "".join(f"\n  {f.offset}: {f.name} {f.size} bytes, {f.type_name}" for f in layout.fields)
    return f"{layout.name}: {layout.size} bytes, aligned to {layout.align}{fields}"


def _global(g: ir.Global) -> str:
    words = [w for w, said in (("const", g.const), ("extern", not g.defined), (g.scope, True)) if said]
    initial = "".join(f"\n  {i.offset}: {_initial(i)}" for i in g.initial)
    return f"global {g.name}: {g.size} bytes, {g.type_name} [{' '.join(words)}]{initial}"


def _initial(i: ir.Initial) -> str:
    if isinstance(i.value, bytes):
        return repr(i.value)[1:]
    return operand(i.value) + (f" + {i.addend}" if i.addend else "")


def operand(value: Operand) -> str:
    match value:
        case ir.Temp(id):
            return f"%{id}"
        case ir.Const(number, bits):
            return f"{number}:{'f' if isinstance(number, float) else 'i'}{bits}"
        case ir.GlobalAddress(name):
            return f"@{name}"
        case ir.FunctionAddress(name):
            return f"&{name}"
    return "null"


def _width(bits: int, kind: ir.ValueKind) -> str:
    return "ptr" if kind == "pointer" else f"{'f' if kind == 'float' else 'i'}{bits}"


def instruction(i: ir.Instruction) -> str:
    o = operand
    match i:
        case ir.Alloca():
            return f"%{i.dst} = alloca {i.size} {i.name}: {i.type_name}"
        case ir.Load():
            return f"%{i.dst} = load {_width(i.bits, i.kind)} {o(i.address)}"
        case ir.Store():
            return f"store {_width(i.bits, i.kind)} {o(i.address)}, {o(i.value)}"
        case ir.LoadBits():
            sign = "signed" if i.signed else "unsigned"
            return f"%{i.dst} = load bits {i.bit}+{i.width} of i{i.unit} {o(i.address)} {sign} i{i.bits}"
        case ir.StoreBits():
            return f"store bits {i.bit}+{i.width} of i{i.unit} {o(i.address)}, {o(i.value)} i{i.bits}"
        case ir.CopyMemory():
            return f"copy {i.size} {o(i.destination)}, {o(i.source)}"
        case ir.ZeroMemory():
            return f"zero {i.size} {o(i.destination)}"
        case ir.Binary():
            return f"%{i.dst} = {i.op} i{i.bits} {o(i.left)}, {o(i.right)}"
        case ir.Compare():
            return f"%{i.dst} = {i.op} {_width(i.bits, i.kind)} {o(i.left)}, {o(i.right)}"
        case ir.Cast() | ir.FloatCast():
            return f"%{i.dst} = {i.op} {o(i.value)} i{i.from_bits} to i{i.to_bits}"
        case ir.FloatBinary() | ir.FloatCompare():
            return f"%{i.dst} = {'' if i.op[0] == 'f' else 'f'}{i.op} f{i.bits} {o(i.left)}, {o(i.right)}"
        case ir.PointerAdd():
            return f"%{i.dst} = {o(i.base)} + {o(i.offset)}"
        case ir.PointerDifference():
            return f"%{i.dst} = {o(i.left)} - {o(i.right)}"
        case ir.Call():
            args = ", ".join(f"{_width(b, k)} {o(a)}" for a, b, k in zip(i.args, i.arg_bits, i.arg_kinds, strict=True))
            result = f"%{i.dst} = {_width(i.result_bits, i.result_kind)} " if i.dst is not None else ""
            return f"{result}call {o(i.callee)}({args})"


def terminator(t: ir.Terminator) -> str:
    match t:
        case ir.Jump(target):
            return f"jump b{target}"
        case ir.Branch(condition, then, otherwise, loop):
            return f"branch{' loop' if loop else ''} {operand(condition)}, b{then}, b{otherwise}"
        case ir.Switch(value, bits, cases, default):
            return f"switch i{bits} {operand(value)}{''.join(_cases(cases))} else b{default}"
        case ir.Return(value):
            return "return" if value is None else f"return {operand(value)}"
        case ir.Unreachable():
            return "unreachable"


def _cases(cases: tuple[tuple[int, int], ...]) -> Iterator[str]:
    for value, block in cases:
        yield f" {value}: b{block},"
