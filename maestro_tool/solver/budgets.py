"""How hard z3 tries, per kind of question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Budgets:
    """In z3's resource units per question, which do not depend on the machine; beyond them nothing is claimed.

    path      may a path go on? (the default of `symex.Limits.rlimit`)
    claim     does a claim about indices follow from a path's conditions?
    frames    which frames take a path?  which indices fulfil a condition?
    bit       does a relation depend on a bit?
    chain     does a relation connect all packets?
    span      which bits of related packets add up to 1?  (with min and max about a thousandth is needed)
    key       is a key right?
    """

    path: int = 2_000_000
    claim: int = 2_000_000
    frames: int = 5_000_000
    bit: int = 20_000_000
    chain: int = 100_000_000
    span: int = 200_000_000
    key: int = 2_000_000_000


BUDGETS: Final = Budgets()
