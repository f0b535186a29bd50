"""No code decides by searching a text for people: what is decided has a code, a type or a member of its own.

What a search is, is told from the source: a phrase (words with a space between them) or part of what is called a reason,
a message and so on, looked for in a text.  Texts that other programs write, and C, have no other form.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "maestro_tool"

#: What is looked for in texts, where there is no other way, and why.
NO_OTHER_WAY = {
    ("frontend/parse.py", "before: "): "pycparser's message has the place in no other form",
    ("frontend/parse.py", "At end of input"): "the same",
    ("toolchain.py", "libraries: ="): "what compilers say of their folders",
    ("toolchain.py", "End of search list"): "the same",
    ("toolchain.py", "search starts here:"): "the same",
    ("measured/whole.py", b"running on"): "a program of ours says so when it has begun, and nothing else does",
}

#: Methods of texts that look for others, or take texts apart by them.
_SEARCHES = {
    "startswith", "endswith", "find", "rfind", "index", "rindex", "count", "partition", "rpartition", "removeprefix",
    "removesuffix", "split", "rsplit",
}  # fmt: skip
_OF_RE = {"match", "fullmatch", "search", "findall", "finditer", "split"}

#: What texts for people are called.
_TEXTS = re.compile(r"_?(reasons?|why|hints?|messages?|notes?|sentences?|remed(y|ies)|explanations?)")

#: C has such names, which are looked up in tables, and directives.
_OF_C = re.compile(r"(const|struct|union|enum|unsigned|signed|long) \w[\w *]*|.*#.*")
_PHRASE = re.compile(r".*[A-Za-z]\S* +\S")


def searches(module: ast.Module) -> Iterator[tuple[str | bytes, int]]:
    """(what is looked for, line)"""
    errors = {h.name for h in ast.walk(module) if isinstance(h, ast.ExceptHandler) and h.name}
    for n in ast.walk(module):
        for wanted, text in _looks(n):
            literals = [
                c.value for c in ast.walk(wanted) if isinstance(c, ast.Constant) and isinstance(c.value, str | bytes)
            ]
            about_people = _is_for_people(text, errors)
            for value in literals:
                plain = value if isinstance(value, str) else value.decode("latin-1")
                if _OF_C.fullmatch(plain):
                    continue
                if about_people or _PHRASE.match(plain):
                    yield value, n.lineno


def _looks(n: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """(what is looked for, in what)"""
    if isinstance(n, ast.Compare):
        sides = [n.left, *n.comparators]
        for left, op, right in zip(sides, n.ops, sides[1:], strict=False):
            if isinstance(op, ast.In | ast.NotIn) and isinstance(right, ast.Tuple | ast.List | ast.Set):
                yield right, left
            elif isinstance(op, ast.In | ast.NotIn):
                yield left, right
            elif isinstance(op, ast.Eq | ast.NotEq):
                yield (left, right) if isinstance(left, ast.Constant) else (right, left)
    elif isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute):
        if isinstance(n.func.value, ast.Name) and n.func.value.id == "re" and n.func.attr in _OF_RE and len(n.args) > 1:
            yield n.args[0], n.args[1]
        elif n.func.attr in _SEARCHES and n.args:
            yield n.args[0], n.func.value
    elif isinstance(n, ast.Match):
        for case in n.cases:
            for pattern in ast.walk(case.pattern):
                if isinstance(pattern, ast.MatchValue):
                    yield pattern.value, n.subject


def _is_for_people(text: ast.expr, errors: set[str]) -> bool:
    """``reason``, ``x.message``, ``str(error)``."""
    if isinstance(text, ast.Name | ast.Attribute):
        return _TEXTS.fullmatch(text.id if isinstance(text, ast.Name) else text.attr) is not None
    if isinstance(text, ast.Subscript):
        return _is_for_people(text.value, errors)
    if isinstance(text, ast.Call) and isinstance(text.func, ast.Attribute) and text.func.attr in ("lower", "strip"):
        return _is_for_people(text.func.value, errors)
    if isinstance(text, ast.Call) and isinstance(text.func, ast.Name) and text.func.id in ("str", "repr"):
        return any(isinstance(a, ast.Name) and a.id in errors for a in text.args) or any(
            _is_for_people(a, errors) for a in text.args
        )
    return False


def found_in_package() -> dict[tuple[str, str | bytes], int]:
    return {
        (path.relative_to(PACKAGE).as_posix(), value): line
        for path in sorted(PACKAGE.rglob("*.py"))
        for value, line in searches(ast.parse(path.read_text(encoding="utf-8")))
    }


def test_nothing_is_decided_by_a_text() -> None:
    assert found_in_package().keys() == NO_OTHER_WAY.keys()


@pytest.mark.parametrize(
    "source",
    [
        'next(text for text in strategy.why if "hands packets to their owner" in text)',
        'text.startswith("not shardable: ")',
        'if obstacle.reason == "unknown": pass',
        'if "full" in note.message: pass',
        'if reason.startswith(("R4", "R5")): pass',
        'if re.search("lock", hints[0]): pass',
        'match reason:\n    case "shared": pass',
        'try:\n    f()\nexcept ValueError as error:\n    if "width" in str(error): pass',
        'if text in ("all packets meet", "none do"): pass',
    ],
)
def test_a_search_is_noticed(source: str) -> None:
    assert list(searches(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    ['if code in ("full", "empty"): pass', '"struct flow" in program.structs', 'raise ToolError("not a number")',
     'path.endswith(".yaml")', 'print("reason: " + reason)', 'if obstacle.code == "full": pass'],
)  # fmt: skip
def test_other_things_are_none(source: str) -> None:
    assert not list(searches(ast.parse(source)))
