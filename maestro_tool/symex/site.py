"""What a model of a library function sees of its call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from maestro_tool.diagnostics import MaestroError, UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.frontend.ir import ValueKind
from maestro_tool.symex.values import FunctionPointer, Pointer, Value

if TYPE_CHECKING:
    from maestro_tool.symex.machine import Machine
    from maestro_tool.symex.state import State

#: A value (None: nothing is returned), or the paths on which the call returns, each with its value.
Outcome = Value | None | list[tuple["State", Value | None]]


@dataclass(frozen=True, slots=True)
class CallSite:
    """One call: its arguments by position, and the machine and path it happens on."""

    machine: Machine
    state: State
    name: str
    args: tuple[Value, ...]
    arg_bits: tuple[int, ...]
    result_bits: int
    result_kind: ValueKind
    result_used: bool
    loc: int

    def expr(self, i: int, bits: int | None = None) -> Expr:
        """Argument ``i`` as an integer, zero-extended or cut to ``bits``."""
        e = self.machine.as_integer(self.args[i], self.arg_bits[i], self.loc)
        if bits is None or bits == e.width:
            return e
        return nodes.zext(e, bits) if bits > e.width else nodes.extract(e, bits - 1, 0)

    def number(self, i: int, purpose: str = "an argument") -> int:
        """Argument ``i`` as a concrete unsigned number."""
        return self.machine.concrete(self.state, self.expr(i), self.loc, f"{purpose} of {self.name}")

    def signed(self, i: int, purpose: str = "an argument") -> int:
        return nodes.signed(self.number(i, purpose), self.arg_bits[i])

    def string(self, i: int) -> str:
        return self.machine.string(self.state, self.args[i], self.loc)

    def function(self, i: int) -> str:
        """Name of the function that argument ``i`` points to."""
        value = self.args[i]
        if not isinstance(value, FunctionPointer):
            self.fail(UnsupportedError, f"argument {i + 1} of '{self.name}' must be a function's name")
        return value.name

    def load(self, i: int, size: int) -> Expr:
        """The integer of ``size`` bytes that argument ``i`` points to."""
        value = self.machine.load(self.state, self.args[i], size, "int", self.loc)
        return self.machine.as_integer(value, 8 * size, self.loc)

    def store(self, i: int, size: int, value: Value, state: State | None = None) -> None:
        """Write through the pointer that argument ``i`` is."""
        self.machine.store(state or self.state, self.args[i], size, value, self.loc)

    def answer(self, value: int) -> Expr:
        """A constant of the result's width."""
        return nodes.const(value, self.result_bits or 32)

    def pointer(self, i: int) -> Pointer:
        value = self.args[i]
        if not isinstance(value, Pointer):
            self.fail(UnsupportedError, f"argument {i + 1} of '{self.name}' must be a valid pointer")
        return value

    def fail(self, kind: type[MaestroError], message: str, hint: str | None = None) -> NoReturn:
        self.machine.fail(kind, message, self.loc, hint)


Model = Callable[[CallSite], Outcome]
