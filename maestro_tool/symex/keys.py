"""What a key equality function compares, found by running it on two unknown keys and proved by z3.

And what a hash function reads, found by running it on one.
"""

from __future__ import annotations

from maestro_tool.diagnostics import MaestroError
from maestro_tool.expr import Expr, nodes
from maestro_tool.frontend import ir
from maestro_tool.symex.callpath import KeyField
from maestro_tool.symex.layout import Layout
from maestro_tool.symex.limits import Limits
from maestro_tool.symex.machine import Machine
from maestro_tool.symex.memory import Block, Symbols
from maestro_tool.symex.models import COMMON
from maestro_tool.symex.setup import load_globals
from maestro_tool.symex.solver import Solver
from maestro_tool.symex.state import State
from maestro_tool.symex.values import Pointer, to_bool

#: Equality functions of the library itself.
_LIBRARY = {"rte_ether_addr_eq": (KeyField("addr_bytes", 0, 6),)}

_LARGEST_KEY = 4096


def key_fields(program: ir.Program, equality: str, solver: Solver, limits: Limits) -> tuple[KeyField, ...] | None:
    """The fields whose equality is what ``equality`` decides; None when it is no conjunction of such."""
    function = program.functions.get(equality)
    if function is None:
        return _LIBRARY.get(equality)
    if len(function.parameters) != 2:
        return None
    try:
        equal = _as_formula(program, function, solver, limits)
    except MaestroError:
        return None  # the caller records a note; an unknown key is sound
    if equal is None:
        return None
    compared = _common_bytes(equal, solver)
    if not _proved(equal, compared, solver):
        compared = [n for n in compared if _implies(equal, _same(n), solver)]
        if not compared or not _proved(equal, compared, solver):
            return None
    return _fields(compared, _key_type(function, program), Layout(program.structs))


def hashed_fields(program: ir.Program, hash_: str, solver: Solver, limits: Limits) -> tuple[KeyField, ...] | None:
    """The parts of a key that ``hash_`` reads: keys that agree there have equal hashes.  None when not known."""
    function = program.functions.get(hash_)
    if function is None or len(function.parameters) != 1:
        return None
    memory, numbers = load_globals(program)
    machine = Machine(program, numbers, COMMON, solver, limits)
    start = State(memory)
    key = Pointer(memory.add(Block("a key", _LARGEST_KEY, Symbols("a"))))
    found: set[Expr] = set()
    try:
        machine.enter(start, function.name, [key], None, function.loc)
        for end in machine.explore(start):
            if not isinstance(end.result, Expr) or any(event.op != "opaque" for event in end.events):
                return None
            computed = {event.value for event in end.events}
            operands = [operand for event in end.events for operand in event.key or ()]
            for e in (end.result, *end.conditions, *operands):
                found |= solver.symbols(e) - computed
    except MaestroError:
        return None
    if not all(str(s.value).startswith("a.") for s in found):
        return None
    read = sorted(int(str(s.value)[2:]) for s in found)
    return _fields(read, _key_type(function, program), Layout(program.structs))


def _as_formula(program: ir.Program, function: ir.Function, solver: Solver, limits: Limits) -> Expr | None:
    """The condition, over bytes ``a.N`` and ``b.N``, on which the function returns true."""
    memory, numbers = load_globals(program)
    machine = Machine(program, numbers, COMMON, solver, limits)
    sides: list[Pointer] = [Pointer(memory.add(Block("a key", _LARGEST_KEY, Symbols(name)))) for name in ("a", "b")]
    start = State(memory)
    machine.enter(start, function.name, list(sides), None, function.loc)
    equal = nodes.FALSE
    for end in machine.explore(start):
        if not isinstance(end.result, Expr) or any(event.op != "opaque" for event in end.events):
            return None
        holds = to_bool(end.result)
        for condition in reversed(end.conditions):
            holds = nodes.land(condition, holds)
        equal = nodes.lor(equal, holds)
    return equal


def _common_bytes(equal: Expr, solver: Solver) -> list[int]:
    """Bytes that occur on both sides; -1 never: other symbols make the proof fail."""
    names = [str(s.value).partition(".") for s in solver.symbols(equal)]
    left, right = ({int(n) for side, _, n in names if side == which and n.isdigit()} for which in ("a", "b"))
    return sorted(left & right)


def _same(n: int) -> Expr:
    return nodes.eq(nodes.sym(f"a.{n}", 8), nodes.sym(f"b.{n}", 8))


def _proved(equal: Expr, compared: list[int], solver: Solver) -> bool:
    fields = nodes.TRUE
    for n in compared:
        fields = nodes.land(fields, _same(n))
    return solver.may_hold((), nodes.lnot(nodes.eq(equal, fields))) == "no"


def _implies(equal: Expr, consequence: Expr, solver: Solver) -> bool:
    return solver.may_hold((), nodes.land(equal, nodes.lnot(consequence))) == "no"


def _key_type(function: ir.Function, program: ir.Program) -> str | None:
    """The struct that the function casts its arguments to."""
    names = [p.type_name for p in function.parameters]
    for block in function.blocks:
        names.extend(i.type_name for i in block.instructions if isinstance(i, ir.Alloca))
    for name in names:
        pointee = Layout(program.structs).pointee(name)
        if pointee in program.structs:
            return pointee
    return None


def _fields(compared: list[int], type_name: str | None, layout: Layout) -> tuple[KeyField, ...]:
    """Bytes grouped by struct members; the rest in runs."""
    rest, result = set(compared), []
    for name, offset, size in layout.members(type_name) if type_name else ():
        if all(n in rest for n in range(offset, offset + size)):
            result.append(KeyField(name, offset, size))
            rest.difference_update(range(offset, offset + size))
    while rest:
        first = end = min(rest)
        while end in rest:
            rest.discard(end)
            end += 1
        result.append(KeyField(f"bytes_{first}_{end - 1}", first, end - first))
    return tuple(sorted(result, key=lambda f: f.offset))
