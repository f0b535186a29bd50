"""Writes typed programs by hand, for tests that must not depend on the frontend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from maestro_tool.diagnostics import SourceLocation
from maestro_tool.frontend import ir

I8, I16, I32, I64 = 8, 16, 32, 64
Operand = ir.Operand | int


class FunctionBuilder:
    """Appends instructions to the current block; ``loc`` counts up, so that every instruction has its line."""

    def __init__(
        self, program: ProgramBuilder, name: str, parameters: Sequence[tuple[str, int, str]], result: int
    ) -> None:
        self.program, self.name, self.result = program, name, result
        self.parameters = tuple(
            ir.Parameter(n, 64 if "*" in t else bits, "pointer" if "*" in t else "int", t) for n, bits, t in parameters
        )
        self.next = len(parameters)
        self.blocks: list[tuple[list[Any], Any]] = [([], None)]
        self.at = 0

    def arg(self, i: int) -> ir.Temp:
        return ir.Temp(i)

    def _temp(self) -> ir.Temp:
        self.next += 1
        return ir.Temp(self.next - 1)

    def _emit(self, instruction: Any) -> None:
        self.blocks[self.at][0].append(instruction)

    def _op(self, value: Operand, bits: int) -> ir.Operand:
        return ir.Const(value & ((1 << bits) - 1), bits) if isinstance(value, int) else value

    def local(self, size: int, name: str = "x", type_name: str = "") -> ir.Temp:
        t = self._temp()
        self._emit(ir.Alloca(t.id, size, name, type_name, self.program.loc()))
        return t

    def load(self, address: ir.Operand, bits: int) -> ir.Temp:
        t = self._temp()
        self._emit(ir.Load(t.id, address, bits, "int", self.program.loc()))
        return t

    def load_pointer(self, address: ir.Operand) -> ir.Temp:
        t = self._temp()
        self._emit(ir.Load(t.id, address, 64, "pointer", self.program.loc()))
        return t

    def store(self, address: ir.Operand, value: Operand, bits: int) -> None:
        self._emit(ir.Store(address, self._op(value, bits), bits, "int", self.program.loc()))

    def store_pointer(self, address: ir.Operand, value: ir.Operand) -> None:
        self._emit(ir.Store(address, value, 64, "pointer", self.program.loc()))

    def copy(self, destination: ir.Operand, source: ir.Operand, size: int) -> None:
        self._emit(ir.CopyMemory(destination, source, size, self.program.loc()))

    def plus(self, base: ir.Operand, offset: Operand) -> ir.Temp:
        t = self._temp()
        self._emit(ir.PointerAdd(t.id, base, self._op(offset, 64), self.program.loc()))
        return t

    def binary(self, op: Any, left: Operand, right: Operand, bits: int) -> ir.Temp:
        t = self._temp()
        self._emit(ir.Binary(t.id, op, self._op(left, bits), self._op(right, bits), bits, self.program.loc()))
        return t

    def compare(self, op: Any, left: Operand, right: Operand, bits: int, kind: Any = "int") -> ir.Temp:
        t = self._temp()
        self._emit(ir.Compare(t.id, op, self._op(left, bits), self._op(right, bits), bits, kind, self.program.loc()))
        return t

    def cast(self, op: Any, value: Operand, from_bits: int, to_bits: int) -> ir.Temp:
        t = self._temp()
        self._emit(ir.Cast(t.id, op, self._op(value, from_bits), from_bits, to_bits, self.program.loc()))
        return t

    def call(self, name: str, *args: tuple[Operand, int], result: int = 32, used: bool = True) -> ir.Temp:
        """Arguments are (operand, bits); bits 0 is a pointer.  ``result`` 0: void, 1: pointer."""
        t = self._temp()
        self._emit(
            ir.Call(
                t.id if used and result else None, ir.FunctionAddress(name),
                tuple(self._op(a, b or 64) for a, b in args), tuple(b or 64 for _, b in args),
                tuple("int" if b else "pointer" for _, b in args),
                64 if result == 1 else result, "pointer" if result == 1 else "int", self.program.loc(),
            )
        )  # fmt: skip
        return t

    def ret(self, value: Operand | None = None) -> None:
        self._end(ir.Return(None if value is None else self._op(value, self.result), self.program.loc()))

    def _end(self, terminator: Any) -> None:
        self.blocks[self.at] = (self.blocks[self.at][0], terminator)

    def block(self) -> int:
        """A new block, to be filled after `go`."""
        self.blocks.append(([], None))
        return len(self.blocks) - 1

    def go(self, block: int) -> None:
        self.at = block

    def jump(self, block: int) -> None:
        self._end(ir.Jump(block, self.program.loc()))

    def branch(self, condition: ir.Operand, then: int, otherwise: int, loop: bool = False) -> None:
        self._end(ir.Branch(condition, then, otherwise, loop, self.program.loc()))

    def when(self, condition: ir.Operand) -> int:
        """Go on where the condition holds; returns the block of the other way."""
        then, otherwise = self.block(), self.block()
        self.branch(condition, then, otherwise)
        self.go(then)
        return otherwise


class ProgramBuilder:
    def __init__(self) -> None:
        self.functions: list[FunctionBuilder] = []
        self.globals: dict[str, ir.Global] = {}
        self.structs: dict[str, ir.StructLayout] = {}
        self._locations = [SourceLocation("nf.c", 1, 1)]

    def loc(self) -> int:
        self._locations.append(SourceLocation("nf.c", len(self._locations) + 1, 1))
        return len(self._locations) - 1

    def function(self, name: str, *parameters: tuple[str, int, str], result: int = 0) -> FunctionBuilder:
        f = FunctionBuilder(self, name, parameters, result)
        self.functions.append(f)
        return f

    def process(self) -> FunctionBuilder:
        return self.function(
            "nf_process", ("device", 16, "uint16_t"), ("buffer", 64, "uint8_t **"), ("packet_length", 16, "uint16_t"),
            ("now", 64, "int64_t"), ("mbuf", 64, "struct rte_mbuf *"), result=32,
        )  # fmt: skip

    def variable(
        self, name: str, size: int, type_name: str = "", initial: Sequence[ir.Initial] = (), const: bool = False
    ) -> ir.GlobalAddress:
        self.globals[name] = ir.Global(name, name, "nf.c", "file", size, type_name, const, True, tuple(initial), (), 0)
        return ir.GlobalAddress(name)

    def struct(self, name: str, size: int, *fields: tuple[str, int, int, str]) -> None:
        self.structs[name] = ir.StructLayout(name, size, 8, tuple(ir.Field(*f) for f in fields))

    def trivial_init(self) -> None:
        init = self.function("nf_init", result=8)
        init.ret(1)

    def build(self) -> ir.Program:
        functions = {}
        for f in self.functions:
            blocks = tuple(ir.Block(tuple(i), t or ir.Unreachable(0)) for i, t in f.blocks)
            functions[f.name] = ir.Function(f.name, f.parameters, f.result, "int", blocks, 0)
        return ir.Program(functions, self.globals, self.structs, (), tuple(self._locations), ("nf.c",))
