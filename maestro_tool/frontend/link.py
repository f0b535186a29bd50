"""Translation units -> one program: which names mean the same object, what is defined where, what is only declared."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from maestro_tool.diagnostics import InputError, SourceLocation
from maestro_tool.frontend import c_types, declarations, functions, initialisers, linkage, merge, statements
from maestro_tool.frontend.c_types import ArrayType, CType, FunctionType, RecordLayout, RecordType, VoidType, type_name
from maestro_tool.frontend.context import Context, FunctionName, Variable
from maestro_tool.frontend.ir import (
    Function,
    FunctionAddress,
    Global,
    GlobalAddress,
    Initial,
    Operand,
    Program,
    StructLayout,
)
from maestro_tool.frontend.parse import Unit, c_ast, position
from maestro_tool.frontend.preprocess import is_own

_UNNAMED = "<unnamed>"


@dataclass(slots=True)
class _Object:
    """A variable with static storage while its declarations are being read."""

    name: str
    c_name: str
    scope: Any
    type: CType
    const: bool
    unit: Unit
    node: Any  # the declaration that defines it best: with initialiser, tentative, extern
    defined: bool = False
    initialised: bool = False
    initial: tuple[Initial, ...] = ()
    declarations: dict[SourceLocation, None] = field(default_factory=dict)
    defined_by: int | None = None  # index of the unit
    size: int | None = None


@dataclass(slots=True)
class _Body:
    """A function definition to be lowered."""

    ctx: Context
    node: Any
    name: str
    type: FunctionType
    static: bool


class ProgramBuilder:
    """Collects what units define.  All orders are those of first use, so that equal programs get equal numbers."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self._units = units
        self.contexts: list[Context] = []  # of each unit, once `build` has read it
        self._names = _static_names(units)
        self._locations: list[SourceLocation] = []
        self._location_ids: dict[int, int] = {}
        self._objects: dict[str, _Object] = {}
        self._strings: dict[bytes, str] = {}
        self._structs: dict[str, StructLayout] = {}
        self._unnamed: dict[StructLayout, str] = {}
        self._bodies: dict[str, _Body] = {}
        self._function_types: dict[str, tuple[FunctionType, Unit, Any]] = {}
        self._used: dict[str, None] = {}

    # ----------------------------------------------------------------------- for the lowering

    def is_static(self, ctx: Context, name: str) -> bool:
        """Whether a name of file scope is one of the unit's own."""
        return name in self._names[ctx.index]

    def location(self, unit: Unit, node: Any) -> int:
        """The node's number: one per node, so that numbers do not depend on where line breaks are."""
        number = self._location_ids.get(id(node))
        if number is None:
            number = self._location_ids[id(node)] = len(self._locations)
            self._locations.append(unit.location(node))
        return number

    def anonymous(self, keyword: str) -> str:
        """A name for a type that has none, until `add_record` knows what it looks like."""
        return f"{keyword} {_UNNAMED}"

    def add_record(self, record: RecordType, layout: RecordLayout) -> None:
        """Other units' structs of the same name and layout are the same; one that differs gets a name of its own.

        Unnamed ones are the same where they look the same: units that share a header number what they have besides it.
        """
        if record.name.endswith(f" {_UNNAMED}"):
            shown = c_types.struct_layout(record, layout)
            keyword = record.name.removesuffix(_UNNAMED)
            record.name = self._unnamed.setdefault(shown, f"{keyword}<unnamed {len(self._unnamed) + 1}>")
        plain, number = record.name, 1
        while True:
            shown = c_types.struct_layout(record, layout)
            if self._structs.setdefault(record.name, shown) == shown:
                return
            number += 1
            record.name = f"{plain}#{number}"

    def reference(self, ctx: Context, operand: Operand) -> None:
        """A function or object is used by code that is kept."""
        if not ctx.scratch and isinstance(operand, FunctionAddress | GlobalAddress):
            self._used.setdefault(operand.name)

    def string(self, ctx: Context, data: bytes, node: Any) -> GlobalAddress:
        if ctx.scratch:
            return GlobalAddress("")
        name = self._strings.get(data)
        if name is None:
            name = self._strings[data] = f".str.{len(self._strings)}"
            type_ = ArrayType(c_types.CHAR, len(data))
            stripped = data.rstrip(b"\0")
            initial = (Initial(0, stripped),) if stripped else ()
            self._objects[name] = _Object(name, name, "literal", type_, True, ctx.unit, node, True, True, initial)
        self.reference(ctx, GlobalAddress(name))
        return GlobalAddress(name)

    def literal_object(self, ctx: Context, type_: CType, initial: tuple[Initial, ...], node: Any) -> GlobalAddress:
        """A compound literal at file scope."""
        if ctx.scratch:
            return GlobalAddress("")
        name = self._unique(".literal")
        self._objects[name] = _Object(name, name, "literal", type_, False, ctx.unit, node, True, True, initial)
        self.reference(ctx, GlobalAddress(name))
        return GlobalAddress(name)

    def static_local(self, ctx: Context, node: Any, type_: CType, const: bool) -> None:
        assert ctx.function is not None
        name = self._unique(f"{ctx.function.name}.{node.name}")
        found = _Object(name, node.name, "static_local", type_, const, ctx.unit, node, True, True)
        if not ctx.scratch:
            self._objects[name] = found
            self.reference(ctx, GlobalAddress(name))
        ctx.declare(node.name, Variable(GlobalAddress(name), type_))
        self._initialise(ctx, found, node)
        ctx.declare(node.name, Variable(GlobalAddress(name), found.type))
        ctx.size(found.type, node)

    def _unique(self, name: str) -> str:
        number, candidate = 1, name
        while candidate in self._objects:
            number += 1
            candidate = f"{name}.{number}"
        return candidate

    # ----------------------------------------------------------------------- declarations at file scope

    def declare_external(self, ctx: Context, node: Any, type_: CType, const: bool) -> None:
        """A function or variable with linkage, declared at file scope or (``extern``) in a block."""
        name = self._names[ctx.index].get(node.name, node.name)
        if isinstance(type_, FunctionType):
            self._declare_function(ctx, node, name, type_)
        else:
            self._declare_object(ctx, node, name, type_, const)

    def _declare_function(self, ctx: Context, node: Any, name: str, type_: FunctionType) -> FunctionType:
        known = self._function_types.get(name)
        if known is not None:
            before, _, _ = known
            if not c_types.compatible(before, type_):
                self._conflict(ctx, node, known, type_)
            if before.prototyped:
                type_ = before if c_types.compatible(before, type_) and not type_.prototyped else type_
        if known is None or type_.prototyped:
            self._function_types[name] = (type_, ctx.unit, node)
        previous = ctx.scopes[0].names.get(node.name)
        if previous is not None and not isinstance(previous, FunctionName):
            ctx.input_error(f"'{node.name}' is declared as something else before", node)
        ctx.declare(node.name, FunctionName(name, type_))
        return type_

    def _conflict(self, ctx: Context, node: Any, known: tuple[CType, Unit, Any], type_: CType) -> None:
        before, unit, other = known
        ctx.input_error(
            f"'{node.name}' is declared as '{type_name(type_)}' here and as '{type_name(before)}' elsewhere",
            node,
            f"the other declaration is at {unit.location(other)}",
        )

    def _declare_object(self, ctx: Context, node: Any, name: str, type_: CType, const: bool) -> None:
        if isinstance(type_, VoidType):
            ctx.input_error(f"variable '{node.name}' is void", node)
        static = name != node.name or node.name in self._names[ctx.index]
        found = self._objects.get(name)
        if found is None:
            scope = "static_file" if static else "file"
            found = self._objects[name] = _Object(name, node.name, scope, type_, const, ctx.unit, node)
        else:
            if not c_types.compatible(found.type, type_):
                self._conflict(ctx, node, (found.type, found.unit, found.node), type_)
            if _says_more(type_, found.type):
                found.type = type_
            found.const = found.const or const
        found.declarations.setdefault(ctx.unit.location(node))
        defines = node.init is not None or "extern" not in node.storage
        if defines:
            self._define_object(ctx, node, found)
        ctx.declare(node.name, Variable(GlobalAddress(name), found.type))
        if node.init is not None:
            self._initialise(ctx, found, node)
            ctx.declare(node.name, Variable(GlobalAddress(name), found.type))

    def _define_object(self, ctx: Context, node: Any, found: _Object) -> None:
        again = node.init is not None and found.initialised
        if again or (found.defined_by is not None and found.defined_by != ctx.index):
            ctx.input_error(
                f"'{node.name}' is defined twice", node, f"the other definition is at {found.unit.location(found.node)}"
            )
        self._check_name(ctx, node)
        if not found.defined or node.init is not None:
            found.unit, found.node = ctx.unit, node
        found.defined, found.defined_by = True, ctx.index
        found.initialised = found.initialised or node.init is not None

    def _check_name(self, ctx: Context, node: Any) -> None:
        if is_own(ctx.unit.source.file(position(node)[0])):
            linkage.check_name(ctx, node)

    def _initialise(self, ctx: Context, found: _Object, node: Any) -> None:
        if node.init is None:
            return
        found.type, items = initialisers.items_of(ctx, found.type, node.init)
        found.initial = initialisers.static_initial(ctx, items, node)

    def _define_function(self, ctx: Context, node: Any) -> None:
        type_, _ = declarations.declared_type(ctx, node.decl)
        if not isinstance(type_, FunctionType):
            ctx.input_error(f"'{node.decl.name}' is not a function", node)
        self._check_name(ctx, node)
        if node.param_decls:
            ctx.unsupported(
                "parameters declared after the parentheses (K&R style) are not supported", node, "write (int a, char b)"
            )
        name = self._names[ctx.index].get(node.decl.name, node.decl.name)
        if not type_.prototyped:  # ``f() {}`` takes nothing, though callers need not know
            type_ = FunctionType(type_.result, (), variadic=False, prototyped=False)
        self._declare_function(ctx, node.decl, name, type_)
        other = self._bodies.get(name)
        if other is not None:
            ctx.input_error(
                f"'{node.decl.name}' is defined twice",
                node,
                f"the other definition is at {other.ctx.unit.location(other.node)}",
            )
        static = node.decl.name in self._names[ctx.index]
        self._bodies[name] = _Body(ctx, node, name, type_, static)

    # ----------------------------------------------------------------------- the program

    def build(self) -> Program:
        for index, unit in enumerate(self._units):
            self.contexts.append(Context(unit, index, self))
            self._read(self.contexts[-1])
        lowered: dict[str, Function] = {}
        for name, body in self._bodies.items():
            if not body.static:
                lowered[name] = functions.lower(body.ctx, body.node, body.name, body.type)
        # Static functions only as far as they are used: headers define many.
        while todo := [n for n in self._used if n in self._bodies and n not in lowered]:
            for name in todo:
                body = self._bodies[name]
                lowered[name] = functions.lower(body.ctx, body.node, body.name, body.type)
        globals_ = self._globals()
        groups: dict[str, list[str]] = defaultdict(list)
        for name in lowered:
            if name != self._bodies[name].node.decl.name:
                groups[self._bodies[name].node.decl.name].append(name)
        taken = (set(lowered) | set(self._used)) - {n for names in groups.values() for n in names}
        merged, globals_ = merge.merge_equal(lowered, globals_, groups, taken)
        linkage.check_inline(((b.ctx, b.node, n) for n, b in self._bodies.items()), merged)
        externals = sorted(n for n in self._used if n not in lowered and n not in self._objects)
        return Program(
            functions=merged,
            globals=globals_,
            structs=dict(sorted(self._structs.items())),
            externals=tuple(externals),
            locations=tuple(self._locations),
            files=self._files(),
        )

    def _read(self, ctx: Context) -> None:
        for node in ctx.unit.tree.ext:
            match node:
                case c_ast.FuncDef():
                    self._define_function(ctx, node)
                case c_ast.Typedef():
                    statements.define_type(ctx, node)
                case c_ast.StaticAssert():
                    declarations.static_assert(ctx, node)
                case c_ast.Decl(name=None):
                    if isinstance(node.type, c_ast.Struct | c_ast.Union) and node.type.decls is None:
                        declarations.forward_declare(ctx, node.type)
                    else:
                        declarations.declared_type(ctx, node)
                case c_ast.Decl():
                    type_, const = declarations.declared_type(ctx, node)
                    self.declare_external(ctx, node, type_, const)
                case c_ast.Pragma() | c_ast.EmptyStatement():
                    pass
                case _:
                    ctx.unsupported(f"{type(node).__name__} at file scope is not supported", node)

    def _globals(self) -> dict[str, Global]:
        result: dict[str, Global] = {}
        for found in list(self._objects.values()):
            own = is_own(found.unit.source.file(position(found.node)[0]))
            if found.name not in self._used and not (found.defined and own):
                continue
            result[found.name] = self._global(found)
        return result

    def _global(self, found: _Object) -> Global:
        location = found.unit.location(found.node)
        try:
            size = c_types.size_of(found.type)
        except c_types.IncompleteTypeError as error:
            if found.defined:
                raise InputError(f"variable '{found.c_name}': {error}", location, hint=error.hint) from None
            size = 0  # of an object elsewhere, whose type is incomplete here
        return Global(
            name=found.name,
            c_name=found.c_name,
            file=location.file,
            scope=found.scope,
            size=size,
            type_name=type_name(found.type),
            const=found.const,
            defined=found.defined,
            initial=found.initial,
            declarations=tuple(found.declarations),
            loc=self.location(found.unit, found.node),
        )

    def _files(self) -> tuple[str, ...]:
        files: dict[str, None] = {}
        for unit in self._units:
            files.setdefault(os.path.normpath(unit.source.path))
            for file in unit.source.files:
                files.setdefault(file)
        return tuple(f for f in files if is_own(f))


def _says_more(new: CType, old: CType) -> bool:
    """Whether a further declaration completes the type."""
    if isinstance(old, RecordType) and isinstance(new, RecordType):
        return old.layout is None and new.layout is not None
    return isinstance(old, ArrayType) and old.length is None and isinstance(new, ArrayType) and new.length is not None


def _static_names(units: Sequence[Unit]) -> list[dict[str, str]]:
    """Per unit: the names with internal linkage and what they are called in the program."""
    statics: list[dict[str, None]] = []
    mentioned: dict[str, set[int]] = defaultdict(set)
    for index, unit in enumerate(units):
        found: dict[str, None] = {}
        for node in unit.tree.ext:
            declared = node.decl if isinstance(node, c_ast.FuncDef) else node
            if not isinstance(declared, c_ast.Decl) or declared.name is None:
                continue
            mentioned[declared.name].add(index)
            inline = (
                isinstance(node, c_ast.FuncDef) and "inline" in declared.funcspec and "extern" not in declared.storage
            )
            if "static" in declared.storage or inline:
                found.setdefault(declared.name)
        statics.append(found)
    labels = _labels(units)
    return [{n: f"{labels[i]}:{n}" if len(mentioned[n]) > 1 else n for n in found} for i, found in enumerate(statics)]


def _labels(units: Sequence[Unit]) -> list[str]:
    """Short names of the sources: base names, with a number where two are equal."""
    counts: dict[str, int] = defaultdict(int)
    labels: list[str] = []
    for unit in units:
        base = unit.source.path.name
        counts[base] += 1
        labels.append(base if counts[base] == 1 else f"{base}#{counts[base]}")
    return labels
