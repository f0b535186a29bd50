"""From a conjecture to an analysis.  Nobody else looks inside of a `Conjecture`: a test sees to that."""

from __future__ import annotations

from maestro_tool.sharding.in_step import trusted
from maestro_tool.symex.analysis import Conjecture
from maestro_tool.symex.callpath import Analysis


def confirmed(conjecture: Conjecture) -> Analysis | None:
    """The analysis, if its call paths bear out what it took for granted; else None: analyse without."""
    analysis = conjecture.unconfirmed
    return analysis if trusted(analysis) else None
