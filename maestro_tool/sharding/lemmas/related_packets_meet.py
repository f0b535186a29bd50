"""Related packets meet: if two packets name one entry, and one changes it, the constraints send them to one core.

Requires: names are total; mismatches are misses.
Ensures: for each pair of accesses to one sharded object of which one writes: a constraint that holds for all pairs of
packets that name the same entry there (R1: equal keys; R5: equal compared contents), over fields that some NIC hashes,
or bytes that software can, and that every such packet has; or a proof that no two packets do.  `rss` then solves for
keys that realise the constraints: the owner of a packet is the core that its index leads to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import TRUE, lnot, symbols
from maestro_tool.packet.fields import Family
from maestro_tool.sharding.facts.access import Access
from maestro_tool.sharding.facts.reach import Reach, bytes_of
from maestro_tool.sharding.lemmas.question import Question
from maestro_tool.sharding.plan import Code, Constraint, Obstacle
from maestro_tool.sharding.rules.by_bytes import by_bytes, starved, starving
from maestro_tool.sharding.rules.disjoint import disjoint_keys
from maestro_tool.sharding.rules.key_equality import Side, key_equality, within_view


def found(q: Question) -> Iterator[Constraint | Obstacle]:
    # R5: entries named by indices out of packets, which compare what they find.
    for x in q.exchanged:
        yield from x.found
    # R1: entries named by packets.
    rest = q.rest
    for obj in sorted(q.scope.objects):
        yield from _r1(q, obj, [a for a in rest.touched if a.object == obj and a.how == "key"])


#: The bytes that tell which protocol follows.
_PROTOCOL: Final = bytes_of(("ether_type", "protocol", "next_header"))

_Named = tuple[int, tuple[Expr, ...], bool, int, Family]


def _r1(q: Question, obj: int, accesses: list[Access]) -> Iterator[Constraint | Obstacle]:
    """All pairs of accesses to ``obj`` of which one writes."""
    reach = q.reach
    paths_of: dict[_Named, set[int]] = defaultdict(set)
    for access in accesses:
        paths_of[access.port, access.name, access.write, access.loc, reach.family(access.path)].add(access.path)
    # Constant keys that packets choose by their fields (`port < 1024 ? 0 : 1`), or for what they are (they have no
    # ports): which, the paths' conditions say.
    bare = {named for named in paths_of if not _says(named[1])}
    chosen = {named for named in bare if any(named[0] == other[0] for other in paths_of.keys() - bare)}
    sides = [
        (Side(q.scope.analysis.paths[min(paths)], named[1], reach.classes(paths), named[3], named[4], when, ties),
         named[2], paths)
        for named, paths in sorted(paths_of.items(), key=_in_order)
        for when in (_when(reach, named, paths, chosen) if bare else TRUE,)
        for ties in (reach.ties(paths, named[4]),)
    ]  # fmt: skip
    unhashable: list[tuple[Side, Side]] = []
    by_fields: list[Constraint | Obstacle] = []
    in_software: list[Constraint | None] = []
    whole: list[Constraint | None] = []
    asking: list[tuple[int, int]] = []
    for i, (a, a_writes, a_paths) in enumerate(sides):
        for j, (b, b_writes, b_paths) in enumerate(sides[i:], i):
            if not (a_writes or b_writes):
                continue
            result = key_equality(obj, a, b)
            if isinstance(result, Constraint):
                if chosen and result.relation is not None and q.prover.always((), lnot(result.relation)):
                    continue  # packets that choose the one key never choose the other
                checked = list(within_view(reach, result, (a_paths, b_paths), obj))
            elif isinstance(result, Obstacle):
                checked = [result]
                unhashable.append((a, b))
            else:
                continue
            asking.append((i, j))
            if not any(isinstance(x, Obstacle) for x in checked):
                by_fields += checked
                in_software += (x for x in checked if isinstance(x, Constraint))
                continue
            of_bytes = by_bytes(reach, obj, a, b, (a_paths, b_paths))
            in_software.append(of_bytes)
            by_fields += checked
            whole.append(by_bytes(reach, obj, a, b, (a_paths, b_paths), protocols=True))
    # Where no NIC can hash what packets must agree in, software hashes the bytes.
    found = [c for c in in_software if c is not None]
    if len(found) == len(in_software):
        if not (any(c.in_software for c in found) and starved(found)):
            yield from found
            return
        if not starved(_told_apart(reach, found, asking, [(side.port, paths) for side, _, paths in sides])):
            yield replace(starving(obj, found), code=Code.PLACES_NOT_TOLD)
            return
    disjoint = disjoint_keys(obj, unhashable)
    named = [c for c in whole if c is not None]
    if disjoint is None and starved(named):
        disjoint = starving(obj, named)
    # That no card hashes a key is no reason where hashing it is no help.
    yield from (x for x in by_fields if disjoint is None or x.rule != "R4")
    if disjoint is not None:
        yield disjoint


def _told_apart(
    reach: Reach, constraints: list[Constraint], asking: list[tuple[int, int]], sides: list[tuple[int, set[int]]]
) -> list[Constraint]:
    """The constraints, were it known of each frame on which sides of them it can be."""
    kinds: dict[int, list[str]] = {n: [str(n)] for n in range(len(sides))}
    for i, (port, paths) in enumerate(sides):
        for j, (other, others) in enumerate(sides[:i]):
            if port == other and reach.coincide(paths, others):
                kinds[i].append(f"{i} {j}")
                kinds[j].append(f"{i} {j}")
    return [
        replace(c, classes=(tuple(kinds[i]), tuple(kinds[j])))
        for c, (i, j) in zip(constraints, asking, strict=True)
    ]  # fmt: skip


def _says(key: tuple[Expr, ...]) -> bool:
    """Whether a key has more than constants and what tells the protocol, which no plan shards by."""
    return any(not symbols(e) <= _PROTOCOL for e in key)


def _when(reach: Reach, named: _Named, paths: set[int], chosen: Collection[_Named]) -> Expr:
    """What is known of the frames that use this key, where some use one that says nothing; all of it, if it is one of
    ``chosen``, beside which others part the port's packets."""
    known = reach.known_of_fields(paths, named[4])
    return reach.known_of_frames(paths) if known is TRUE and named in chosen else known


def _in_order(side: tuple[_Named, set[int]]) -> tuple[int, int, str]:
    port, _, _, loc, _ = side[0]
    return port, loc, repr(side[0])
