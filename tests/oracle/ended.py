"""That old entries end: no conflict if whoever looks has ended them first, all by one limit; else one.

Then it depends on who came by before whether somebody still finds an entry that is too old.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from math import inf

#: What packets touch.
Entry = tuple[Hashable, ...]


@dataclass
class Old:
    """``ending``: the entry that is being ended.  By allocator or sketch: ``done``, the least age by which the packet has
    ended entries, ``least`` that of all packets, and ``most``, what the packet's was when it looked, for that packet of
    all by which it was most; ``ahead``: how far before its time packets said that entries were used; ``gone``: entries,
    and who ended them."""

    packet: Entry = ()
    now: int = 0
    ending: Entry = ()
    done: dict[str, float] = field(default_factory=dict)
    least: dict[str, float] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)
    gone: list[tuple[str, Entry, Entry]] = field(default_factory=list)
    ahead: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def begin(self, packet: Entry, now: int) -> None:
        self.packet, self.now = packet, now
        self.done.clear()

    def limited(self, name: str, before: int) -> None:
        """What is older than ``before`` ends."""
        for ages in (self.done, self.least):
            ages[name] = min(ages.get(name, inf), self.now - before)

    def ends(self, name: str, entry: Entry) -> None:
        self.ending = entry
        self.gone.append((name, entry, self.packet))

    def used(self, name: str, at: int) -> None:
        """An index of the allocator becomes as old as ``at``; it ends when all do that were used before."""
        self.ahead[name].add(at - self.now)

    def looked(self, name: str) -> None:
        """Entries whose age the allocator or sketch knows are looked at."""
        self.most[name] = max(self.most.get(name, 0), self.done.get(name, inf))

    def found_out(self) -> Iterator[tuple[Entry, Entry]]:
        """Entries, and who ended them, if somebody may have found them too old."""
        for name, entry, by in self.gone:
            if self.most.get(name, 0) > self.least[name] or len(self.ahead[name]) > 1:
                yield entry, by
