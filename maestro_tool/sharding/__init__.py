"""Call paths -> which packets must meet on one core, and how each state object is treated.

``facts`` say what the paths do, ``rules`` what pairs of accesses ask for, ``lemmas`` are the argument that this is
enough (docs/soundness.md), ``outcome`` is what follows; `derive.derive_plan` puts them together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maestro_tool.sharding.plan import Obstacle, ShardingPlan
    from maestro_tool.symex.analysis import Conjecture
    from maestro_tool.symex.callpath import Analysis


def derive_plan(analysis: Analysis, given: tuple[Obstacle, ...] = ()) -> ShardingPlan:
    """See `derive`."""
    from maestro_tool.sharding import derive

    return derive.derive_plan(analysis, given)


def confirmed(conjecture: Conjecture) -> Analysis | None:
    """See `confirm`: most conjectures are confirmed without the lemmas, which are not imported then."""
    from maestro_tool.sharding import confirm

    return confirm.confirmed(conjecture)
