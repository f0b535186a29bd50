"""Call paths as steps that can be compared: what a path tests and what it does, under names that do not depend on it.

An event's symbols carry its number (``map_get.3.value``), which differs between paths that do the same at different
places.  Here they are named by what they are: the entry found under this key, the new index of that chain, the byte
at this offset of that entry.  `Names` says what each name stands for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import substitute, sym, symbols
from maestro_tool.symex.callpath import Analysis, CallPath, Event

#: Operations after which reading the object again gives the same.
_READS = frozenset(
    {"map_get", "map_size", "vector_read", "dchain_is_allocated", "global_read", "cht_find", "lpm_lookup", "dmap_get"}
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a symbol stands for: ``what`` of operation ``op``; the fields are those of `Event`.

    ``version`` counts the writes to the object before, so that a value read again after a write is another one.
    """

    op: str
    objects: tuple[int, ...]
    key: tuple[Expr, ...] | None
    index: Expr | None
    version: int
    what: str


class Names:
    """Names of symbols, and what each stands for."""

    def __init__(self) -> None:
        self._numbers: dict[Origin, int] = {}
        self._origins: dict[str, Origin] = {}

    def name(self, origin: Origin) -> str:
        number = self._numbers.setdefault(origin, len(self._numbers))
        name = f"{origin.op}.{number}.{origin.what}"
        self._origins[name] = origin
        return name

    def origin(self, symbol: Expr) -> Origin | None:
        """None for what comes from the packet, the time or the configuration."""
        return self._origins.get(str(symbol.value))


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation on state as it is told: without the values that it stores.

    Operations are equal when they do the same to the same entries; ``locs``, where the source does so, do not count.
    ``before``: of expiry, the time before which entries go.
    """

    op: str
    objects: tuple[int, ...]
    key: tuple[Expr, ...] | None = None
    index: Expr | None = None
    before: Expr | None = None
    result: bool | None = None
    locs: frozenset[int] = field(default=frozenset(), compare=False)


#: What a path does next: a condition that holds on it, or an operation.
Step = Expr | Operation


@dataclass(frozen=True, slots=True)
class Edit:
    """What a path does to the frame: ``grown`` bytes are inserted, or -``grown`` removed, at offset ``at``.

    ``rewrites``: of the bytes that stay, those that get other values.  All offsets are those in the frame as it came.
    """

    rewrites: tuple[int, ...]
    grown: int = 0
    at: int = 0

    @staticmethod
    def of(path: CallPath) -> Edit:
        """Where the frame moved, the place is the one that leaves the fewest bytes rewritten."""
        writes, grown = dict(path.packet_writes), path.grown
        if not grown:
            return Edit(tuple(writes))

        def rewritten(at: int) -> tuple[int, ...]:
            before = (n for n in range(at) if writes.get(n, _came(n - grown)) is not _came(n))
            behind = (n - grown for n, e in writes.items() if n >= at + max(grown, 0) and e is not _came(n - grown))
            return (*before, *behind)

        at = min(range(max(writes, default=0) + 2), key=lambda at: len(rewritten(at)))
        return Edit(rewritten(at), grown, at)


def _came(offset: int) -> Expr:
    """The byte of the frame as it came."""
    return sym(f"pkt.{offset}", 8)


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


def routes(analysis: Analysis) -> tuple[dict[int, list[Route]], Names]:
    """The routes of each port, and what their symbols stand for."""
    names = Names()
    result: dict[int, list[Route]] = {port: [] for port in range(analysis.ports)}
    for number, path in enumerate(analysis.paths):
        result[path.port].append(_Path(path, names).route(number))
    return result, names


class _Path:
    """One call path, whose symbols are being renamed."""

    def __init__(self, path: CallPath, names: Names) -> None:
        self._path = path
        self._names = names
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
        told = 0
        for event in self._path.events:
            yield from conditions[told : event.condition_length]
            told = max(told, event.condition_length)
            if event.op != "opaque":  # it calculates; what it gives says so where it is used
                yield self._operation(event)
        yield from conditions[told:]

    def _operation(self, e: Event) -> Operation:
        return Operation(
            e.op,
            e.objects,
            self._renamed(e.key),
            None if e.index is None or self._gives_index(e) else self._rename(e.index),
            self._rename(e.value) if e.op == "expire" and e.value is not None else None,
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
        event = self._producer(s)
        if event is None:
            return s
        op, number, what = str(s.value).split(".", 2)
        before = self._path.events[: int(number)]
        if event.objects:
            version = sum(e.op not in _READS and not set(e.objects).isdisjoint(event.objects) for e in before)
        else:
            version = sum(e.op == op for e in before)
        operation = self._operation(event)
        return sym(self._names.name(Origin(op, event.objects, operation.key, operation.index, version, what)), s.width)

    def _gives_index(self, e: Event) -> bool:
        """The index is not the operation's operand but what it gives."""
        assert e.index is not None
        return any(self._producer(s) is e for s in symbols(e.index))

    def _producer(self, s: Expr) -> Event | None:
        op, _, rest = str(s.value).partition(".")
        number, _, what = rest.partition(".")
        events = self._path.events
        if what and number.isdecimal() and int(number) < len(events) and events[int(number)].op == op:
            return events[int(number)]
        return None
