"""What is mutated: conditions (always, never, one part less), guards, yields, and the tables of modules."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mutant:
    """``where`` (the function, or the table, of ``file``) and ``change`` name it, also when lines move.

    ``lines``: a test that executes none of them cannot tell; None: any test may.  ``code``: of the whole module.
    """

    file: Path
    where: str
    change: str
    lines: range | None
    code: CodeType


@dataclass(frozen=True, slots=True)
class _Place:
    """A node's place in the tree: ``parent.field``, or element ``index`` of that."""

    parent: ast.AST
    field: str
    index: int | None = None

    def put(self, new: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, new)
        else:
            getattr(self.parent, self.field)[self.index] = new


@dataclass(frozen=True, slots=True)
class _Edit:
    """What is at ``place``, ``old``, becomes ``new``."""

    place: _Place
    old: ast.expr | ast.stmt
    new: ast.expr | ast.stmt
    change: str

    def compiled(self, tree: ast.Module, file: Path) -> CodeType:
        """The module with the edit; the tree is as before then."""
        self.place.put(ast.copy_location(self.new, self.old))
        try:
            return compile(ast.fix_missing_locations(tree), str(file), "exec")
        finally:
            self.place.put(self.old)


def mutants(file: Path, functions: frozenset[str] = frozenset()) -> list[Mutant]:
    """All mutants of a file, or of some of its functions (and tables)."""
    tree = ast.parse(file.read_text())
    made: list[Mutant] = []
    seen: Counter[tuple[str, str]] = Counter()
    for where, edits, executed in _parts(tree):
        for edit in edits if not functions or where in functions else ():
            seen[where, edit.change] += 1
            number = seen[where, edit.change]
            change = edit.change if number == 1 else f"{edit.change} (number {number})"
            lines = range(edit.old.lineno, (edit.old.end_lineno or edit.old.lineno) + 1) if executed else None
            made.append(Mutant(file, where, change, lines, edit.compiled(tree, file)))
    return made


def _parts(tree: ast.Module) -> Iterator[tuple[str, Iterator[_Edit], bool]]:
    """Tables and functions: their names, what can be changed, and whether a test must execute it to notice."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name, _of_table(node), False
            case ast.FunctionDef():
                yield node.name, _of_body(node), True
            case ast.ClassDef():
                for method in (n for n in node.body if isinstance(n, ast.FunctionDef)):
                    yield f"{node.name}.{method.name}", _of_body(method), True


def _of_table(statement: ast.Assign | ast.AnnAssign) -> Iterator[_Edit]:
    """A table of the module without one of its rows."""
    table, place = statement.value, _Place(statement, "value")
    if isinstance(table, ast.Tuple):
        for n, row in enumerate(table.elts):
            yield _Edit(place, table, ast.Tuple(_without(table.elts, n), ast.Load()), f"without {ast.unparse(row)}")
    elif isinstance(table, ast.Dict):
        for n, key in enumerate(table.keys):
            row = ast.unparse(key or table.values[n])
            yield _Edit(place, table, ast.Dict(_without(table.keys, n), _without(table.values, n)), f"without {row}")


def _without(elements: list[T], n: int) -> list[T]:
    return elements[:n] + elements[n + 1 :]


# ------------------------------------------------------------------- functions

#: Members of nodes that do nothing.
_NO_CODE = ("annotation", "returns", "decorator_list", "args", "msg")


def _of_body(node: ast.AST) -> Iterator[_Edit]:
    """The edits of all that is in ``node``."""
    for field, value in ast.iter_fields(node):
        if field in _NO_CODE and not isinstance(node, ast.Call):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.expr):
                place = _Place(node, field, index)
                if _is_condition(node, field, child):
                    yield from _of_condition(place, child)
                yield from _of_expression(place, child)
            elif isinstance(child, ast.stmt) and not isinstance(child, ast.Assert):
                yield from _of_statement(_Place(node, field, index), node, child)
            if isinstance(child, ast.AST) and not isinstance(child, ast.Assert):
                yield from _of_body(child)


def _of_statement(place: _Place, parent: ast.AST, s: ast.stmt) -> Iterator[_Edit]:
    """Without a statement that is more than its condition's only one (then the condition never holds)."""
    alone = isinstance(parent, ast.If) and not parent.orelse and len(parent.body) == 1
    if alone or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)):
        return
    text = f"without {_first_line(s)}"
    match s:
        case ast.Expr(value=ast.Yield() | ast.YieldFrom()):
            # Still a generator.
            yield _Edit(place, s, ast.Expr(ast.YieldFrom(ast.Tuple([], ast.Load()))), text)
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break():
            yield _Edit(place, s, ast.Pass(), text)


def _is_condition(parent: ast.AST, field: str, e: ast.expr) -> bool:
    """Whether ``e`` decides: a test, or a truth value that is made or looked for."""
    if field in ("test", "ifs", "guard"):
        return True
    if isinstance(parent, ast.GeneratorExp) and field == "elt":
        return _is_truth(e)
    return isinstance(parent, ast.Return | ast.Assign) and field == "value" and _is_truth(e)


def _is_truth(e: ast.expr) -> bool:
    match e:
        case ast.BoolOp(values=parts):
            return all(map(_is_truth, parts))
        case ast.Compare() | ast.UnaryOp(op=ast.Not()):
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in ("any", "all", "bool", "isinstance")
    return False


def _of_condition(place: _Place, e: ast.expr) -> Iterator[_Edit]:
    """Always, never, and with one part less.  (Negated would be noticed more easily than each of these.)"""
    if isinstance(e, ast.Constant):
        return
    yield _Edit(place, e, ast.Constant(True), f"always: {ast.unparse(e)}")
    yield _Edit(place, e, ast.Constant(False), f"never: {ast.unparse(e)}")
    yield from _with_less(place, e, ast.unparse(e))


def _with_less(place: _Place, e: ast.expr, whole: str) -> Iterator[_Edit]:
    """Each part of a conjunction or disjunction left out, however deep."""
    match e:
        case ast.BoolOp(op=op, values=parts):
            for n, part in enumerate(parts):
                others = _without(parts, n)
                new = others[0] if len(others) == 1 else ast.BoolOp(op, others)
                yield _Edit(place, e, new, f"without {ast.unparse(part)} in: {whole}")
                yield from _with_less(_Place(e, "values", n), part, whole)
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            yield from _with_less(_Place(e, "operand"), inner, whole)


_OTHER_BOUND = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}


def _of_expression(place: _Place, e: ast.expr) -> Iterator[_Edit]:
    """Bounds moved by one; fewer cases, effects or roles; ``any`` for ``all``; one operand of a set operation."""
    text = ast.unparse(e)
    match e:
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as op], comparators=[ast.Tuple(elts=cases)]):
            for n, one in enumerate(cases):
                fewer = ast.Tuple(_without(cases, n), ast.Load())
                yield _Edit(place, e, ast.Compare(left, [op], [fewer]), f"without {ast.unparse(one)} in: {text}")
        case ast.Compare(left=left, ops=ops, comparators=others):
            for n, op in enumerate(ops):
                if type(op) in _OTHER_BOUND:
                    moved = [*ops[:n], _OTHER_BOUND[type(op)](), *ops[n + 1 :]]
                    new = ast.Compare(left, moved, others)
                    yield _Edit(place, e, new, f"{ast.unparse(new)} for: {text}")
        case ast.Call(func=ast.Name(id="any" | "all" as name), args=[ast.GeneratorExp() | ast.Call()]):
            other = ast.Name({"any": "all", "all": "any"}[name], ast.Load())
            yield _Edit(place, e, ast.Call(other, e.args, e.keywords), f"{other.id} for: {text}")
        case ast.Call(func=func, args=arguments) if len(arguments) > 1:
            for n, a in enumerate(arguments):
                if isinstance(a, ast.Attribute) and isinstance(a.value, ast.Name) and a.value.id in ("Effect", "Role"):
                    new_call = ast.Call(func, _without(arguments, n), e.keywords)
                    yield _Edit(place, e, new_call, f"without {ast.unparse(a)} in: {text}")
        case ast.BinOp(left=left, op=ast.Sub() | ast.BitOr() | ast.BitAnd() as op, right=right):
            yield _Edit(place, e, left, f"without {ast.unparse(right)} in: {text}")
            if not isinstance(op, ast.Sub):
                yield _Edit(place, e, right, f"without {ast.unparse(left)} in: {text}")


def _first_line(s: ast.stmt) -> str:
    return ast.unparse(s).splitlines()[0]
