"""Keys at several places in frames of one class: the shapes that tell those frames apart (`packet.kinds`).

A tag or two, a tunnel or none, an ICMP error or what it is about: of each place the paths' conditions say what frames
are like that have the key there.  What a side's frames can be of the parts is proved (`Reach.classes`), so that any
shapes would be sound; those that are found here are to part the frames of different places.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import reduce

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import symbols
from maestro_tool.expr.symbols import is_packet_byte, packet_length
from maestro_tool.packet.classes import CLASSES
from maestro_tool.packet.fields import MOST_BYTES
from maestro_tool.packet.kinds import MOST_SHAPES, MOST_TESTS, Shape
from maestro_tool.sharding.facts.access import Access, strip_extension
from maestro_tool.sharding.facts.bits import PacketBit, origins
from maestro_tool.sharding.facts.reach import Reach, Shapes
from maestro_tool.sharding.rules.by_bytes import family_of
from maestro_tool.symex.callpath import Analysis

#: What all frames of some paths are known to be: their least length, and bytes at offsets.
_Known = tuple[int, frozenset[tuple[int, int]]]


def shapes(analysis: Analysis, accesses: Iterable[Access], reach: Reach) -> Shapes:
    """For (port, class) the shapes that part it; nothing where one place will do, or all are such as cards hash."""
    named: dict[tuple[int, int], dict[tuple[Expr, ...], set[int]]] = defaultdict(lambda: defaultdict(set))
    for a in accesses:
        if a.how == "key":
            named[a.object, a.port][a.name].add(a.path)
    found: dict[tuple[int, str], dict[Shape, None]] = defaultdict(dict)
    for (_, port), names in sorted(named.items()):
        if len(names) < 2 or all(family_of(reach, key, paths) is not None for key, paths in names.items()):
            continue
        reached = {p: frozenset(reach.classes([p])) for paths in names.values() for p in paths}
        for name in CLASSES:
            rivals = {key: [p for p in sorted(paths) if name in reached[p]] for key, paths in names.items()}
            keys = [key for key, paths in rivals.items() if paths]
            if any(_elsewhere(a, b) for n, a in enumerate(keys) for b in keys[n + 1 :]):
                found[port, name] |= dict.fromkeys(_telling([_known(analysis, rivals[key]) for key in keys]))
    few = {at: of for at, of in found.items() if len(of) <= MOST_SHAPES}
    return {at: tuple(sorted(of, key=lambda s: (-len(s.tests), -s.length, s.text))) for at, of in few.items()}


def _elsewhere(a: tuple[Expr, ...], b: tuple[Expr, ...]) -> bool:
    """Whether some bit that both keys take from the frame is at another place in each; or the bytes that they are
    calculated from are others (an index out of a port number: R5)."""
    for x, y in zip(a, b, strict=False):
        bits = list(zip(origins(x), origins(y), strict=False))
        if any(isinstance(p, PacketBit) and isinstance(q, PacketBit) and p != q for p, q in bits):
            return True
        if (None, None) in bits and _bytes_in(x) != _bytes_in(y):
            return True
    return False


def _bytes_in(e: Expr) -> frozenset[Expr]:
    return frozenset(filter(is_packet_byte, symbols(e)))


def _telling(known: list[_Known]) -> Iterable[Shape]:
    """What tells frames of these places apart: what all are is left out, and the one that asks for least, which is
    what fits none of the others."""
    common = reduce(frozenset.__and__, (tests for _, tests in known))
    least = min(length for length, _ in known)
    ordered = sorted(set(known), key=lambda k: (len(k[1]), k[0], sorted(k[1])))
    for length, tests in ordered[1:]:
        enough = _contradicting(tests, [others for _, others in ordered if others != tests])
        own = tuple(sorted(enough or tests - common))[:MOST_TESTS]
        needed = max((1 + offset for offset, _ in own), default=1)
        yield Shape(needed if enough or length == least else max(needed, length), own)


def _contradicting(
    tests: frozenset[tuple[int, int]], rivals: list[frozenset[tuple[int, int]]]
) -> list[tuple[int, int]]:
    """Few of the tests, one of which each of the others has with another value; [] if there are none such."""
    values = [dict(rival) for rival in rivals]
    found: list[tuple[int, int]] = []
    while values:
        refutes = {(at, v): sum(rival.get(at, v) != v for rival in values) for at, v in sorted(tests)}
        best = max(refutes, key=lambda test: refutes[test], default=None)
        if best is None or not refutes[best]:
            return []
        found.append(best)
        values = [rival for rival in values if rival.get(best[0], best[1]) == best[1]]
    return found


def _known(analysis: Analysis, paths: Iterable[int]) -> _Known:
    each = [_of_path(analysis.paths[p].condition) for p in paths]
    return min(length for length, _ in each), reduce(frozenset.__and__, (tests for _, tests in each))


def _of_path(condition: Iterable[Expr]) -> _Known:
    bits: dict[int, dict[int, int]] = defaultdict(dict)
    length = 0
    for c in condition:
        if c.op == "eq" and c.args[1].is_const:
            places = origins(c.args[0])
            for n, at in enumerate(reversed(places)):
                if isinstance(at, PacketBit) and at.byte < MOST_BYTES:
                    bits[at.byte][at.bit] = (c.args[1].const >> n & 1) ^ at.inverted
        elif len(c.args) == 2 and c.args[0].is_const and strip_extension(c.args[1]) is packet_length():
            length = max(length, c.args[0].const + (c.op in ("ult", "slt")))
    whole = ((byte, sum(v << n for n, v in of.items())) for byte, of in bits.items() if len(of) == 8)
    return length, frozenset(whole)
