"""Contexts that are made ahead are taken once each, and are as new ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import z3

from maestro_tool import step_server
from maestro_tool.expr.nodes import compare, const
from maestro_tool.expr.symbols import packet_byte
from maestro_tool.solver import BUDGETS, Context, contexts


@pytest.fixture(autouse=True)
def none_ready() -> Iterator[None]:
    contexts._ready().clear()
    yield
    contexts._ready().clear()


def test_each_is_taken_once() -> None:
    contexts.make_ahead(2)
    contexts.make_ahead(2)
    made = list(contexts._ready())
    assert len(made) == 2
    taken = [contexts.fresh() for _ in range(3)]
    assert {*map(id, made)} < {*map(id, taken)} and len({*map(id, taken)}) == 3


def test_steps_find_them_made(monkeypatch: pytest.MonkeyPatch) -> None:
    step_server._make_contexts()
    monkeypatch.setattr(z3, "Context", None)
    assert [Context().translate for _ in range(step_server._CONTEXTS)]


def test_answers_are_those_of_a_new_one() -> None:
    """The values that are found as well: keys depend on them."""
    condition = (compare("ugt", packet_byte(3), const(7, 8)),)
    claim = compare("ult", packet_byte(3), packet_byte(4))
    new = Context().find(condition, claim, False, BUDGETS.path)
    contexts.make_ahead(1)
    assert Context().find(condition, claim, False, BUDGETS.path) == new
