"""Contexts of z3's, made before they are needed.

A new one writes to 17 MB of memory, which the system hands out page by page: 7 ms.  A process that forks others for
what asks questions makes some before; each of the others takes them as they were left, untouched, so that answers are
those that a new one gives.
"""

from __future__ import annotations

from functools import cache

import z3


def make_ahead(count: int) -> None:
    """Have so many contexts ready, for this process and those that it forks."""
    while len(_ready()) < count:
        _ready().append(z3.Context())


def fresh() -> z3.Context:
    """A context in which nothing was asked."""
    return _ready().pop() if _ready() else z3.Context()


@cache
def _ready() -> list[z3.Context]:
    """Of this process: nobody has used them."""
    return []
