"""What is known at a point of a translation unit: names, types, where instructions go.  Errors carry the place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

from maestro_tool.diagnostics import InputError, UnsupportedError
from maestro_tool.frontend import c_types
from maestro_tool.frontend.builder import Builder
from maestro_tool.frontend.c_types import BitPlace, CType, FunctionType, IntType, RecordType
from maestro_tool.frontend.ir import Operand
from maestro_tool.frontend.parse import Unit

if TYPE_CHECKING:
    from maestro_tool.frontend.link import ProgramBuilder

# --------------------------------------------------------------------------- values


@dataclass(frozen=True, slots=True)
class Value:
    """The value of an expression.  Of a struct: the address of an object that holds it."""

    operand: Operand
    type: CType


@dataclass(frozen=True, slots=True)
class Place:
    """An object that an expression designates (an lvalue)."""

    address: Operand
    type: CType
    bits: BitPlace | None = None


# --------------------------------------------------------------------------- names


@dataclass(frozen=True, slots=True)
class Variable:
    """A name that stands for memory."""

    address: Operand
    type: CType


@dataclass(frozen=True, slots=True)
class FunctionName:
    """``name`` is the function's name in the program."""

    name: str
    type: FunctionType


@dataclass(frozen=True, slots=True)
class Typedef:
    """A name that stands for a type."""

    type: CType
    const: bool


@dataclass(frozen=True, slots=True)
class Enumerator:
    """A name that stands for a number."""

    value: int
    type: IntType


Entity = Variable | FunctionName | Typedef | Enumerator
Tag = RecordType | IntType


@dataclass(slots=True)
class Scope:
    """The names of one block, before those around it."""

    names: dict[str, Entity] = field(default_factory=dict)
    tags: dict[str, Tag] = field(default_factory=dict)


@dataclass(slots=True)
class SwitchState:
    """A switch whose body is being lowered."""

    type: IntType
    cases: dict[int, int] = field(default_factory=dict)
    ranges: list[tuple[int, int, int]] = field(default_factory=list)  # first and last value, block
    default: int | None = None


@dataclass(slots=True)
class FunctionState:
    """The function being lowered.  ``hoist``: jumps may skip declarations, so variables exist from the start."""

    name: str
    c_name: str
    type: FunctionType
    result_address: Operand | None
    hoist: bool
    labels: dict[str, int] = field(default_factory=dict)
    defined_labels: set[str] = field(default_factory=set)
    label_uses: list[tuple[str, Any]] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    continues: list[int] = field(default_factory=list)
    switches: list[SwitchState] = field(default_factory=list)


class Context:
    """One translation unit being lowered."""

    def __init__(self, unit: Unit, index: int, program: ProgramBuilder) -> None:
        self.unit = unit
        self.index = index
        self.program = program
        self.scopes = [Scope()]
        self.builder = Builder()
        self.function: FunctionState | None = None
        self.scratch = False

    # ----------------------------------------------------------------------- places and errors

    def loc(self, node: Any) -> int:
        return self.program.location(self.unit, node)

    def input_error(self, message: str, node: Any, hint: str | None = None) -> NoReturn:
        raise InputError(message, self.unit.location(node), hint=hint)

    def unsupported(self, message: str, node: Any, hint: str | None = None) -> NoReturn:
        raise UnsupportedError(message, self.unit.location(node), hint=hint)

    def size(self, type_: CType, node: Any) -> int:
        try:
            return c_types.size_of(type_)
        except c_types.IncompleteTypeError as error:
            self.input_error(str(error), node, error.hint)

    def step(self, type_: CType, node: Any) -> int:
        try:
            return c_types.step_of(type_)
        except c_types.IncompleteTypeError as error:
            self.input_error(str(error), node, error.hint)

    # ----------------------------------------------------------------------- names

    @property
    def at_file_scope(self) -> bool:
        return len(self.scopes) == 1

    def lookup(self, name: str) -> Entity | None:
        for scope in reversed(self.scopes):
            if name in scope.names:
                return scope.names[name]
        return None

    def lookup_tag(self, tag: str) -> Tag | None:
        for scope in reversed(self.scopes):
            if tag in scope.tags:
                return scope.tags[tag]
        return None

    def declare(self, name: str, entity: Entity) -> None:
        self.scopes[-1].names[name] = entity

    @contextmanager
    def scope(self) -> Iterator[None]:
        self.scopes.append(Scope())
        try:
            yield
        finally:
            self.scopes.pop()

    # ----------------------------------------------------------------------- evaluation apart from the program

    @contextmanager
    def building(self, builder: Builder, *, scratch: bool) -> Iterator[None]:
        """Within: instructions go to ``builder``; ``scratch``: nothing seen there becomes part of the program."""
        outer = self.builder, self.scratch, self.function
        self.builder, self.scratch = builder, scratch or self.scratch
        if self.function is not None:  # jumps, too, stay apart
            self.function = replace(
                self.function, labels={}, defined_labels=set(), label_uses=[], breaks=[], continues=[], switches=[]
            )
        try:
            yield
        finally:
            self.builder, self.scratch, self.function = outer
