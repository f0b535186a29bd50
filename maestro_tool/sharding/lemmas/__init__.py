"""The argument for soundness, one lemma a file: what it requires, what it ensures, and the check of its premise.

docs/soundness.md has the definitions and the theorem that follows from all of them.  A lemma that does not hold for
some objects says so by obstacles: those are shared, and all lemmas are asked again about the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from maestro_tool.sharding.lemmas import (
    expiry_commutes,
    groups_are_closed,
    indices_are_in_range,
    indices_are_interchangeable,
    key_storage_is_kept,
    keys_and_indices_leave_together,
    mismatches_are_misses,
    names_are_total,
    nothing_is_left_over,
    related_packets_meet,
    set_up_is_everyones,
)
from maestro_tool.sharding.lemmas.question import Question
from maestro_tool.sharding.plan import Constraint, Obstacle


@dataclass(frozen=True, slots=True)
class Lemma:
    """``check``: obstacles where the lemma does not hold; the last lemma also gives the constraints that it needs."""

    name: str
    check: Callable[[Question], Iterator[Constraint | Obstacle]]


#: In the order of docs/soundness.md.  (`counters_commute` is about objects that are not sharded: `derive` asks it.)
LEMMAS: Final = (
    Lemma("key storage is kept", key_storage_is_kept.obstacles),
    Lemma("set-up is everyone's", set_up_is_everyones.obstacles),
    Lemma("names are total", names_are_total.obstacles),
    Lemma("keys and indices leave together", keys_and_indices_leave_together.obstacles),
    Lemma("indices are interchangeable", indices_are_interchangeable.obstacles),
    Lemma("nothing is left over", nothing_is_left_over.obstacles),
    Lemma("expiry commutes", expiry_commutes.obstacles),
    Lemma("groups are closed", groups_are_closed.obstacles),
    Lemma("mismatches are misses", mismatches_are_misses.obstacles),
    Lemma("indices are in range", indices_are_in_range.obstacles),
    Lemma("related packets meet", related_packets_meet.found),
)
