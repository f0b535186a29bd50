"""R5, interchangeable constraints: an entry found by an index out of the packet, whose contents are then compared.

A packet asks an index allocator whether an index of its own making is in use, reads the entry there, and compares what
is stored with its fields.  If a mismatch behaves exactly as "not in use" does, only the core that allocated the index
and stored those contents needs to see the packets that match: so the compared fields may shard instead of the index.
On any other core the index is not in use, provided that no two cores hand out the same index (`ObjectDecision.ranged`).
(Pereira et al., NSDI 2024, section 3.4; DESIGN, "Soundness".)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import extract, substitute, sym, symbols
from maestro_tool.sharding import rules
from maestro_tool.sharding.access import Access, is_packet_symbol, producer
from maestro_tool.sharding.plan import Constraint
from maestro_tool.sharding.reach import Reach
from maestro_tool.sharding.rules import Obstacle, Side
from maestro_tool.symex.callpath import Analysis, CallPath, Event


@dataclass(frozen=True, slots=True)
class Interchange:
    """R5 for the entries of one allocator: what it asks for, and the accesses that it explains.

    ``refusal``: why the rule does not apply, and where; then it explains nothing.
    """

    dchain: int
    accesses: frozenset[Access]
    found: tuple[Constraint | Obstacle, ...] = ()
    refusal: tuple[str, int] | None = None


class _RefusalError(Exception):
    """The rule does not apply."""

    def __init__(self, reason: str, loc: int) -> None:
        super().__init__(reason)
        self.reason, self.loc = reason, loc


def interchanges(
    analysis: Analysis, reach: Reach, touched: list[Access], allocator_of: dict[int, int]
) -> Iterable[Interchange]:
    """For each allocator some entries of which packets name by an index of their own: whether R5 applies.

    ``allocator_of``: objects all of whose other accesses are through indices of one allocator, and that allocator.
    """
    groups: dict[int, list[Access]] = defaultdict(list)
    for a in touched:
        if a.how == "key" and a.object in allocator_of:
            groups[allocator_of[a.object]].append(a)
    for dchain, accesses in sorted(groups.items()):
        explained = frozenset(accesses)
        try:
            found = tuple(dict.fromkeys(_apply(analysis, reach, touched, dchain, accesses)))
            yield Interchange(dchain, explained, found)
        except _RefusalError as refused:
            yield Interchange(dchain, frozenset(), (), (refused.reason, refused.loc))


def _apply(
    analysis: Analysis, reach: Reach, touched: list[Access], dchain: int, accesses: list[Access]
) -> Iterable[Constraint | Obstacle]:
    by_path: dict[int, list[Access]] = defaultdict(list)
    for a in accesses:
        by_path[a.path].append(a)
    contents = _Contents(analysis, touched, dchain)
    for number, mine in sorted(by_path.items()):
        path = analysis.paths[number]
        question = _question(path, sorted(mine, key=lambda a: a.event), dchain)
        if not path.events[question].result:
            if not _inert(path, question):
                raise _RefusalError("more happens where the index is not in use", path.events[question].loc)
            continue
        absent = _absent_twins(analysis, path, question)
        outcomes = {(q.verdict, q.packet_writes) for q in absent}
        if _inert(path, question) and outcomes == {(path.verdict, path.packet_writes)}:
            continue  # a mismatch: as if the index were not in use
        compared = _compared(path, question)
        if not compared:
            raise _RefusalError("the entry is used without comparing what it holds with the packet", path.loc)
        yield from contents.constraints(reach, number, compared)


def _question(path: CallPath, accesses: list[Access], dchain: int) -> int:
    """The event that asks whether the index is in use; all other accesses must come after it and use that index."""
    first = path.events[accesses[0].event]
    if first.op != "dchain_is_allocated" or first.objects != (dchain,) or first.result is None:
        raise _RefusalError("it is not checked first whether the index is in use", first.loc)
    for a in accesses:
        e = path.events[a.event]
        if e.index is not first.index:
            raise _RefusalError("one packet names entries by different indices", e.loc)
    return accesses[0].event


def _inert(path: CallPath, question: int) -> bool:
    """After the question, the path does nothing but look at the entry."""
    index = path.events[question].index
    return all(e.op == "opaque" or (e.op == "vector_read" and e.index is index) for e in path.events[question + 1 :])


def _absent_twins(analysis: Analysis, path: CallPath, question: int) -> list[CallPath]:
    """The paths that are the same up to the question, whose answer there is no."""
    asked = path.events[question]
    before, length = path.events[:question], asked.condition_length
    twins = [
        p
        for p in analysis.paths
        if p.port == path.port
        and p.events[:question] == before
        and len(p.events) > question
        and replace(p.events[question], result=True) == replace(asked, result=True)
        and p.events[question].result is False
        and p.condition[:length] == path.condition[:length]
    ]
    if not twins:
        raise _RefusalError("no path handles an index that is not in use", asked.loc)
    return twins


def _compared(path: CallPath, question: int) -> list[tuple[Expr, Expr]]:
    """(stored, packet) sides of the equalities between the entry's contents and the packet on this path."""
    index = path.events[question].index
    found = []
    for c in path.condition[path.events[question].condition_length :]:
        if c.op != "eq":
            continue
        for stored, packet in (c.args, c.args[::-1]):
            origins = [producer(path, s) for s in symbols(stored)]
            if (
                origins
                and all(o is not None and o.op == "vector_read" and o.index is index for o in origins)
                and symbols(packet)
                and all(map(is_packet_symbol, symbols(packet)))
            ):
                found.append((stored, packet))
    return found


class _Contents:
    """What packets store in the entries of one allocator when they allocate them."""

    def __init__(self, analysis: Analysis, touched: list[Access], dchain: int) -> None:
        self._analysis = analysis
        self._fresh: dict[int, dict[tuple[int, int], Expr]] = {}  # path -> (vector, byte) -> what is stored
        self._locs: dict[int, int] = {}
        self._changed: set[tuple[int, int]] = set()  # written later, too
        for number, path in enumerate(analysis.paths):
            for e in path.events:
                if e.op == "dchain_allocate" and e.objects == (dchain,) and e.result:
                    self._fresh[number], self._locs[number] = {}, e.loc
        for a in touched:
            if a.op != "vector_write":
                continue
            stored = _bytes(analysis.paths[a.path].events[a.event])
            for offset, value in stored.items():
                if a.how == "fresh" and a.through == dchain and a.stride == 1:
                    self._fresh[a.path][a.object, offset] = value
                else:
                    self._changed.add((a.object, offset))

    def constraints(
        self, reach: Reach, number: int, compared: list[tuple[Expr, Expr]]
    ) -> Iterable[Constraint | Obstacle]:
        """Between every packet that fills an entry and the packets of path ``number``, which match it."""
        path = self._analysis.paths[number]
        vectors = sorted({e.objects[0] for stored, _ in compared for s in symbols(stored) if (e := producer(path, s))})
        reader = Side(path.port, tuple(p for _, p in compared), reach.classes([number]), path.loc)
        for writer, loc in sorted(self._locs.items()):
            name = tuple(self._stored(path, stored, writer) for stored, _ in compared)
            side = Side(self._analysis.paths[writer].port, name, reach.classes([writer]), loc)
            result = rules.key_equality(vectors[0], self._analysis.objects[vectors[0]].name, side, reader)
            if isinstance(result, Constraint):
                first, second = (writer, number) if side.port <= reader.port else (number, writer)
                yield from rules.outside_view(reach, result, ({first}, {second}), self._analysis.objects[vectors[0]])
                result = replace(result, rule="R5", objects=tuple(vectors))
            if result is not None:
                yield result

    def _stored(self, path: CallPath, expression: Expr, writer: int) -> Expr:
        """``expression`` over the entry's contents, as the writing packet's bytes.  Bytes that may change stay
        unknown: the constraint then has fewer fields, so it is stricter."""
        values: dict[Expr, Expr] = {}
        for s in symbols(expression):
            event = producer(path, s)
            assert event is not None
            place = (event.objects[0], int(str(s.value).rsplit(".", 1)[1]))
            if place not in self._fresh[writer]:
                raise _RefusalError("what is compared is not stored whenever an index is allocated", self._locs[writer])
            changed = place in self._changed
            values[s] = sym(f"changed.{place[0]}.{place[1]}", 8) if changed else self._fresh[writer][place]
        return substitute(expression, values)


def _bytes(event: Event) -> dict[int, Expr]:
    """Offset -> byte that a vector_write stores there."""
    result = {}
    for offset, value in event.stored:
        n = value.width // 8
        for i in range(n):
            result[offset + i] = extract(value, 8 * (n - i) - 1, 8 * (n - i - 1))
    return result
