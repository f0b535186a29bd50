"""What tests do that no mutant changes is done once: analyses, keys and their proofs, z3's answers."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

from maestro_tool import frontend, symex
from maestro_tool.diagnostics import MaestroError
from maestro_tool.solver import Context


def keep() -> None:
    """From now on; before any test, or what it tests, is imported."""

    def content(sources: list[Path], *others: Any, **named: Any) -> Hashable:
        return tuple((s.name, s.read_text()) for s in sources), repr(others), repr(named)

    def identity(program: object, *others: Any, **named: Any) -> Hashable:
        return id(program), repr(others), repr(named)  # programs are kept: no other will have this id

    frontend.load_program = _once(frontend.load_program, content)
    symex.analyse = _once(symex.analyse, identity)
    # What follows imports modules that are mutated, and those import the above.
    from maestro_tool import rss
    from maestro_tool.rss import prove

    rss.solve_problem = _once(rss.solve_problem, repr)
    prove.counterexample = _once(prove.counterexample, lambda *of: repr(of))
    Context.find = _once(Context.find, lambda _, *asked: asked)  # type: ignore[method-assign]
    answers: dict[Any, bool] = {}
    Context.__init__ = lambda self: setattr(self, "_refuted", answers)  # type: ignore[method-assign]


def _once(function: Callable[..., Any], key: Callable[..., Hashable]) -> Callable[..., Any]:
    """``function``, which remembers by ``key`` of its arguments what it returned, or raised."""
    known: dict[Hashable, tuple[Any, MaestroError | None]] = {}

    def remembered(*arguments: Any, **named: Any) -> Any:
        k = key(*arguments, **named)
        if k not in known:
            try:
                known[k] = function(*arguments, **named), None
            except MaestroError as e:
                known[k] = None, e
        value, error = known[k]
        if error is not None:
            raise error
        return value

    return remembered
