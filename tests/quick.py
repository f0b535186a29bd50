"""Which cases ``./test --quick`` runs besides units."""

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
