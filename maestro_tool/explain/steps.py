"""Call paths as steps that can be compared: what a path tests and what it does, under names that do not depend on it.

An event's symbols carry its number (``map_get.3.value``), which differs between paths that do the same at different
places.  Here they are named by what they are: the entry found under this key, the new index of that chain, the byte
at this offset of that entry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import concat, substitute, sym, symbols
from maestro_tool.expr.symbols import Produced, Symbol, packet_byte
from maestro_tool.operations.row import Effect, Operation, Role
from maestro_tool.symex.callpath import LENGTH_AT, Analysis, CallPath, Event

#: What ends entries that were last used before a time.
_AGED = (Effect.EXPIRE, Effect.FREE)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a symbol stands for: ``part`` of what operation ``op`` produces; the other members are those of `Event`.

    ``version`` counts the writes to the object before, so that a value read again after a write is another one.
    """

    op: Operation
    objects: tuple[int, ...]
    key: tuple[Expr, ...] | None
    index: Expr | None
    version: int
    part: str | int


@dataclass(frozen=True, slots=True)
class Named(Symbol):
    """A symbol named by its origin; ``number`` orders them."""

    origin: Origin
    number: int

    def __str__(self) -> str:
        return f"{self.origin.op.name}.{self.number}.{self.origin.part}"


def origin_of(symbol: Expr) -> Origin | None:
    """None for what comes from the packet, the time or the configuration."""
    return symbol.value.origin if isinstance(symbol.value, Named) else None


@dataclass(frozen=True, slots=True)
class Action:
    """An operation on state as it is told: without the values that it stores.

    Actions are equal when they do the same to the same entries; ``locs``, where the source does so, do not count.
    ``key``: as in `Event`, or the bytes of one that is not known.  ``before``: of expiry, the time before which entries
    go.
    """

    op: Operation
    objects: tuple[int, ...]
    key: tuple[Expr, ...] | None = None
    index: Expr | None = None
    before: Expr | None = None
    result: bool | None = None
    locs: frozenset[int] = field(default=frozenset(), compare=False)


#: What a path does next: a condition that holds on it, or an operation.
Step = Expr | Action


@dataclass(frozen=True, slots=True)
class Edit:
    """What a path does to the frame: ``grown`` bytes are inserted, or -``grown`` removed, at offset ``at``.

    ``rewrites``: of the bytes that stay, those that get other values.  All offsets are those in the frame as it came.
    ``cut``: bytes at the frame's end are gone.
    """

    rewrites: tuple[int, ...]
    grown: int = 0
    at: int = 0
    cut: bool = False

    @staticmethod
    def of(path: CallPath) -> Edit:
        """Where the frame moved, the place is the one that leaves the fewest bytes rewritten."""
        writes, grown = {n: e for n, e in path.packet_writes if n < LENGTH_AT}, path.grown
        cut = len(writes) < len(path.packet_writes)
        if not grown:
            return Edit(tuple(writes), cut=cut)

        def rewritten(at: int) -> tuple[int, ...]:
            before = (n for n in range(at) if writes.get(n, _came(n - grown)) is not _came(n))
            behind = (n - grown for n, e in writes.items() if n >= at + max(grown, 0) and e is not _came(n - grown))
            return (*before, *behind)

        at = min(range(max(writes, default=0) + 2), key=lambda at: len(rewritten(at)))
        return Edit(rewritten(at), grown, at, cut)


def _came(offset: int) -> Expr:
    """The byte of the frame as it came."""
    return packet_byte(offset)


@dataclass(frozen=True, slots=True)
class Route:
    """A call path as steps.

    ``hidden``: tests that are no steps, each before the step of that number.
    """

    number: int
    steps: tuple[Step, ...]
    verdict: int | str | Expr
    edit: Edit
    hidden: tuple[tuple[int, Expr], ...] = ()


def routes(analysis: Analysis) -> dict[int, list[Route]]:
    """The routes of each port."""
    numbers: dict[Origin, int] = {}
    result: dict[int, list[Route]] = {port: [] for port in range(analysis.ports)}
    for number, path in enumerate(analysis.paths):
        result[path.port].append(_Path(path, numbers).route(number))
    return result


def _together(raw: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """The bytes of a key as one value."""
    return (concat(*raw),) if raw else ()


class _Path:
    """One call path, whose symbols are being renamed."""

    def __init__(self, path: CallPath, numbers: dict[Origin, int]) -> None:
        self._path = path
        self._numbers = numbers
        self._known: dict[Expr, Expr] = {}

    def route(self, number: int) -> Route:
        verdict = self._path.verdict
        return Route(
            number,
            tuple(self._steps()),
            self._rename(verdict) if isinstance(verdict, Expr) else verdict,
            Edit.of(self._path),
        )

    def _steps(self) -> Iterator[Step]:
        conditions = [self._rename(c) for c in self._path.condition]
        passed = 0
        for event in self._path.events:
            yield from conditions[passed : event.condition_length]
            passed = max(passed, event.condition_length)
            if event.op.effect is not Effect.CALCULATE:  # it calculates; what it gives says so where it is used
                yield self._action(event)
        yield from conditions[passed:]

    def _action(self, e: Event) -> Action:
        given = set(e.op.operands_of(Role.NAMES, Role.DECIDES))
        return Action(
            e.op,
            e.objects,
            self._renamed(e.key if e.key is not None else _together(e.raw) or e.operands or None),
            self._rename(e.index) if e.index is not None and "index" in given else None,
            self._rename(e.value) if e.value is not None and e.op.effect in _AGED and "value" in given else None,
            e.result,
            frozenset((e.loc,)),
        )

    def _renamed(self, key: tuple[Expr, ...] | None) -> tuple[Expr, ...] | None:
        return None if key is None else tuple(self._rename(k) for k in key)

    def _rename(self, e: Expr) -> Expr:
        renamed = {s: new for s in symbols(e) if (new := self._renamed_symbol(s)) is not s}
        return substitute(e, renamed) if renamed else e

    def _renamed_symbol(self, s: Expr) -> Expr:
        if s not in self._known:
            self._known[s] = self._new_name(s)
        return self._known[s]

    def _new_name(self, s: Expr) -> Expr:
        event, made = self._path.producer(s), s.value
        if event is None or not isinstance(made, Produced):
            return s
        before = self._path.events[: made.event]
        if event.objects:
            version = sum(e.op.writes and not set(e.objects).isdisjoint(event.objects) for e in before)
        else:
            version = sum(e.op is event.op for e in before)
        action = self._action(event)
        origin = Origin(event.op, event.objects, action.key, action.index, version, made.part)
        return sym(Named(origin, self._numbers.setdefault(origin, len(self._numbers))), s.width)
