"""Keys at several places in frames of one class: the shapes that tell those frames apart (`packet.kinds`).

A tag or two, a tunnel or none, an ICMP error or what it is about: of each place the paths' conditions say what frames
are like that have the key there.  What a side's frames can be of the parts is proved (`Reach.classes`), so that any
shapes would be sound; those that are found here are to part the frames of different places.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import reduce
from itertools import product

from maestro_tool.expr import Expr
from maestro_tool.expr.evaluate import Numbers
from maestro_tool.expr.nodes import symbols
from maestro_tool.expr.symbols import is_packet_byte, packet_byte, packet_length
from maestro_tool.expr.walk import bottom_up
from maestro_tool.packet.classes import CLASSES
from maestro_tool.packet.fields import MOST_BYTES
from maestro_tool.packet.kinds import MOST_SHAPES, MOST_TESTS, WHOLE, Shape
from maestro_tool.sharding.facts.access import Access, strip_extension
from maestro_tool.sharding.facts.bits import Bits, Origin, PacketBit, bits_said, origins
from maestro_tool.sharding.facts.reach import Reach, Shapes
from maestro_tool.sharding.rules.by_bytes import family_of
from maestro_tool.symex.callpath import Analysis

#: A byte that is known, or a bit of one: offset, value and mask.
_Test = tuple[int, int, int]
#: What all frames of some paths are known to be: their least length, and bytes and bits.
_Known = tuple[int, frozenset[_Test]]

#: Ways in which frames come to places of a class by bits, that are told apart; bits that an offset is calculated from.
_MOST_WAYS = 64
_MOST_BITS = 8


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
                found[port, name] |= dict.fromkeys(_telling([_ways(analysis, rivals[key]) for key in keys]))
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


def _telling(places: list[list[_Known]]) -> list[Shape]:
    """What tells frames of these places apart: by what all frames of each have in common; or, if that does not, by the
    ways in which they come there."""
    found, told = _told_apart([[_common(ways)] for ways in places])
    by_bits = [_by_bits(ways) for ways in places]
    if told or sum(map(len, by_bits)) > _MOST_WAYS:
        return found
    finer, told = _told_apart(by_bits)
    return finer if told and len(finer) <= MOST_SHAPES else found


def _told_apart(places: list[list[_Known]]) -> tuple[list[Shape], bool]:
    """Shapes of the frames of these places, and whether each of them contradicts the other places.

    What all are is left out, and the place that asks for least, which is what fits none of the others.
    """
    common = reduce(frozenset.__and__, (tests for ways in places for _, tests in ways))
    least = min(length for ways in places for length, _ in ways)
    ordered = sorted(enumerate(places), key=lambda p: min(map(_in_order, p[1])))
    found, told = dict[Shape, None](), True
    for place, ways in ordered[1:]:
        rivals = list({tests for other, of in enumerate(places) if other != place for _, tests in of})
        for length, tests in sorted(ways, key=_in_order):
            enough = _contradicting(tests, rivals)
            asked = {offset for offset, _, _ in enough or tests}
            own = _bytes(test for test in tests - common if test[0] in asked)[:MOST_TESTS]
            needed = max((1 + offset for offset, _, _ in own), default=1)
            found[Shape(needed if enough or length == least else max(needed, length), own)] = None
            told &= bool(enough)
    return list(found), told


def _in_order(known: _Known) -> tuple[int, int, list[_Test]]:
    return len(known[1]), known[0], sorted(known[1])


def _bytes(tests: Iterable[_Test]) -> tuple[_Test, ...]:
    """Tests of bits of one byte as one."""
    found: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for offset, value, mask in tests:
        found[offset] = found[offset][0] | value, found[offset][1] | mask
    return tuple((offset, *found[offset]) for offset in sorted(found))


def _contradicting(tests: frozenset[_Test], rivals: list[frozenset[_Test]]) -> list[_Test]:
    """Few of the tests, one of which each of the others has with another value; [] if there are none such."""
    found: list[_Test] = []
    while rivals:
        refutes = {test: sum(_refuted(rival, test) for rival in rivals) for test in sorted(tests)}
        best = max(refutes, key=lambda test: refutes[test], default=None)
        if best is None or not refutes[best]:
            return []
        found.append(best)
        rivals = [rival for rival in rivals if not _refuted(rival, best)]
    return found


def _refuted(rival: frozenset[_Test], test: _Test) -> bool:
    offset, value, mask = test
    return any(at == offset and (v ^ value) & m & mask for at, v, m in rival)


def _common(ways: list[_Known]) -> _Known:
    return min(length for length, _ in ways), reduce(frozenset.__and__, (tests for _, tests in ways))


def _by_bits(ways: list[_Known]) -> list[_Known]:
    """The ways in which frames come to a place, as bits of flags tell them apart; those have in common what counts."""
    found: dict[frozenset[_Test], list[_Known]] = defaultdict(list)
    for way in ways:
        found[frozenset(test for test in way[1] if test[2] != WHOLE)].append(way)
    return [_common(of) for of in found.values()]


def _ways(analysis: Analysis, paths: Iterable[int]) -> list[_Known]:
    return list(dict.fromkeys(way for p in paths for way in _of_path(analysis.paths[p].condition)))


def _of_path(condition: Iterable[Expr]) -> list[_Known]:
    """The ways in which frames fit a path's condition: several where it calculates with bits."""
    known, calculated, length = Bits(), list[Expr](), 0
    for c in condition:
        equation = c.args[0] if c.op == "lnot" else c
        if equation.op == "eq":
            known |= bits_said(c)
            calculated += [c] if None in origins(equation.args[0]) else []
        elif len(c.args) == 2 and c.args[0].is_const and strip_extension(c.args[1]) is packet_length():
            length = max(length, c.args[0].const + (c.op in ("ult", "slt")))
    ways = [known]
    for c in calculated:
        more = [
            way | bits for way in ways for bits in _solutions(c) if all(way.get(at, v) == v for at, v in bits.items())
        ]
        ways = more if 0 < len(more) <= _MOST_WAYS else ways  # none: no frame takes the path
    return [(length, _tests(way)) for way in ways]


def _solutions(condition: Expr) -> list[Bits]:
    """Of the few bits of the frame that a condition is calculated from, all values for which it holds."""
    from_what = bottom_up(condition, _made_of, {})
    bits = sorted({(at.byte, at.bit) for at in from_what if isinstance(at, PacketBit)})
    if None in from_what or len(bits) > _MOST_BITS:
        return [{}]
    holds = Numbers([condition])
    found = []
    for values in product((0, 1), repeat=len(bits)):
        frame: dict[Expr, int] = defaultdict(int)
        for (byte, bit), value in zip(bits, values, strict=True):
            frame[packet_byte(byte)] |= value << bit
        if holds(frame)[0]:
            found.append(dict(zip(bits, values, strict=True)))
    return found


def _made_of(e: Expr, parts: list[frozenset[Origin]]) -> frozenset[Origin]:
    """The bits that an expression is calculated from."""
    bits = frozenset(origins(e))
    return bits if not parts or (bits and None not in bits) else frozenset().union(*parts)


def _tests(bits: Bits) -> frozenset[_Test]:
    """Whole bytes as such, of others each bit by itself; none of those that shapes cannot ask for."""
    of_byte: dict[int, dict[int, int]] = defaultdict(dict)
    for (byte, bit), value in bits.items():
        if byte < MOST_BYTES:
            of_byte[byte][bit] = value << bit
    return frozenset(
        test
        for byte, of in of_byte.items()
        for test in ([(byte, sum(of.values()), WHOLE)] if len(of) == 8 else [(byte, v, 1 << n) for n, v in of.items()])
    )
