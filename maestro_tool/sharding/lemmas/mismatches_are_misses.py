"""Mismatches are misses: an index out of the packet may be replaced by the fields that are compared with the entry.

Requires: names are total; indices are interchangeable, and ranged where packets name entries by them.
Ensures: a packet that names an entry by an index of its own asks first whether the index is in use, and does exactly
what it does when it is not, if the entry's contents do not match its fields.  So only the core that allocated the index
and stored those contents needs to see the packets that match (`rules.interchange`, R5).
"""

from __future__ import annotations

from collections.abc import Iterator

from maestro_tool.sharding.lemmas.question import Question
from maestro_tool.sharding.plan import Obstacle


def obstacles(q: Question) -> Iterator[Obstacle]:
    yield from (x.refusal for x in q.exchanged if x.refusal is not None)
