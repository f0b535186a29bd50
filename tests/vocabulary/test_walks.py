"""Expressions have one home: nobody else walks over them, or has a table of their operators."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from maestro_tool.expr.operators import OPERATORS

PACKAGE = Path(__file__).parents[2] / "maestro_tool"

#: Functions that go on to arguments themselves (of those that call each other, the first), and why they must.
OWN_WALKS = {
    # Texts for people: what is shared is written wherever it occurs, until there is no room, and a name or a pattern of
    # several layers (a field, a swap, a minimum) comes before the operators in it.
    "packet/terms.py": {"_disorder", "_chosen"},
    "explain/words.py": {"_atom"},
    # A premise: along a sum, to the time that it has on one side.
    "sharding/lemmas/expiry_commutes.py": {"_is_age"},
    # The walk goes on to operands of functions that are not followed, which are no arguments.
    "symex/keys.py": {"_chained"},
}

#: The cases of these texts.
OWN_TABLES = ["explain/words.py", "packet/terms.py"]


def modules() -> Iterator[tuple[str, ast.Module]]:
    """All that have to do with expressions, but their home."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        text = path.read_text(encoding="utf-8")
        if "maestro_tool.expr" in text and not name.startswith("expr/"):
            yield name, ast.parse(text)


def names(node: ast.AST, attribute: str) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr == attribute for n in ast.walk(node))


def called(node: ast.AST) -> set[str]:
    """Functions and methods of the module, by name, that are called or handed on."""
    found = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    of_self = {
        n.attr
        for n in ast.walk(node)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id in ("self", "cls")
    }
    return found | of_self


def walks(module: ast.Module) -> set[str]:
    """Functions that come back to themselves and ask for operators and arguments on the way, or do so in a loop."""
    functions = {n.name: n for n in ast.walk(module) if isinstance(n, ast.FunctionDef)}
    calls = {name: called(f) & functions.keys() for name, f in functions.items()}
    found = {name for name, f in functions.items() if any(map(_goes_on, ast.walk(f)))}
    for name in functions:
        circle = {other for other in _reached(calls, name) if name in _reached(calls, other)}
        if circle and any(names(functions[n], "op") for n in circle) and any(_descends(functions[n]) for n in circle):
            found.add(min(circle))
    return found


def _reached(calls: dict[str, set[str]], start: str) -> set[str]:
    found, work = set[str](), [start]
    while work:
        for name in calls[work.pop()] - found:
            found.add(name)
            work.append(name)
    return found


def _descends(node: ast.AST) -> bool:
    """It takes arguments of something that has an operator."""
    return names(node, "args") and names(node, "op")


def _goes_on(node: ast.AST) -> bool:
    """A loop that puts arguments among what it still has to do."""
    if not isinstance(node, ast.While) or not names(node, "op"):
        return False
    grown = [n.value for n in ast.walk(node) if isinstance(n, ast.AugAssign)]
    grown += [
        a
        for n in ast.walk(node)
        if isinstance(n, ast.Call)
        and isinstance(n.func, ast.Attribute)
        and n.func.attr in ("extend", "append", "appendleft")
        for a in n.args
    ]
    return any(names(g, "args") for g in grown)


def tables(module: ast.Module) -> list[int]:
    """Lines with dictionaries, or chains of cases, by five or more operators."""
    found = []
    for n in ast.walk(module):
        keys: list[ast.AST] = []
        if isinstance(n, ast.Dict):
            keys = [k for k in n.keys if k is not None]
        elif isinstance(n, ast.Match):
            keys = [v.value for case in n.cases for v in ast.walk(case.pattern) if isinstance(v, ast.MatchValue)]
        literals = {k.value for k in keys if isinstance(k, ast.Constant)}
        if len(literals & OPERATORS.keys()) >= 5:
            found.append(n.lineno)
    return found


def test_nobody_else_walks_over_expressions() -> None:
    found = {name: own for name, module in modules() if (own := walks(module))}
    assert found == OWN_WALKS


def test_nobody_else_has_a_table_of_operators() -> None:
    assert [name for name, module in modules() for _ in tables(module)] == OWN_TABLES


WALK = "from maestro_tool.expr import Expr\ndef depth(e):\n"


@pytest.mark.parametrize(
    "body",
    [
        "    return 0 if e.op == 'sym' else 1 + max(depth(a) for a in e.args)",
        "    return 0 if e.op == 'sym' else 1 + max(map(depth, e.args))",
        "    return of_all(e) if e.op == 'add' else 0\ndef of_all(e):\n    return sum(depth(a) for a in e.args if a.op)",
        "    work = [e]\n    while work:\n        x = work.pop()\n        if x.op == 'land':\n            work += x.args",
        "    work = [e]\n    while work:\n        x = work.pop()\n        if x.op == 'land':\n            work.extend(x.args)",
    ],
)
def test_a_walk_is_noticed(body: str) -> None:
    assert walks(ast.parse(WALK + body))


@pytest.mark.parametrize(
    "body",
    [
        "    return e.op == 'add' and e.args[0].op == 'sym'",
        "    return [depth2(a) for a in e.args if a.op == 'sym']\ndef depth2(e):\n    return e.width",
    ],
)
def test_a_look_at_a_term_is_none(body: str) -> None:
    assert not walks(ast.parse(WALK + body))


def test_a_table_is_noticed() -> None:
    assert tables(ast.parse("signs = {'add': '+', 'sub': '-', 'mul': '*', 'and': '&', 'or': '|'}"))
    cases = "\n".join(f"    case {op!r}:\n        pass" for op in ("add", "sub", "mul", "and", "or"))
    assert tables(ast.parse(f"match e.op:\n{cases}"))
