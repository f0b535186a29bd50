"""Refuses expressions whose value depends on an order of evaluation that C leaves to the compiler.

The lowering evaluates from left to right, gcc often from right to left.  That is the same unless one operand writes
what another one reads or writes.  Whether it may is decided on the syntax trees of all units together:

- A variable whose address goes nowhere but into functions that do not keep it is a place of its own; all other memory
  is one place (`library.MEMORY`).
- A function does what its body does.  What functions without a body do is in `library`; one that is not there may write
  all places and call every function whose address is taken.
- Functions that the entry points of the NF do not reach are not judged: nobody calls them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pycparser.c_generator import CGenerator

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.frontend.effects import NOTHING, Effects, Facts, Function, all_nodes, collect, reached
from maestro_tool.frontend.library import ERRNO, MEMORY, PLACES, behaviour
from maestro_tool.frontend.parse import Unit, c_ast, position
from maestro_tool.frontend.preprocess import is_own

_STEPS = ("p++", "p--", "++", "--")
_COMPARISONS = ("==", "!=", "<", ">", "<=", ">=")
_UNKNOWN = Effects(PLACES, PLACES)


def check_order(units: Sequence[Unit]) -> None:
    """Raises `UnsupportedError` at an expression in the user's files whose operands may interfere."""
    facts = collect(units)
    walkers = [_Walker(facts, f) for found in facts.functions.values() for f in found]
    before: tuple[int, ...] = ()
    while before != facts.size():
        before = facts.size()
        for walker in walkers:
            walker.summarise()
    called = reached(facts, units)
    for walker in walkers:
        function = walker.function
        if function.name in called and is_own(function.unit.source.file(position(function.node)[0])):
            walker.checking = True
            walker.summarise()


class _Walker:
    """One function's expressions."""

    def __init__(self, facts: Facts, function: Function) -> None:
        self.facts = facts
        self.function = function
        self.checking = False

    def summarise(self) -> None:
        done = self.value(self.function.node.body)
        known = self.facts.summaries.get(self.function.name, NOTHING)
        self.facts.summaries[self.function.name] = Effects(
            known.reads | self._lasting(done.reads), known.writes | self._lasting(done.writes)
        )

    def _lasting(self, places: Iterable[str]) -> frozenset[str]:
        """Without the function's own variables, which each call has anew."""
        own = {f"{self.function.name}.{n}" for n, static in self.function.locals.items() if not static}
        return frozenset(p for p in self._resolved(places) if p not in own)

    def _resolved(self, places: Iterable[str]) -> frozenset[str]:
        return frozenset(MEMORY if p in self.facts.escaped else p for p in places)

    def _keys(self, name: str) -> frozenset[str]:
        """The variables that a name may mean: a local one, and the global one that it hides somewhere."""
        keys = {f"{self.function.name}.{name}"} if name in self.function.locals else set()
        if name in self.facts.globals:
            keys.add(name)
        elif not (keys or name in self.facts.functions or (id(self.function.unit), name) in self.facts.enumerators):
            keys.add(ERRNO if name == "errno" else MEMORY)  # defined elsewhere
        return frozenset(keys)

    # ----------------------------------------------------------------------- expressions

    def value(self, node: Any) -> Effects:
        """What evaluating ``node``, an expression or a statement, reads and writes."""
        match node:
            case None | c_ast.Constant() | c_ast.Typename() | c_ast.Typedef():
                return NOTHING
            case c_ast.ID():
                return self._named(node)
            case c_ast.Decl():
                return self.value(node.init)
            case c_ast.Cast():
                return self.value(node.expr)
            case c_ast.TypeOf():
                return NOTHING
            case c_ast.CompoundLiteral():
                return self.value(node.init)
            case c_ast.NamedInitializer():
                return self.value(node.expr)
            case c_ast.InitList():
                return self._unordered(node, [self.value(e) for e in node.exprs])
            case c_ast.UnaryOp():
                return self._unary(node)
            case c_ast.BinaryOp(op="&&" | "||"):
                return _sequenced(self.value(node.left)) | self.value(node.right)
            case c_ast.BinaryOp():
                operand = self._pointer if node.op in _COMPARISONS else self.value
                return self._unordered(node, [operand(node.left), operand(node.right)])
            case c_ast.Assignment():
                return self._assignment(node)
            case c_ast.FuncCall():
                return self._call(node)
            case c_ast.ArrayRef() | c_ast.StructRef():
                return self._read(node)
            case c_ast.Compound():
                return self._block(node)
        result = NOTHING  # statements, ``?:`` and the comma: one after the other
        for _, child in node.children():
            result = _sequenced(result) | self.value(child)
        return result

    def _block(self, node: Any) -> Effects:
        result, own = NOTHING, set()
        for child in node.block_items or ():
            result = _sequenced(result) | self.value(child)
            if isinstance(child, c_ast.Decl) and child.name and not ({"static", "extern"} & set(child.storage)):
                own.add(f"{self.function.name}.{child.name}")
        if node is self.function.node.body:
            return result
        return Effects(result.reads - own, result.writes - own)

    def _named(self, node: Any) -> Effects:
        keys = self._keys(node.name)
        if not keys:
            if node.name in self.facts.functions:
                self.facts.taken.add(node.name)
            return NOTHING
        if keys & self.facts.arrays:
            self.facts.escaped.update(keys)
            return NOTHING
        self.facts.kept.update(keys)
        return Effects(keys)

    def _pointer(self, node: Any) -> Effects:
        """The value of a pointer that is only followed or compared."""
        while isinstance(node, c_ast.Cast):
            node = node.expr
        keys = self._keys(node.name) if isinstance(node, c_ast.ID) else frozenset[str]()
        if keys and not keys & self.facts.arrays:
            return Effects(keys)
        return self.value(node)  # also the address of a function, which others may call then

    def _place(self, node: Any) -> tuple[Effects, frozenset[str]]:
        """What finding the object reads and writes, and which object it is."""
        match node:
            case c_ast.ID():
                return NOTHING, self._keys(node.name)
            case c_ast.StructRef(type="."):
                return self._place(node.name)
            case c_ast.StructRef():
                return self._pointer(node.name), frozenset({MEMORY})
            case c_ast.ArrayRef():
                base, target = self._base(node.name)
                if self._counted(node):
                    return base | self.value(node.subscript), target
                return self._unordered(node, [base, self.value(node.subscript)]), target
            case c_ast.UnaryOp(op="*"):
                return self._pointer(node.expr), frozenset({MEMORY})
        return self.value(node), frozenset()

    def _base(self, node: Any) -> tuple[Effects, frozenset[str]]:
        """Of ``base[i]``: an array that is indexed where it is, or a pointer that is followed."""
        if isinstance(node, c_ast.ID) and self._keys(node.name) & self.facts.arrays:
            return NOTHING, self._keys(node.name)
        inner_array = isinstance(node, c_ast.ArrayRef)
        if inner_array or (isinstance(node, c_ast.StructRef) and node.field.name in self.facts.array_members):
            found, target = self._place(node)
            if not inner_array and node.field.name not in self.facts.other_members:
                return found, target
            return found | Effects(target), target | {MEMORY}  # the member may be a pointer in another struct
        return self._pointer(node), frozenset({MEMORY})

    def _counted(self, node: Any) -> bool:
        """``x->items[x->n++]``: two members of one struct, which lie apart."""
        base, step = node.name, node.subscript
        if not (isinstance(step, c_ast.UnaryOp) and step.op in _STEPS):
            return False
        members = (base, step.expr)
        return (
            all(isinstance(m, c_ast.StructRef) and m.field.name not in self.facts.union_members for m in members)
            and base.field.name != step.expr.field.name
            and base.type == step.expr.type
            and isinstance(base.name, c_ast.ID)
            and isinstance(step.expr.name, c_ast.ID)
            and base.name.name == step.expr.name.name
            and self._keys(base.name.name).isdisjoint(self.facts.escaped | {MEMORY})
        )

    def _read(self, node: Any) -> Effects:
        found, target = self._place(node)
        if isinstance(node, c_ast.StructRef) and node.field.name in self.facts.array_members:
            self.facts.escaped.update(target)
            if node.field.name not in self.facts.other_members:
                return found  # only its address
        if isinstance(node, c_ast.ArrayRef) and isinstance(node.name, c_ast.ArrayRef):
            self.facts.escaped.update(target - {MEMORY})  # may be a row of an array of arrays
        return found | Effects(target)

    def _unary(self, node: Any) -> Effects:
        if node.op in ("sizeof", "_Alignof"):
            return NOTHING
        if node.op == "&":
            if isinstance(node.expr, c_ast.ID) and not self._keys(node.expr.name):
                return self._named(node.expr)
            found, target = self._place(node.expr)
            self.facts.escaped.update(target)
            return found
        if node.op in _STEPS:
            found, target = self._place(node.expr)
            steps = target if isinstance(node.expr, c_ast.ID) else frozenset()
            return found | Effects(target, target, steps)
        if node.op == "*":
            return self._read_through(node)
        return self._pointer(node.expr) if node.op == "!" else self.value(node.expr)

    def _read_through(self, node: Any) -> Effects:
        found, target = self._place(node)
        return found | Effects(target)

    def _assignment(self, node: Any) -> Effects:
        right = self.value(node.rvalue)
        found, target = self._place(node.lvalue)
        left = found if node.op == "=" else found | Effects(target)
        both = self._unordered(node, [left, right])
        if self.checking and right.steps & target:
            self._refuse(node)
        return both | Effects(frozenset(), target)

    # ----------------------------------------------------------------------- calls

    def _call(self, node: Any) -> Effects:
        name = node.name.name if isinstance(node.name, c_ast.ID) and not self._is_variable(node.name.name) else None
        arguments = node.args.exprs if node.args is not None else []
        operands = [] if name is not None else [self.value(node.name)]
        through: list[frozenset[str]] = []  # per argument, what its address is passed of
        for index, argument in enumerate(arguments):
            effects, target = self._argument(name, index, argument)
            operands.append(effects)
            through.append(target)
        done = self._unordered(node, operands)
        if name is not None and name.startswith("__builtin_va_"):
            moved = frozenset[str]({MEMORY}).union(*through[:1])  # the list goes on to its next argument
            return done | Effects(moved, moved)
        return _sequenced(done) | self._callee(name, through)

    def _is_variable(self, name: str) -> bool:
        return name in self.function.locals or name in self.facts.globals

    def _argument(self, name: str | None, index: int, node: Any) -> tuple[Effects, frozenset[str]]:
        bare = node
        while isinstance(bare, c_ast.Cast):
            bare = bare.expr
        if name is None or self._keeps(name, index):
            return self.value(node), frozenset({MEMORY})
        if isinstance(bare, c_ast.ID) and self._keys(bare.name) & self.facts.arrays:
            return NOTHING, self._keys(bare.name)
        if isinstance(bare, c_ast.UnaryOp) and bare.op == "&":
            variable = isinstance(bare.expr, c_ast.ID) and self._keys(bare.expr.name)
            if variable or isinstance(bare.expr, c_ast.StructRef | c_ast.ArrayRef):
                return self._place(bare.expr)
        return self._pointer(bare), frozenset({MEMORY})

    def _keeps(self, name: str, index: int) -> bool:
        """Whether the function may store an argument's value somewhere, or return it."""
        bodies = self.facts.functions.get(name)
        if bodies:
            return any(
                index >= len(f.params) or f"{name}.{f.params[index]}" in self.facts.kept | self.facts.escaped
                for f in bodies
            )
        known = behaviour(name)
        return known is None or known.keeps

    def _callee(self, name: str | None, through: list[frozenset[str]]) -> Effects:
        if name is not None and name in self.facts.functions:
            done = self.facts.summaries.get(name, NOTHING)
            passed = frozenset[str]().union(*through)
            reads = passed if MEMORY in done.reads else frozenset[str]()
            writes = passed if MEMORY in done.writes else frozenset[str]()
            return done | Effects(reads, writes)
        known = behaviour(name) if name is not None else None
        if known is None:
            return _UNKNOWN | self.facts.called_back(values_only=False)
        reads, writes = known.uses | known.changes, known.changes
        if not self.facts.errno_matters:
            reads, writes = reads - {ERRNO}, writes - {ERRNO}
        result = Effects(
            reads.union(*(through[i] for i in known.reads if i < len(through))),
            writes.union(*(through[i] for i in known.writes if i < len(through))),
        )
        if known.calls == "none":
            return result
        # They may be given what the call was given.
        back, passed = self.facts.called_back(values_only=known.calls == "answering"), frozenset[str]().union(*through)
        reads = passed if MEMORY in back.reads else frozenset()
        writes = passed if MEMORY in back.writes else frozenset()
        return result | back | Effects(reads, writes)

    # ----------------------------------------------------------------------- the check

    def _unordered(self, node: Any, operands: list[Effects]) -> Effects:
        """All of the operands; refuses if it matters which comes first."""
        result = NOTHING
        for operand in operands:
            if self.checking and (self._interferes(result, operand) or self._interferes(operand, result)):
                self._refuse(node)
            result |= operand
        return result

    def _interferes(self, writer: Effects, other: Effects) -> bool:
        written, used = writer.writes, other.reads | other.writes
        if written & used:
            return True
        # Two variables accessed by name are apart; a pointer may lead to any whose address goes somewhere.
        escaped = self.facts.escaped
        return (MEMORY in written and bool(used & escaped)) or (MEMORY in used and bool(written & escaped))

    def _refuse(self, node: Any) -> None:
        hint = "one operand may change what another one uses: compute them in separate statements"
        apart = _two_statements(node)
        raise UnsupportedError(
            "the value depends on which operand is evaluated first, and C does not say which",
            self.function.unit.location(node),
            hint=hint if apart is None else f"{hint}: {apart}",
        )


def _two_statements(node: Any) -> str | None:
    """``a[n++] = *p`` as ``a[n] = *p; n++;``: what is meant where a place steps a variable of its own."""
    if not (isinstance(node, c_ast.Assignment) and isinstance(node.lvalue, c_ast.ArrayRef)):
        return None
    step = node.lvalue.subscript
    others = [n for part in (node.lvalue.name, node.rvalue) for n in all_nodes(part)]
    if not (isinstance(step, c_ast.UnaryOp) and step.op in _STEPS):
        return None
    if any(isinstance(n, c_ast.FuncCall | c_ast.Assignment) or getattr(n, "op", "") in _STEPS for n in others):
        return None
    write = CGenerator().visit
    access = f"{write(node.lvalue.name)}[{write(step.expr)}] {node.op} {write(node.rvalue)};"
    stepped = f"{write(step)};"
    return f"{access} {stepped}" if step.op.startswith("p") else f"{stepped} {access}"


def _sequenced(effects: Effects) -> Effects:
    return effects._replace(steps=frozenset())
