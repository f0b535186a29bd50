"""R5, interchangeable constraints: an entry found by an index out of the packet, whose contents are then compared.

A packet asks an index allocator whether an index of its own making is in use, reads the entry there, and compares what
is stored with its fields.  If a mismatch behaves exactly as "not in use" does, only the core that allocated the index
and stored those contents needs to see the packets that match: so the compared fields may shard instead of the index.
On any other core the index is not in use, provided that no two cores hand out the same index (`ObjectDecision.ranged`).
(Pereira et al., NSDI 2024, section 3.4; docs/soundness.md.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import substitute, symbols
from maestro_tool.expr.symbols import Produced, is_packet_byte, placeholder
from maestro_tool.expr.walk import arguments_first
from maestro_tool.operations.row import Effect
from maestro_tool.sharding.facts.access import Access
from maestro_tool.sharding.facts.blocks import Prover
from maestro_tool.sharding.facts.key_places import stored_bytes
from maestro_tool.sharding.facts.reach import Reach
from maestro_tool.sharding.facts.scope import Scope
from maestro_tool.sharding.plan import Code, Constraint, Obstacle
from maestro_tool.sharding.rules.by_bytes import by_bytes
from maestro_tool.sharding.rules.key_equality import Side, key_equality, within_view
from maestro_tool.symex.callpath import Analysis, CallPath, Event


@dataclass(frozen=True, slots=True)
class Interchange:
    """R5 for the entries of one allocator: what it asks for, and the accesses that it is about.

    ``refusal``: why the rule does not apply to these.
    """

    dchain: int
    accesses: frozenset[Access]
    found: tuple[Constraint | Obstacle, ...] = ()
    refusal: Obstacle | None = None


class _RefusalError(Exception):
    """The rule does not apply."""

    def __init__(self, code: Code, loc: int) -> None:
        super().__init__(code)
        self.code, self.loc = code, loc


def interchanges(scope: Scope, reach: Reach, prover: Prover) -> Iterable[Interchange]:
    """For each allocator some entries of which packets name by an index of their own: whether R5 applies."""
    allocator_of = _allocators(scope)
    groups: dict[int, list[Access]] = defaultdict(list)
    for a in scope.touched:
        if a.how == "key" and a.object in allocator_of:
            groups[allocator_of[a.object]].append(a)
    for dchain, accesses in sorted(groups.items()):
        try:
            found = tuple(dict.fromkeys(_apply(scope, reach, prover, dchain, accesses)))
            yield Interchange(dchain, frozenset(accesses), found)
        except _RefusalError as refused:
            yield Interchange(dchain, frozenset(accesses), (), Obstacle(refused.code, (dchain,), (refused.loc,)))


def _allocators(scope: Scope) -> dict[int, int]:
    """Objects all of whose entries, but for those that packets name, are reached by indices of one allocator -> it."""
    found: dict[int, set[int | None]] = defaultdict(set)
    for a in scope.touched:
        if a.how == "fresh":
            found[a.object].add(a.through if a.stride == 1 else None)
        elif a.how == "via_map":
            place = scope.places.index_map(a.through)
            found[a.object].add(place.dchain if place is not None and a.stride == 1 else None)
    return {obj: next(iter(chains)) for obj, chains in found.items() if len(chains) == 1 and None not in chains}  # type: ignore[misc]


def _apply(
    scope: Scope, reach: Reach, prover: Prover, dchain: int, accesses: list[Access]
) -> Iterable[Constraint | Obstacle]:
    by_path: dict[int, list[Access]] = defaultdict(list)
    for a in accesses:
        by_path[a.path].append(a)
    contents = _Contents(scope, dchain)
    for number, mine in sorted(by_path.items()):
        path = scope.analysis.paths[number]
        question = _question(path, sorted(mine, key=lambda a: a.event), dchain)
        if not path.events[question].result:
            if _more(path, question) is not None:
                raise _RefusalError(Code.NOT_IN_USE_DOES_MORE, path.events[question].loc)
            continue
        outcomes = {_outcome(twin, question) for twin in _absent_twins(scope.analysis, path, question)}
        alike = None not in outcomes and outcomes == {_outcome(path, question)}
        more = _more(path, question)
        if alike and more is None:
            continue  # a mismatch: as if the index were not in use
        compared = _compared(path, question, prover)
        if not compared:
            if alike and more is not None:
                raise _RefusalError(Code.MISMATCH_CHANGES_STATE, more.loc)
            raise _RefusalError(Code.NOT_COMPARED, path.loc)
        yield from contents.constraints(reach, number, compared)


def _outcome(path: CallPath, question: int) -> tuple[object, ...] | None:
    """What leaves where; None if that is made of anything that came after the question, which no two paths share."""
    made = [e for _, e in path.packet_writes] + ([path.verdict] if isinstance(path.verdict, Expr) else [])
    for s in (s for e in made for s in symbols(e)):
        if isinstance(s.value, Produced) and s.value.event >= question:
            return None
    return path.verdict, path.grown, path.packet_writes


def _question(path: CallPath, accesses: list[Access], dchain: int) -> int:
    """The event that asks whether the index is in use; all other accesses must come after it and use that index."""
    first = path.events[accesses[0].event]
    if first.op.effect is not Effect.ASK or first.objects != (dchain,) or first.result is None:
        raise _RefusalError(Code.NOT_ASKED_FIRST, first.loc)
    for a in accesses:
        e = path.events[a.event]
        if e.index is not first.index:
            raise _RefusalError(Code.DIFFERENT_INDICES, e.loc)
    return accesses[0].event


def _more(path: CallPath, question: int) -> Event | None:
    """What the path does after the question, first of all, beyond looking at the entry."""
    index = path.events[question].index
    after = path.events[question + 1 :]
    return next((e for e in after if not (e.op.effect is Effect.CALCULATE or _looks_at(e, index))), None)


def _looks_at(e: Event, index: Expr | None) -> bool:
    """Whether the event only reads the entry at ``index`` of a vector."""
    return e.op.effect is Effect.READ and e.index is index


def _absent_twins(analysis: Analysis, path: CallPath, question: int) -> list[CallPath]:
    """The paths that are the same up to the question, whose answer there is no.

    (That they ask the same follows: what an NF does next depends on its packet and the answers so far.)
    """
    asked = path.events[question]
    before, length = path.events[:question], asked.condition_length
    twins = [
        p
        for p in analysis.paths
        if p.port == path.port
        and p.events[:question] == before
        and len(p.events) > question
        and p.events[question].result is False
        and p.condition[:length] == path.condition[:length]
    ]
    if not twins:
        raise _RefusalError(Code.NO_PATH_NOT_IN_USE, asked.loc)
    return twins


def _compared(path: CallPath, question: int, prover: Prover) -> list[tuple[Expr, Expr]]:
    """(stored, packet) sides of the equalities between the entry's contents and the packet that hold on this path."""
    index = path.events[question].index
    conditions = path.condition[path.events[question].condition_length :]
    found = []
    for equality in (e for e in arguments_first(conditions) if e.op == "eq"):
        for stored, packet in (equality.args, equality.args[::-1]):
            origins = [path.producer(s) for s in symbols(stored)]
            if (
                origins
                and all(o is not None and _looks_at(o, index) for o in origins)
                and symbols(packet)
                and all(map(is_packet_byte, symbols(packet)))
                and prover.always(conditions, equality)
            ):
                found.append((stored, packet))
    return found


class _Contents:
    """What packets store in the entries of one allocator when they allocate them."""

    def __init__(self, scope: Scope, dchain: int) -> None:
        self._analysis = scope.analysis
        self._fresh: dict[int, dict[tuple[int, int], Expr]] = {}  # path -> (vector, byte) -> what is stored
        self._locs: dict[int, int] = {}
        self._changed: set[tuple[int, int]] = set()  # written later, too
        for number, path in enumerate(scope.analysis.paths):
            for e in path.events:
                if e.op.effect is Effect.ALLOCATE and e.objects == (dchain,) and e.result:
                    if number in self._fresh:
                        raise _RefusalError(Code.SEVERAL_ALLOCATED, e.loc)
                    self._fresh[number], self._locs[number] = {}, e.loc
        for a in scope.touched:
            for offset, value in stored_bytes(scope.event(a)).items():
                if a.through == dchain:
                    self._fresh[a.path][a.object, offset] = value
                else:
                    self._changed.add((a.object, offset))

    def constraints(
        self, reach: Reach, number: int, compared: list[tuple[Expr, Expr]]
    ) -> Iterable[Constraint | Obstacle]:
        """Between every packet that fills an entry and the packets of path ``number``, which match it."""
        path = self._analysis.paths[number]
        vectors = sorted({e.objects[0] for stored, _ in compared for s in symbols(stored) if (e := path.producer(s))})
        reader = Side(path, tuple(p for _, p in compared), reach.classes([number]), path.loc, reach.family(number))
        for writer, loc in sorted(self._locs.items()):
            name = tuple(self._stored(path, stored, writer) for stored, _ in compared)
            side = Side(self._analysis.paths[writer], name, reach.classes([writer]), loc, reach.family(writer))
            sides = [(side, {writer}), (reader, {number})]
            (a, a_paths), (b, b_paths) = sorted(sides, key=lambda s: s[0].port)
            result = key_equality(vectors[0], a, b)
            if result is None:
                continue
            asked = [result]
            if isinstance(result, Constraint):
                asked = list(within_view(reach, result, (a_paths, b_paths), vectors[0]))
            if any(isinstance(x, Obstacle) for x in asked):
                # Where no NIC can hash what packets are compared by, software hashes the bytes.
                of_bytes = by_bytes(reach, vectors[0], a, b, (a_paths, b_paths))
                asked = asked if of_bytes is None else [of_bytes]
            for x in asked:
                yield replace(x, rule="R5", objects=tuple(vectors)) if isinstance(x, Constraint) else x

    def _stored(self, path: CallPath, expression: Expr, writer: int) -> Expr:
        """``expression`` over the entry's contents, as the writing packet's bytes.  Bytes that may change stay
        unknown: the constraint then has fewer fields, so it is stricter."""
        values: dict[Expr, Expr] = {}
        for s in symbols(expression):
            event, made = path.producer(s), s.value
            assert event is not None and isinstance(made, Produced) and isinstance(made.part, int)
            place = (event.objects[0], made.part)
            if place not in self._fresh[writer]:
                raise _RefusalError(Code.COMPARED_NOT_STORED, self._locs[writer])
            changed = place in self._changed
            values[s] = placeholder(f"changed.{place[0]}", place[1], 8) if changed else self._fresh[writer][place]
        return substitute(expression, values)
