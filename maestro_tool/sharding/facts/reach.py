"""Which packet classes reach an access, and whether the NF's view covers the fields it names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from functools import cache, reduce

from maestro_tool.expr import Expr
from maestro_tool.expr.evaluate import Numbers
from maestro_tool.expr.nodes import FALSE, TRUE, compare, concat, const, eq, extract, land, lor, substitute, symbols
from maestro_tool.expr.symbols import is_of_frame, packet_byte, packet_length
from maestro_tool.packet import classes, examples, kinds
from maestro_tool.packet.fields import ADDRESSES_OF, ALL_FIELDS, HASHABLE_OF, Family
from maestro_tool.sharding.facts.bits import bits_said
from maestro_tool.solver import BUDGETS, Context, connected
from maestro_tool.symex import ASSUMPTIONS
from maestro_tool.symex.callpath import Analysis

#: (port, class) -> the shapes that part its frames (`packet.kinds`).
Shapes = Mapping[tuple[int, str], tuple[kinds.Shape, ...]]

#: Ways in which frames come to one place that are told apart (`Reach.known_of_fields`).
_MOST_WAYS = 64


def bytes_of(names: Iterable[str]) -> frozenset[Expr]:
    """The symbols of header fields' bytes."""
    fields = (ALL_FIELDS[name] for name in names)
    return frozenset(packet_byte(f.offset + i) for f in fields for i in range(f.size))


def _value(name: str) -> Expr:
    f = ALL_FIELDS[name]
    return concat(*(packet_byte(f.offset + i) for i in range(f.size)))


class Reach:
    """Answers for the paths of one analysis; remembers answers per packet condition."""

    def __init__(self, analysis: Analysis) -> None:
        self._ports = [p.port for p in analysis.paths]
        self._shapes: Shapes = {}
        self._context = Context()
        self._conditions = [_packet_condition(p.condition) for p in analysis.paths]
        self._kinds: dict[tuple[frozenset[Expr], int], frozenset[str]] = {}
        self._implied: dict[tuple[frozenset[Expr], Expr], bool] = {}
        self._answers: dict[tuple[frozenset[Expr], Expr, bool], bool] = {}
        #: Frames of which a predicate (or its contrary) holds, examples and those found by z3; other bytes are zeros.
        self._frames: dict[tuple[Expr, bool], list[defaultdict[Expr, int]]] = {}
        self._known_values = cache(_known_values)
        self._ipv6 = classes.view_predicate(classes.L3[6])

    def classes(self, paths: Iterable[int]) -> tuple[str, ...]:
        """Kinds of which some frame takes one of ``paths``, in order: classes, but for those that are `parted`."""
        found: set[str] = set()
        for condition, port in {(self._conditions[p], self._ports[p]) for p in paths}:
            if (condition, port) not in self._kinds:
                self._kinds[condition, port] = frozenset(self._found(condition, port))
            found |= self._kinds[condition, port]
        return tuple(sorted(found, key=kinds.order))

    def _found(self, condition: frozenset[Expr], port: int) -> Iterator[str]:
        for name in classes.CLASSES:
            for part in kinds.parts(name, self._shapes.get((port, name), ())):
                if self._possible(condition, kinds.predicate(part)):
                    yield part

    def parted(self, shapes: Shapes) -> Reach:
        """One whose `classes` tells the parts of these classes apart."""
        other = copy(self)
        other._shapes, other._kinds = shapes, {}
        return other

    def always(self, paths: Iterable[int], predicate: Expr) -> bool:
        """True if every frame that takes one of ``paths`` satisfies ``predicate`` (proved)."""
        for condition in {self._conditions[p] for p in paths}:
            key = (condition, predicate)
            if key not in self._implied:
                self._implied[key] = not self._possible(condition, predicate, negate=True)
            if not self._implied[key]:
                return False
        return True

    def coincide(self, paths: Iterable[int], others: Iterable[int]) -> bool:
        """Whether some frame, in one state or another, takes one of ``paths``, and one of ``others``."""
        pairs = {(self._conditions[p], self._conditions[q]) for p in paths for q in others}
        if len(pairs) > _MOST_WAYS:
            return True
        return any(self._possible(one, reduce(land, sorted(other, key=repr), TRUE)) for one, other in pairs)

    def family(self, path: int) -> Family:
        """6 if every frame that takes ``path`` is IPv6 with a whole header (proved); else 4, which proves nothing."""
        return 6 if self.always([path], self._ipv6) else 4

    def known_of_fields(self, paths: Iterable[int], family: Family) -> Expr:
        """What the paths' conditions say of hashable fields: true of every frame that takes one of ``paths``.

        Nothing is said of fields that such a frame may not have.
        """
        paths = set(paths)
        names: Iterable[str] = ()
        if self.always(paths, classes.view_predicate(classes.L4[family])):
            names = HASHABLE_OF[family]
        elif self.always(paths, classes.view_predicate(classes.L3[family])):
            names = ADDRESSES_OF[family]
        known = bytes_of(names)
        return _any_of({frozenset(c for c in self._conditions[p] if symbols(c) <= known) for p in paths})

    def known_of_frames(self, paths: Iterable[int]) -> Expr:
        """What the paths' conditions say of frames, all of it."""
        return _any_of({self._conditions[p] for p in paths})

    def ties(self, paths: Iterable[int], family: Family) -> tuple[tuple[str, str], ...]:
        """Source and destination, where they are the same in every frame that takes one of ``paths``: an NF that sorts
        them finds that out."""
        paths = set(paths)
        return tuple(
            (x, y)
            for x, y in (HASHABLE_OF[family][:2], HASHABLE_OF[family][2:])
            if all(self._compares(p, x, y) for p in paths) and self.always(paths, eq(_value(x), _value(y)))
        )

    def _compares(self, path: int, x: str, y: str) -> bool:
        """Whether any condition is about both fields: else nothing ties them."""
        both = bytes_of([x]), bytes_of([y])
        return any(all(symbols(c) & field for field in both) for c in self._conditions[path])

    def _possible(self, condition: frozenset[Expr], predicate: Expr, *, negate: bool = False) -> bool:
        condition = frozenset(connected(condition, predicate))
        key = (condition, predicate, negate)
        if key not in self._answers:
            self._answers[key] = self._asked(condition, predicate, negate)
        return self._answers[key]

    def _asked(self, condition: frozenset[Expr], predicate: Expr, negate: bool) -> bool:
        folded = substitute(predicate, self._known_values(condition))
        if folded is (TRUE if negate else FALSE):
            return False
        if folded.is_const or not condition:
            return True
        given = (*_packet_condition(ASSUMPTIONS), *sorted(condition, key=repr))
        if (predicate, negate) not in self._frames:
            self._frames[predicate, negate] = [] if negate else list(_examples().get(predicate, ()))
        frames = self._frames[predicate, negate]
        holds = Numbers(given)
        if any(all(holds(seen)) for seen in frames):
            return True
        answer, frame = self._context.find(given, predicate, negate, BUDGETS.frames)
        if answer == "yes":
            frames.append(defaultdict(int, frame))
        return answer != "no"


@cache
def _examples() -> Mapping[Expr, tuple[defaultdict[Expr, int], ...]]:
    """Frames of which the predicate of their class holds."""
    return {
        classes.predicate(name): tuple(
            defaultdict(int, {packet_length(): len(frame), **{packet_byte(n): b for n, b in enumerate(frame) if b}})
            for frame in frames
        )
        for name, frames in examples.of_classes().items()
    }


def _any_of(ways: set[frozenset[Expr]]) -> Expr:
    """All of one of these conditions; of too many nothing is said."""
    if len(ways) > _MOST_WAYS or frozenset() in ways:
        return TRUE
    return reduce(lor, sorted((reduce(land, sorted(conditions, key=repr)) for conditions in ways), key=repr))


def _packet_condition(condition: tuple[Expr, ...]) -> frozenset[Expr]:
    """The conjuncts that speak of the frame only; leaving the others out admits more frames: sound."""
    return frozenset(c for c in condition if all(map(is_of_frame, symbols(c))))


def _known_values(condition: frozenset[Expr]) -> dict[Expr, Expr]:
    """Bytes that the condition fixes (EtherType, protocol ...), or bits of them (flags)."""
    bits: dict[int, dict[int, int]] = defaultdict(dict)
    for (byte, bit), value in (said for c in condition for said in bits_said(c).items()):
        bits[byte][bit] = value
    return {
        (s := packet_byte(byte)): concat(
            *(const(of[n], 1) if n in of else extract(s, n, n) for n in reversed(range(8)))
        )
        for byte, of in bits.items()
    }


class IndexConditions:
    """Conditions on indices, all of which are at least 0 (as signed numbers)."""

    def __init__(self) -> None:
        self._context = Context()

    def impossible(self, condition: Expr, indices: list[Expr]) -> bool:
        """True if the condition holds for no index (proved)."""
        return bool(indices) and self._context.impossible(_at_least_0(indices), condition, BUDGETS.frames)

    def certain(self, condition: Expr, indices: list[Expr]) -> bool:
        """True if the condition holds for every index, whatever else it says (proved)."""
        return bool(indices) and self._context.follows(_at_least_0(indices), condition, BUDGETS.frames)


def _at_least_0(indices: list[Expr]) -> tuple[Expr, ...]:
    return tuple(compare("sge", s, const(0, s.width)) for s in indices)
