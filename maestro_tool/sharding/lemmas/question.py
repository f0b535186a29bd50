"""What each lemma is asked about."""

from __future__ import annotations

from dataclasses import dataclass, replace

from maestro_tool.sharding.facts.access import Access
from maestro_tool.sharding.facts.blocks import Prover
from maestro_tool.sharding.facts.reach import Reach
from maestro_tool.sharding.facts.scope import Scope
from maestro_tool.sharding.rules.interchange import Interchange


@dataclass(frozen=True, slots=True)
class Question:
    """The objects that shall be sharded (``scope``), what is known of the paths' frames (``reach``), and a prover.

    ``exchanged``: allocators whose entries packets name by indices of their own, and whether rule R5 applies.
    """

    scope: Scope
    reach: Reach
    prover: Prover
    exchanged: tuple[Interchange, ...] = ()

    @property
    def explained(self) -> frozenset[Access]:
        """The accesses that R5 explains: an index out of the packet is as good as the fields that are compared."""
        return frozenset[Access]().union(*(x.accesses for x in self.exchanged if x.refusal is None))

    @property
    def rest(self) -> Scope:
        """The scope without what R5 is about.

        Where packets ask an allocator, but R5 is refused, that is the reason: other lemmas are not meant for these.
        """
        asked = (x.accesses for x in self.exchanged if any(a.object == x.dchain for a in x.accesses))
        return without(self.scope, self.explained.union(*asked))


def without(scope: Scope, accesses: frozenset[Access]) -> Scope:
    """The scope without these accesses."""
    return replace(scope, touched=tuple(a for a in scope.touched if a not in accesses))
