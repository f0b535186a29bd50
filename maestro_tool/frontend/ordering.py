"""Refuses expressions whose value depends on an order of evaluation that C leaves to the compiler.

The lowering evaluates from left to right, gcc often from right to left.  That is the same unless one operand writes
what another one reads or writes.  Whether it may is decided on the syntax trees of all units together:

- A variable whose address goes nowhere but into functions that do not keep it is a place of its own; all other memory
  is one place (`_MEMORY`), as is what the library and the outside hold (`_STATE`).
- A function does what its body does.  A function without a body may write all memory and call every function whose
  address is taken, but for those in `_KNOWN`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pycparser.c_generator import CGenerator

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.frontend.parse import Unit, c_ast, position
from maestro_tool.frontend.preprocess import is_own

_MEMORY = "*"
_STATE = "(state)"
_STEPS = ("p++", "p--", "++", "--")
_COMPARISONS = ("==", "!=", "<", ">", "<=", ">=")


class _Effects(NamedTuple):
    """Places read and written; ``steps``: variables changed by ++ and --, with no sequence point since."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    steps: frozenset[str] = frozenset()

    def __or__(self, other: _Effects) -> _Effects:
        return _Effects(self.reads | other.reads, self.writes | other.writes, self.steps | other.steps)


_NOTHING = _Effects()
_UNKNOWN = _Effects(frozenset({_MEMORY, _STATE}), frozenset({_MEMORY, _STATE}))


class _Known(NamedTuple):
    """A function without a body: arguments it reads and writes through, what it does to the state, what it calls."""

    reads: tuple[int, ...] = ()
    writes: tuple[int, ...] = ()
    state: str = ""
    keeps: bool = False
    calls_back: bool = False


_PURE = (
    "abs labs llabs htons htonl ntohs ntohl toupper tolower isdigit isspace isalpha isalnum isupper islower isxdigit "
    "isprint ispunct isgraph isblank iscntrl ceil floor round trunc sqrt fabs exp log log2 log10 pow fmin fmax fmod "
    "rte_eth_dev_count_avail rte_eth_dev_is_valid_port strerror"
)

_KNOWN: dict[str, _Known] = {
    "map_get": _Known((1,), (2,), "r", calls_back=True),
    "map_put": _Known((1,), (), "rw", keeps=True, calls_back=True),
    "map_erase": _Known((1,), (2,), "rw", calls_back=True),
    "map_size": _Known(state="r"),
    "vector_borrow": _Known((), (2,)),
    "vector_return": _Known(),
    "dchain_allocate_new_index": _Known((), (1,), "rw"),
    "dchain_rejuvenate_index": _Known(state="rw"),
    "dchain_free_index": _Known(state="rw"),
    "dchain_is_index_allocated": _Known(state="r"),
    "dchain_expire_one_index": _Known((), (1,), "rw"),
    **dict.fromkeys(("dmap_get_a", "dmap_get_b"), _Known((1,), (2,), "r", calls_back=True)),
    "dmap_size": _Known(state="r"),
    "lpm_lookup_elem": _Known(state="r"),
    "lpm_update_elem": _Known(state="rw"),
    "strlen": _Known((0,)),
    "strcmp": _Known((0, 1)),
    "strncmp": _Known((0, 1)),
    "memcmp": _Known((0, 1)),
    "memcpy": _Known((1,), (0,), keeps=True),  # its result is the address
    "memset": _Known((), (0,), keeps=True),
    **dict.fromkeys(("atoi", "atol", "atoll", "atof", "strcasecmp", "strncasecmp"), _Known((0, 1))),
    **dict.fromkeys(("strtol", "strtoul", "strtoll", "strtoull"), _Known((0,), (1,), keeps=True)),
    **dict.fromkeys(_PURE.split(), _Known()),
}


@dataclass(slots=True)
class _Function:
    node: Any
    unit: Unit
    name: str
    params: tuple[str, ...]
    locals: dict[str, bool] = field(default_factory=dict)  # name -> whether static


@dataclass(slots=True)
class _Facts:
    """What all functions together do; grows until it no longer changes."""

    globals: set[str] = field(default_factory=set)  # defined in these units
    enumerators: set[tuple[int, str]] = field(default_factory=set)  # with the identity of their unit
    functions: dict[str, list[_Function]] = field(default_factory=dict)
    arrays: set[str] = field(default_factory=set)  # keys of variables
    array_types: set[str] = field(default_factory=set)
    array_members: set[str] = field(default_factory=set)
    other_members: set[str] = field(default_factory=set)
    union_members: set[str] = field(default_factory=set)
    summaries: dict[str, _Effects] = field(default_factory=dict)
    escaped: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)  # keys of parameters whose value goes on
    taken: set[str] = field(default_factory=set)  # functions

    def size(self) -> tuple[int, ...]:
        effects = sum(len(s.reads) + len(s.writes) for s in self.summaries.values())
        return effects, len(self.escaped), len(self.kept), len(self.taken)

    def called_back(self, *, values_only: bool) -> _Effects:
        """What functions do that others may call by their address; ``values_only``: those that return something."""
        result = _NOTHING
        for name in self.taken:
            if values_only and all(_returns_nothing(f.node) for f in self.functions.get(name, ())):
                continue
            result |= self.summaries.get(name, _NOTHING)
        return result


def check_order(units: Sequence[Unit]) -> None:
    """Raises `UnsupportedError` at an expression in the user's files whose operands may interfere."""
    facts = _collect(units)
    walkers = [_Walker(facts, f) for found in facts.functions.values() for f in found]
    before: tuple[int, ...] = ()
    while before != facts.size():
        before = facts.size()
        for walker in walkers:
            walker.summarise()
    for walker in walkers:
        if is_own(walker.function.unit.source.file(position(walker.function.node)[0])):
            walker.checking = True
            walker.summarise()


def _returns_nothing(node: Any) -> bool:
    result = node.decl.type.type
    names = getattr(getattr(result, "type", None), "names", None)
    return isinstance(result, c_ast.TypeDecl) and names == ["void"]


def _collect(units: Sequence[Unit]) -> _Facts:
    facts = _Facts()
    for unit in units:
        for node in _all_nodes(unit.tree):
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
                        within = _all_nodes(member) if isinstance(node, c_ast.Union) else ()
                        facts.union_members.update(n.name for n in within if isinstance(n, c_ast.Decl) and n.name)
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
                facts.escaped.update(n.name for n in _all_nodes(node.init) if isinstance(n, c_ast.ID))
                facts.taken.update(n.name for n in _all_nodes(node.init) if isinstance(n, c_ast.ID))
    return facts


def _function(facts: _Facts, unit: Unit, node: Any) -> _Function:
    declared = node.decl.type.args.params if node.decl.type.args is not None else []
    names = tuple(getattr(p, "name", None) or "" for p in declared)
    function = _Function(node, unit, node.decl.name, names, {n: False for n in names if n})
    for inner in _all_nodes(node.body):
        if isinstance(inner, c_ast.Decl) and inner.name and not isinstance(inner.type, c_ast.FuncDecl):
            if "extern" in inner.storage:
                continue
            function.locals[inner.name] = function.locals.get(inner.name, False) or "static" in inner.storage
            if _is_array(facts, inner.type):
                facts.arrays.add(f"{function.name}.{inner.name}")
    return function


def _is_array(facts: _Facts, type_: Any) -> bool:
    if isinstance(type_, c_ast.ArrayDecl):
        return True
    names = getattr(getattr(type_, "type", None), "names", ()) if isinstance(type_, c_ast.TypeDecl) else ()
    return any(n in facts.array_types for n in names)


def _all_nodes(node: Any) -> Iterable[Any]:
    todo = [node]
    while todo:
        found = todo.pop()
        yield found
        todo.extend(reversed([child for _, child in found.children()]))


class _Walker:
    """One function's expressions."""

    def __init__(self, facts: _Facts, function: _Function) -> None:
        self.facts = facts
        self.function = function
        self.checking = False

    def summarise(self) -> None:
        done = self.value(self.function.node.body)
        known = self.facts.summaries.get(self.function.name, _NOTHING)
        self.facts.summaries[self.function.name] = _Effects(
            known.reads | self._lasting(done.reads), known.writes | self._lasting(done.writes)
        )

    def _lasting(self, places: Iterable[str]) -> frozenset[str]:
        """Without the function's own variables, which each call has anew."""
        own = {f"{self.function.name}.{n}" for n, static in self.function.locals.items() if not static}
        return frozenset(p for p in self._resolved(places) if p not in own)

    def _resolved(self, places: Iterable[str]) -> frozenset[str]:
        return frozenset(_MEMORY if p in self.facts.escaped else p for p in places)

    def _keys(self, name: str) -> frozenset[str]:
        """The variables that a name may mean: a local one, and the global one that it hides somewhere."""
        keys = {f"{self.function.name}.{name}"} if name in self.function.locals else set()
        if name in self.facts.globals:
            keys.add(name)
        elif not (keys or name in self.facts.functions or (id(self.function.unit), name) in self.facts.enumerators):
            keys.add(_MEMORY)  # defined elsewhere
        return frozenset(keys)

    # ----------------------------------------------------------------------- expressions

    def value(self, node: Any) -> _Effects:
        """What evaluating ``node``, an expression or a statement, reads and writes."""
        match node:
            case None | c_ast.Constant() | c_ast.Typename() | c_ast.Typedef():
                return _NOTHING
            case c_ast.ID():
                return self._named(node)
            case c_ast.Decl():
                return self.value(node.init)
            case c_ast.Cast():
                return self.value(node.expr)
            case c_ast.TypeOf():
                return _NOTHING
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
        result = _NOTHING  # statements, ``?:`` and the comma: one after the other
        for _, child in node.children():
            result = _sequenced(result) | self.value(child)
        return result

    def _block(self, node: Any) -> _Effects:
        result, own = _NOTHING, set()
        for child in node.block_items or ():
            result = _sequenced(result) | self.value(child)
            if isinstance(child, c_ast.Decl) and child.name and not ({"static", "extern"} & set(child.storage)):
                own.add(f"{self.function.name}.{child.name}")
        if node is self.function.node.body:
            return result
        return _Effects(result.reads - own, result.writes - own)

    def _named(self, node: Any) -> _Effects:
        keys = self._keys(node.name)
        if not keys:
            if node.name in self.facts.functions:
                self.facts.taken.add(node.name)
            return _NOTHING
        if keys & self.facts.arrays:
            self.facts.escaped.update(keys)
            return _NOTHING
        self.facts.kept.update(keys)
        return _Effects(keys)

    def _pointer(self, node: Any) -> _Effects:
        """The value of a pointer that is only followed or compared."""
        while isinstance(node, c_ast.Cast):
            node = node.expr
        if isinstance(node, c_ast.ID) and not self._keys(node.name) & self.facts.arrays:
            return _Effects(self._keys(node.name))
        return self.value(node)

    def _place(self, node: Any) -> tuple[_Effects, frozenset[str]]:
        """What finding the object reads and writes, and which object it is."""
        match node:
            case c_ast.ID():
                return _NOTHING, self._keys(node.name)
            case c_ast.StructRef(type="."):
                return self._place(node.name)
            case c_ast.StructRef():
                return self._pointer(node.name), frozenset({_MEMORY})
            case c_ast.ArrayRef():
                base, target = self._base(node.name)
                if self._counted(node):
                    return base | self.value(node.subscript), target
                return self._unordered(node, [base, self.value(node.subscript)]), target
            case c_ast.UnaryOp(op="*"):
                return self._pointer(node.expr), frozenset({_MEMORY})
        return self.value(node), frozenset()

    def _base(self, node: Any) -> tuple[_Effects, frozenset[str]]:
        """Of ``base[i]``: an array that is indexed where it is, or a pointer that is followed."""
        if isinstance(node, c_ast.ID) and self._keys(node.name) & self.facts.arrays:
            return _NOTHING, self._keys(node.name)
        inner_array = isinstance(node, c_ast.ArrayRef)
        if inner_array or (isinstance(node, c_ast.StructRef) and node.field.name in self.facts.array_members):
            found, target = self._place(node)
            if not inner_array and node.field.name not in self.facts.other_members:
                return found, target
            return found | _Effects(target), target | {_MEMORY}  # the member may be a pointer in another struct
        return self._pointer(node), frozenset({_MEMORY})

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
            and self._keys(base.name.name).isdisjoint(self.facts.escaped | {_MEMORY})
        )

    def _read(self, node: Any) -> _Effects:
        found, target = self._place(node)
        if isinstance(node, c_ast.StructRef) and node.field.name in self.facts.array_members:
            self.facts.escaped.update(target)
        if isinstance(node, c_ast.ArrayRef) and isinstance(node.name, c_ast.ArrayRef):
            self.facts.escaped.update(target - {_MEMORY})  # may be a row of an array of arrays
        return found | _Effects(target)

    def _unary(self, node: Any) -> _Effects:
        if node.op in ("sizeof", "_Alignof"):
            return _NOTHING
        if node.op == "&":
            if isinstance(node.expr, c_ast.ID) and not self._keys(node.expr.name):
                return self._named(node.expr)
            found, target = self._place(node.expr)
            self.facts.escaped.update(target)
            return found
        if node.op in _STEPS:
            found, target = self._place(node.expr)
            steps = target if isinstance(node.expr, c_ast.ID) else frozenset()
            return found | _Effects(target, target, steps)
        if node.op == "*":
            return self._read_through(node)
        return self._pointer(node.expr) if node.op == "!" else self.value(node.expr)

    def _read_through(self, node: Any) -> _Effects:
        found, target = self._place(node)
        return found | _Effects(target)

    def _assignment(self, node: Any) -> _Effects:
        right = self.value(node.rvalue)
        found, target = self._place(node.lvalue)
        left = found if node.op == "=" else found | _Effects(target)
        both = self._unordered(node, [left, right])
        if self.checking and right.steps & target:
            self._refuse(node)
        return both | _Effects(frozenset(), target)

    # ----------------------------------------------------------------------- calls

    def _call(self, node: Any) -> _Effects:
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
            moved = frozenset[str]({_MEMORY}).union(*through[:1])  # the list goes on to its next argument
            return done | _Effects(moved, moved)
        return _sequenced(done) | self._callee(name, through)

    def _is_variable(self, name: str) -> bool:
        return name in self.function.locals or name in self.facts.globals

    def _argument(self, name: str | None, index: int, node: Any) -> tuple[_Effects, frozenset[str]]:
        bare = node
        while isinstance(bare, c_ast.Cast):
            bare = bare.expr
        if name is None or self._keeps(name, index):
            return self.value(node), frozenset({_MEMORY})
        if isinstance(bare, c_ast.ID) and self._keys(bare.name) & self.facts.arrays:
            return _NOTHING, self._keys(bare.name)
        if isinstance(bare, c_ast.UnaryOp) and bare.op == "&":
            variable = isinstance(bare.expr, c_ast.ID) and self._keys(bare.expr.name)
            if variable or isinstance(bare.expr, c_ast.StructRef | c_ast.ArrayRef):
                return self._place(bare.expr)
        return self._pointer(bare), frozenset({_MEMORY})

    def _keeps(self, name: str, index: int) -> bool:
        """Whether the function may store an argument's value somewhere, or return it."""
        bodies = self.facts.functions.get(name)
        if bodies:
            return any(
                index >= len(f.params) or f"{name}.{f.params[index]}" in self.facts.kept | self.facts.escaped
                for f in bodies
            )
        if name.startswith("__builtin_"):
            return False
        return name not in _KNOWN or _KNOWN[name].keeps

    def _callee(self, name: str | None, through: list[frozenset[str]]) -> _Effects:
        if name is not None and name in self.facts.functions:
            done = self.facts.summaries.get(name, _NOTHING)
            passed = frozenset[str]().union(*through)
            reads = passed if _MEMORY in done.reads else frozenset[str]()
            writes = passed if _MEMORY in done.writes else frozenset[str]()
            return done | _Effects(reads, writes)
        if name is not None and name.startswith("__builtin_"):
            return _NOTHING
        known = _KNOWN.get(name or "")
        if known is None:
            return _UNKNOWN | self.facts.called_back(values_only=False)
        result = _Effects(
            frozenset[str]().union(*(through[i] for i in known.reads if i < len(through))),
            frozenset[str]().union(*(through[i] for i in known.writes if i < len(through))),
        )
        state = frozenset({_STATE})
        result |= _Effects(state if known.state else frozenset(), state if "w" in known.state else frozenset())
        return result | self.facts.called_back(values_only=True) if known.calls_back else result

    # ----------------------------------------------------------------------- the check

    def _unordered(self, node: Any, operands: list[_Effects]) -> _Effects:
        """All of the operands; refuses if it matters which comes first."""
        result = _NOTHING
        for operand in operands:
            if self.checking and (self._interferes(result, operand) or self._interferes(operand, result)):
                self._refuse(node)
            result |= operand
        return result

    def _interferes(self, writer: _Effects, other: _Effects) -> bool:
        written, used = writer.writes, other.reads | other.writes
        if written & used:
            return True
        # Two variables accessed by name are apart; a pointer may lead to any whose address goes somewhere.
        escaped = self.facts.escaped
        return (_MEMORY in written and bool(used & escaped)) or (_MEMORY in used and bool(written & escaped))

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
    others = [n for part in (node.lvalue.name, node.rvalue) for n in _all_nodes(part)]
    if not (isinstance(step, c_ast.UnaryOp) and step.op in _STEPS):
        return None
    if any(isinstance(n, c_ast.FuncCall | c_ast.Assignment) or getattr(n, "op", "") in _STEPS for n in others):
        return None
    write = CGenerator().visit
    access = f"{write(node.lvalue.name)}[{write(step.expr)}] {node.op} {write(node.rvalue)};"
    stepped = f"{write(step)};"
    return f"{access} {stepped}" if step.op.startswith("p") else f"{stepped} {access}"


def _sequenced(effects: _Effects) -> _Effects:
    return effects._replace(steps=frozenset())
