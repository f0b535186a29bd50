"""Runs a typed program on concrete values: flat memory, addresses are integers.

Independent of the lowering and of symbolic execution; what it prints is compared with what gcc's program prints.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from maestro_tool.frontend import ir

FUNCTION_BASE = 0x1000  # functions are at 0x1000, 0x1010 ...
MEMORY_BASE = 0x100000


class Interpreter:
    """``output``: what the program passed to ``out``."""

    def __init__(self, program: ir.Program, step_limit: int = 2_000_000) -> None:
        self.program = program
        self.steps = step_limit
        self.output: list[int] = []
        self.variable_arguments: list[int] = []  # of the active calls: where they lie
        self.memory = bytearray()
        names = [*program.functions, *program.externals]
        self.function_at = {FUNCTION_BASE + 16 * i: n for i, n in enumerate(names)}
        self.address_of_function = {n: a for a, n in self.function_at.items()}
        self.globals = {n: self.allocate(g.size, 0) for n, g in program.globals.items()}
        for name, found in program.globals.items():
            for initial in found.initial:
                self._initialise(self.globals[name] + initial.offset, initial)

    def _initialise(self, address: int, initial: ir.Initial) -> None:
        match initial.value:
            case bytes():
                self.write(address, initial.value)
            case ir.Const(value, bits):
                self.store(address, value, bits)
            case _:
                self.store(address, self.value({}, initial.value) + initial.addend, 64)

    # ------------------------------------------------------------------ memory

    def allocate(self, size: int, fill: int = 0xA5) -> int:
        self.memory += bytes([fill]) * (size + 16)  # a gap, so that an overrun hits nothing by chance
        return MEMORY_BASE + len(self.memory) - size - 16

    def read(self, address: int, size: int) -> bytes:
        start = address - MEMORY_BASE
        assert start in range(len(self.memory) - size + 1), f"read of {size} bytes at {address:#x}"
        return bytes(self.memory[start : start + size])

    def write(self, address: int, data: bytes) -> None:
        start = address - MEMORY_BASE
        assert start in range(len(self.memory) - len(data) + 1), f"write of {len(data)} bytes at {address:#x}"
        self.memory[start : start + len(data)] = data

    def load(self, address: int, bits: int, kind: ir.ValueKind) -> int | float:
        data = self.read(address, bits // 8)
        return (
            struct.unpack("<f" if bits == 32 else "<d", data)[0] if kind == "float" else int.from_bytes(data, "little")
        )

    def store(self, address: int, value: int | float, bits: int) -> None:
        if isinstance(value, float):
            self.write(address, struct.pack("<f" if bits == 32 else "<d", value))
        else:
            assert 0 <= value < 1 << bits, f"{value} is not a value of {bits} bits"
            self.write(address, value.to_bytes(bits // 8, "little"))

    # ------------------------------------------------------------------ execution

    def value(self, temps: dict[int, int | float], operand: ir.Operand) -> int | float:
        match operand:
            case ir.Temp(number):
                return temps[number]
            case ir.Const(value, bits):
                assert isinstance(value, float) or 0 <= value < 1 << bits
                return value
            case ir.GlobalAddress(name):
                return self.globals[name]
            case ir.FunctionAddress(name):
                return self.address_of_function[name]
        return 0

    def call(self, name: str, args: list[int | float]) -> int | float | None:
        function = self.program.functions.get(name)
        if name == "__builtin_va_start":
            return self.variable_arguments[-1]
        if function is None:
            return EXTERNALS[name](self, args)
        count = len(function.parameters)
        assert len(args) >= count, name
        rest = args[count:]
        self.variable_arguments.append(self.allocate(8 * len(rest)))
        for i, value in enumerate(rest):
            self.store(self.variable_arguments[-1] + 8 * i, value, 64)
        try:
            return self.run(function, args)
        finally:
            self.variable_arguments.pop()

    def run(self, function: ir.Function, args: list[int | float]) -> int | float | None:
        temps: dict[int, int | float] = dict(enumerate(args[: len(function.parameters)]))
        block = function.blocks[0]
        while True:
            for instruction in block.instructions:
                self.steps -= 1
                assert self.steps > 0, "the program does not end"
                self.execute(temps, instruction)
            match block.terminator:
                case ir.Jump(target):
                    block = function.blocks[target]
                case ir.Branch(condition, then, otherwise):
                    chosen = self.value(temps, condition)
                    assert chosen in (0, 1)
                    block = function.blocks[then if chosen else otherwise]
                case ir.Switch(operand, bits, cases, default):
                    value = self.value(temps, operand)
                    assert all(0 <= c < 1 << bits for c, _ in cases)
                    block = function.blocks[dict(cases).get(value, default)]
                case ir.Return(operand):
                    return None if operand is None else self.value(temps, operand)
                case ir.Unreachable():
                    return 0xDEAD

    def execute(self, temps: dict[int, int | float], i: ir.Instruction) -> None:
        def val(operand: ir.Operand) -> int | float:
            return self.value(temps, operand)

        match i:
            case ir.Alloca():
                temps[i.dst] = self.allocate(i.size)
            case ir.Load():
                temps[i.dst] = self.load(val(i.address), i.bits, i.kind)
            case ir.Store():
                self.store(val(i.address), val(i.value), i.bits)
            case ir.LoadBits():
                assert i.unit % 8 == 0 and i.bit + i.width <= i.unit
                word = int.from_bytes(self.read(val(i.address), i.unit // 8), "little")
                field = word >> i.bit & ((1 << i.width) - 1)
                temps[i.dst] = (signed(field, i.width) if i.signed else field) % (1 << i.bits)
            case ir.StoreBits():
                word = int.from_bytes(self.read(val(i.address), i.unit // 8), "little")
                mask = ((1 << i.width) - 1) << i.bit
                word = word & ~mask | val(i.value) << i.bit & mask
                self.write(val(i.address), word.to_bytes(i.unit // 8, "little"))
            case ir.CopyMemory():
                self.write(val(i.destination), self.read(val(i.source), i.size))
            case ir.ZeroMemory():
                self.write(val(i.destination), bytes(i.size))
            case ir.Binary():
                temps[i.dst] = arithmetic(i.op, val(i.left), val(i.right), i.bits)
            case ir.Compare():
                temps[i.dst] = int(compare(i.op, val(i.left), val(i.right), i.bits))
            case ir.Cast():
                value = val(i.value)
                assert 0 <= value < 1 << i.from_bits, i
                value = signed(value, i.from_bits) if i.op == "sext" else value
                temps[i.dst] = value % (1 << i.to_bits)
            case ir.FloatBinary():
                temps[i.dst] = float_arithmetic(i.op, val(i.left), val(i.right), i.bits)
            case ir.FloatCompare():
                left, right = val(i.left), val(i.right)
                results = {"eq": left == right, "ne": left != right, "lt": left < right}
                temps[i.dst] = int((results | {"le": left <= right, "gt": left > right, "ge": left >= right})[i.op])
            case ir.FloatCast():
                temps[i.dst] = float_cast(i.op, val(i.value), i.from_bits, i.to_bits)
            case ir.PointerAdd():
                temps[i.dst] = (val(i.base) + signed(val(i.offset), 64)) % (1 << 64)
            case ir.PointerDifference():
                temps[i.dst] = (val(i.left) - val(i.right)) % (1 << 64)
            case ir.Call():
                name = self.function_at[val(i.callee)]
                args = [val(a) for a in i.args]
                for argument, bits in zip(args, i.arg_bits, strict=True):
                    assert isinstance(argument, float) or 0 <= argument < 1 << bits
                result = self.call(name, args)
                if i.dst is not None:
                    assert result is not None
                    temps[i.dst] = result


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def arithmetic(op: str, left: int, right: int, bits: int) -> int:
    assert 0 <= left < 1 << bits and 0 <= right < 1 << bits
    a, b = signed(left, bits), signed(right, bits)
    if op in ("shl", "lshr", "ashr"):
        assert right < bits, "shift out of range"
    results: dict[str, Callable[[], int]] = {
        "add": lambda: left + right,
        "sub": lambda: left - right,
        "mul": lambda: left * right,
        "udiv": lambda: left // right,
        "urem": lambda: left % right,
        "sdiv": lambda: abs(a) // abs(b) * (-1 if (a < 0) != (b < 0) else 1),
        "srem": lambda: int(math.copysign(1, a)) * (abs(a) % abs(b)),
        "and": lambda: left & right,
        "or": lambda: left | right,
        "xor": lambda: left ^ right,
        "shl": lambda: left << right,
        "lshr": lambda: left >> right,
        "ashr": lambda: a >> right,
    }
    return results[op]() % (1 << bits)


def compare(op: str, left: int, right: int, bits: int) -> bool:
    if op.startswith("s"):
        left, right = signed(left, bits), signed(right, bits)
    results = {"eq": left == right, "ne": left != right, "lt": left < right}
    results |= {"le": left <= right, "gt": left > right, "ge": left >= right}
    return results[op if op in ("eq", "ne") else op[1:]]


def to_single(value: float, bits: int) -> float:
    return struct.unpack("<f", struct.pack("<f", value))[0] if bits == 32 else value


def float_arithmetic(op: str, left: float, right: float, bits: int) -> float:
    results = {"fadd": left + right, "fsub": left - right, "fmul": left * right, "fdiv": left / right if right else 0.0}
    return to_single(results[op], bits)


def float_cast(op: str, value: int | float, from_bits: int, to_bits: int) -> int | float:
    if op == "sitofp":
        return to_single(float(signed(value, from_bits)), to_bits)
    if op == "uitofp":
        return to_single(float(value), to_bits)
    if op == "fpconv":
        return to_single(value, to_bits)
    return math.trunc(value) % (1 << to_bits)


# ------------------------------------------------------------------ the library


def _out(machine: Interpreter, args: list[int | float]) -> None:
    machine.output.append(args[0])


def _out_double(machine: Interpreter, args: list[int | float]) -> None:
    machine.output.append(int.from_bytes(struct.pack("<d", args[0]), "little"))


def _memcpy(machine: Interpreter, args: list[int | float]) -> int:
    machine.write(args[0], machine.read(args[1], args[2]))
    return args[0]


def _memset(machine: Interpreter, args: list[int | float]) -> int:
    machine.write(args[0], bytes([args[1] & 255]) * args[2])
    return args[0]


def _memcmp(machine: Interpreter, args: list[int | float]) -> int:
    a, b = machine.read(args[0], args[2]), machine.read(args[1], args[2])
    return ((a > b) - (a < b)) % (1 << 32)


def _strlen(machine: Interpreter, args: list[int | float]) -> int:
    length = 0
    while machine.read(args[0] + length, 1) != b"\0":
        length += 1
    return length


def _crc32(machine: Interpreter, args: list[int | float]) -> int:
    return _crc_steps(args[0] ^ args[1], 32)


def _crc32_of_64(machine: Interpreter, args: list[int | float]) -> int:
    return _crc_steps(args[0] ^ args[1], 64)


def _crc_steps(crc: int, bits: int) -> int:
    for _ in range(bits):
        crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc


def _sum(machine: Interpreter, args: list[int | float]) -> int:
    """``int sum(int n, ...)``: of the n ints that follow, for default argument promotions."""
    return sum(signed(a, 32) for a in args[1 : 1 + args[0]]) % (1 << 32)


EXTERNALS: dict[str, Callable[[Interpreter, list[int | float]], int | float | None]] = {
    "out": _out,
    "out_double": _out_double,
    "sum": _sum,
    "memcpy": _memcpy,
    "memset": _memset,
    "memcmp": _memcmp,
    "strlen": _strlen,
    "malloc": lambda machine, args: machine.allocate(args[0]),
    "__builtin_ia32_crc32si": _crc32,
    "__builtin_ia32_crc32di": _crc32_of_64,
}
