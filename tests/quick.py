"""Which cases of many stand for all: with ``./test --quick``, and in the gate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def one_quick(cases: Iterable[Any], chosen: Any) -> list[Any]:
    """``cases`` for parametrize, of which ``chosen`` is marked quick."""
    listed = list(cases)
    assert chosen in listed
    words = chosen if isinstance(chosen, tuple) else (chosen,)
    return [pytest.param(*words, marks=pytest.mark.quick) if case == chosen else case for case in listed]


def others_long(cases: Iterable[Any], kept: Iterable[Any], quick: Any = None) -> list[Any]:
    """``cases`` for parametrize, of which all but ``kept`` are marked long: they are of the same kinds.  ``quick``: the one
    of ``kept`` that is marked so."""
    listed, stay = list(cases), list(kept)
    assert all(case in listed for case in stay) and (quick is None or quick in stay)

    def marked(case: Any) -> Any:
        words = case if isinstance(case, tuple) else (case,)
        if case == quick:
            return pytest.param(*words, marks=pytest.mark.quick)
        return case if case in stay else pytest.param(*words, marks=pytest.mark.long)

    return [marked(case) for case in listed]
