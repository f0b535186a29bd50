"""What all units of a program together do to places: what `ordering` knows of functions and variables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from maestro_tool.frontend.parse import Unit, c_ast


class Effects(NamedTuple):
    """Places read and written; ``steps``: variables changed by ++ and --, with no sequence point since."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    steps: frozenset[str] = frozenset()

    def __or__(self, other: Effects) -> Effects:
        return Effects(self.reads | other.reads, self.writes | other.writes, self.steps | other.steps)


NOTHING = Effects()

#: What the program calls of an NF (nf.h).
ENTRY_POINTS = ("nf_config_init", "nf_config_usage", "nf_config_print", "nf_init", "nf_process")


@dataclass(slots=True)
class Function:
    """A definition; several have one name if they are static in units of their own."""

    node: Any
    unit: Unit
    name: str
    params: tuple[str, ...]
    locals: dict[str, bool] = field(default_factory=dict)  # name -> whether static


@dataclass(slots=True)
class Facts:
    """What all functions together do; grows until it no longer changes."""

    globals: set[str] = field(default_factory=set)  # defined in these units
    enumerators: set[tuple[int, str]] = field(default_factory=set)  # with the identity of their unit
    functions: dict[str, list[Function]] = field(default_factory=dict)
    arrays: set[str] = field(default_factory=set)  # keys of variables
    array_types: set[str] = field(default_factory=set)
    array_members: set[str] = field(default_factory=set)
    other_members: set[str] = field(default_factory=set)
    union_members: set[str] = field(default_factory=set)
    summaries: dict[str, Effects] = field(default_factory=dict)
    escaped: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)  # keys of parameters whose value goes on
    taken: set[str] = field(default_factory=set)  # functions
    errno_matters: bool = False  # somebody looks at it

    def size(self) -> tuple[int, ...]:
        effects = sum(len(s.reads) + len(s.writes) for s in self.summaries.values())
        return effects, len(self.escaped), len(self.kept), len(self.taken)

    def called_back(self, *, values_only: bool) -> Effects:
        """What functions do that others may call by their address; ``values_only``: those that return something."""
        result = NOTHING
        for name in self.taken:
            if values_only and all(_returns_nothing(f.node) for f in self.functions.get(name, ())):
                continue
            result |= self.summaries.get(name, NOTHING)
        return result


def _returns_nothing(node: Any) -> bool:
    result = node.decl.type.type
    names = getattr(getattr(result, "type", None), "names", None)
    return isinstance(result, c_ast.TypeDecl) and names == ["void"]


def collect(units: Sequence[Unit]) -> Facts:
    """What the declarations say, before any function was looked at."""
    facts = Facts()
    for unit in units:
        for node in all_nodes(unit.tree):
            if isinstance(node, c_ast.Enumerator):
                facts.enumerators.add((id(unit), node.name))
            elif isinstance(node, c_ast.Typedef) and _is_array(facts, node.type):
                facts.array_types.add(node.name)
            elif isinstance(node, c_ast.Struct | c_ast.Union):
                for member in node.decls or ():
                    if isinstance(member, c_ast.Decl):
                        array = _is_array(facts, member.type)
                        (facts.array_members if array else facts.other_members).add(member.name)
                        # Members of a union, and of structs without a name in it, may lie in one place.
                        within = all_nodes(member) if isinstance(node, c_ast.Union) else ()
                        facts.union_members.update(n.name for n in within if isinstance(n, c_ast.Decl) and n.name)
            elif isinstance(node, c_ast.ID) and node.name in ("errno", "perror"):
                facts.errno_matters = True
        for node in unit.tree.ext:
            if isinstance(node, c_ast.FuncDef):
                function = _function(facts, unit, node)
                facts.functions.setdefault(function.name, []).append(function)
            elif isinstance(node, c_ast.Decl) and node.name and not isinstance(node.type, c_ast.FuncDecl):
                if "extern" not in node.storage:
                    facts.globals.add(node.name)
                if _is_array(facts, node.type):
                    facts.arrays.add(node.name)
        for node in unit.tree.ext:  # addresses in the initial values of globals
            if isinstance(node, c_ast.Decl) and node.init is not None:
                facts.escaped.update(n.name for n in all_nodes(node.init) if isinstance(n, c_ast.ID))
                facts.taken.update(n.name for n in all_nodes(node.init) if isinstance(n, c_ast.ID))
    return facts


def reached(facts: Facts, units: Sequence[Unit]) -> frozenset[str]:
    """Functions that somebody calls, or may: what `ENTRY_POINTS` and initial values of globals lead to.

    All, if there is no nf_process (which `symex` will refuse).
    """
    if "nf_process" not in facts.functions:
        return frozenset(facts.functions)
    initial = (
        node.init for u in units for node in u.tree.ext if isinstance(node, c_ast.Decl) and node.init is not None
    )
    todo = [*ENTRY_POINTS, *(n.name for init in initial for n in all_nodes(init) if isinstance(n, c_ast.ID))]
    found: set[str] = set()
    while todo:
        name = todo.pop()
        if name in found or name not in facts.functions:
            continue
        found.add(name)
        bodies = (f.node.body for f in facts.functions[name])
        todo += [n.name for body in bodies for n in all_nodes(body) if isinstance(n, c_ast.ID)]
    return frozenset(found)


def _function(facts: Facts, unit: Unit, node: Any) -> Function:
    declared = node.decl.type.args.params if node.decl.type.args is not None else []
    names = tuple(getattr(p, "name", None) or "" for p in declared)
    function = Function(node, unit, node.decl.name, names, {n: False for n in names if n})
    for inner in all_nodes(node.body):
        if isinstance(inner, c_ast.Decl) and inner.name and not isinstance(inner.type, c_ast.FuncDecl):
            if "extern" in inner.storage:
                continue
            function.locals[inner.name] = function.locals.get(inner.name, False) or "static" in inner.storage
            if _is_array(facts, inner.type):
                facts.arrays.add(f"{function.name}.{inner.name}")
    return function


def _is_array(facts: Facts, type_: Any) -> bool:
    if isinstance(type_, c_ast.ArrayDecl):
        return True
    names = getattr(getattr(type_, "type", None), "names", ()) if isinstance(type_, c_ast.TypeDecl) else ()
    return any(n in facts.array_types for n in names)


def all_nodes(node: Any) -> Iterable[Any]:
    todo = [node]
    while todo:
        found = todo.pop()
        yield found
        todo.extend(reversed([child for _, child in found.children()]))
