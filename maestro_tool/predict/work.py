"""What a call path does, as amounts of what `costs.json` has a price of.

Compilers calculate an expression once, so each node of a path's expressions counts once; what all ways behind a
condition have in common, they do not ask for (`_asked`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from maestro_tool import canonical
from maestro_tool.operations import OPERATIONS
from maestro_tool.operations.parts import EXPIRE_PAIRS
from maestro_tool.operations.row import Effect, Entries, Operation

Event = dict[str, Any]
Path = dict[str, Any]

_COMPARISONS: Final = frozenset({"eq", "ult", "ule", "slt", "sle"})
#: Of one or two instructions in `compare`, or none.
_FREE: Final = frozenset({"const", "land", "lor", "lnot"})
#: How bytes of the frame become a number: one load, whatever their order.
_MOVES: Final = frozenset({"concat", "zext", "sext", "extract"})
_DIVISIONS: Final = frozenset({"udiv", "sdiv", "urem", "srem"})
#: Of functions that are not followed: a checksum of the frame is given more than two words.
_WIDE: Final = 64
#: Bytes of a MAC address, which libVig's function hashes one by one.
_MAC: Final = 6
#: Kinds of objects whose operations are no calls.
_INLINED: Final = frozenset({"map", "vector", "dchain", "dmap"})
_ROWS: Final = {row.name: row for row in (*OPERATIONS.values(), EXPIRE_PAIRS)}


@dataclass(frozen=True)
class Work:
    """The paths of a certificate (`certificate.binding.load`)."""

    certificate: dict[str, Any]

    @property
    def paths(self) -> Sequence[Path]:
        return self.certificate["paths"]  # type: ignore[no-any-return]

    def events(self, path: Path) -> list[Event]:
        return [self.certificate["events"][n] for n in path["events"]]

    @cached_property
    def shares(self) -> bool:
        """Whether operations ask if their object is shared."""
        return any(o["treatment"] == "shared" for o in self.certificate["objects"])

    @cached_property
    def looks_up(self) -> bool:
        """Whether bursts ask whether to look ahead."""
        rows = map(row_of, self.certificate["events"])
        return any(row.effect is Effect.GET and row.answers for row in rows)

    @cached_property
    def kinds_of_keys(self) -> int:
        """Of which each has functions of its own."""
        return len({canonical.compact(o["key"]) for o in self.certificate["objects"] if o["key"]})

    @cached_property
    def needs_registers(self) -> bool:
        """Whether what is inlined takes so many that each packet saves some."""
        return any(o.kind in _INLINED for e in self.certificate["events"] for o in row_of(e).objects)

    @cached_property
    def reads(self) -> bool:
        """Whether any packet is looked at."""
        return any(op == "sym" and value.startswith("pkt.") for op, _, value, *_ in self.certificate["expressions"])

    def of_burst(self) -> Counter[str]:
        """What is done once for a burst."""
        return Counter(
            {
                "burst": 1,
                "burst of frames": int(self.reads),
                "burst of look-ups": int(self.looks_up),
                "burst shared": int(self.shares),
            }
        )

    def of(self, number: int) -> Counter[str]:
        """What is done for a packet that takes this path, if nothing is too old, and no slot in the way."""
        path, work = self.paths[number], Counter({"packet": 1, "shared packet": int(self.shares)})
        seen: set[int] = set()
        self._calculate(self._conditions[number], work, seen)
        work["frame"] = int(self.reads)
        work["registers"] = int(self.needs_registers)
        events = self.events(path)
        for event in events:
            work += self._of_event(event)
            self._calculate(_operands(event), work, seen)
        places = Counter((e["location"], row_of(e)) for e in events)
        for (_, row), times in places.items():
            work["again expire" if row.effect is Effect.EXPIRE else "again"] += times - 1
        names = [self.certificate["objects"][n]["name"] for n in {n for e in events for n in e["objects"]}]
        work["dereference"] = sum(name.count("->") + name.count("[") for name in names)
        work["element"] = len({(e["objects"][0], e["index"]) for e in events if _is_of_element(row_of(e))})
        work["frame store"] = len({offset // 4 for offset, _ in path["frame"]})
        self._calculate((value for _, value in path["frame"]), work, seen)
        if isinstance(path["verdict"], list):
            work["port"] = 1
            self._calculate(path["verdict"], work, seen)
        return +work

    def _of_event(self, event: Event) -> Counter[str]:
        row, result = row_of(event), event.get("result")
        if row.effect is Effect.CALCULATE:
            given = [self.certificate["expressions"][e][1] for e in event.get("operands", ())]
            return Counter({"checksum": 1}) if any(width > _WIDE for width in given) else Counter({"calculation": 1})
        name = priced(row, result)
        work: Counter[str] = Counter({name: 1})
        if row.effect is Effect.CHOOSE and result is False:
            # Each of the entries to choose from, which is not in use, was asked for.
            work[name] = self.certificate["objects"][event["objects"][1]]["capacity"] or 1
        if self.shares:
            work[f"shared {row.name}"] += 1
        work["store"] += len(event.get("stored", ()))
        if row.cost.hashes:
            key = self.certificate["objects"][event["objects"][0]]["key"]
            sizes = [size for _, size, *_ in key] if key else [1] * len(event.get("key") or event.get("raw") or ())
            by_byte = sum(size for size in sizes if size == _MAC)
            words = sum(-(-size // 4) for size in sizes if size != _MAC)
            compares = row.cost.compares and result is not False
            work += Counter({"hash": words, "hash by byte": by_byte})
            if compares:
                work += Counter({"equal": words, "equal by byte": by_byte})
            work["choice"] += (1 + compares) * (self.kinds_of_keys > 1)
        elif "raw" in event:
            work["byte of a key"] += len(event["raw"])
        return work

    def _calculate(self, roots: Iterable[int], work: Counter[str], seen: set[int]) -> None:
        """Adds what it takes to calculate ``roots``, but for what was ``seen``."""
        pool, open_ = self.certificate["expressions"], list(roots)
        while open_:
            node = open_.pop()
            if node in seen:
                continue
            seen.add(node)
            op, _, value, *args = pool[node]
            if op == "sym":
                work["load"] += int(value.startswith("pkt."))
                work["option"] += int(value.startswith("cfg."))
            elif op in _MOVES:
                leaves = [leaf for a in args for leaf in self._leaves(a, seen)]
                frame = [n for n in leaves if pool[n][0] == "sym" and pool[n][2].startswith("pkt.")]
                work["load"] += int(any(n not in seen for n in frame))
                seen.update(frame)
                open_ += [n for n in leaves if n not in frame]
                continue
            elif op not in _FREE:
                work[_row(op)] += 1
            open_ += args

    def _leaves(self, node: int, seen: set[int]) -> Iterator[int]:
        op, _, _, *args = self.certificate["expressions"][node]
        if op not in _MOVES:
            yield node
            return
        seen.add(node)
        for a in args:
            yield from self._leaves(a, seen)

    # ----------------------------------------------------------------------- conditions that are asked for

    @cached_property
    def _conditions(self) -> list[list[int]]:
        """By path those conditions behind which not all goes on alike, on some port: the code is the same for all,
        and may ask for the port later."""
        steps = [tuple(self._steps(p)) for p in self.paths]
        unasked: list[set[int]] = [set() for _ in steps]
        differ: set[tuple[int | str, ...]] = set()
        ports: dict[int, list[int]] = defaultdict(list)
        for number, path in enumerate(self.paths):
            ports[path["port"]].append(number)
        for numbers in ports.values():
            self._asked(numbers, 0, steps, unasked, differ)
        return [
            [
                s
                for at, s in enumerate(mine)
                if isinstance(s, int) and (at not in unasked[number] or mine[:at] in differ)
            ]
            for number, mine in enumerate(steps)
        ]

    def _steps(self, path: Path) -> Iterator[int | str]:
        """Conditions (numbers) and events (texts) in their order."""
        done = 0
        for event in self.events(path):
            yield from path["conditions"][done : event["conditions"]]
            done = event["conditions"]
            yield canonical.compact({m: v for m, v in event.items() if m not in ("conditions", "location")})
        yield from path["conditions"][done:]

    def _asked(
        self,
        numbers: list[int],
        at: int,
        steps: list[tuple[int | str, ...]],
        unasked: list[set[int]],
        differ: set[tuple[int | str, ...]],
    ) -> Any:
        """What comes behind step ``at`` of these paths, which are one so far; equal if it is alike.  Adds to ``differ``
        the steps behind which it is not."""
        while True:
            ways: dict[int | str | None, list[int]] = defaultdict(list)
            for n in numbers:
                ways[steps[n][at] if at < len(steps[n]) else None].append(n)
            if len(ways) > 1 or None in ways:
                break
            if len(numbers) == 1:
                path = self.paths[numbers[0]]
                return steps[numbers[0]][at:], canonical.compact([path["verdict"], path["frame"], path["grown"]])
            at += 1
        if len(ways) == 1:
            path = self.paths[numbers[0]]
            return (), canonical.compact([path["verdict"], path["frame"], path["grown"]])
        behind = {
            step: self._asked(mine, at + (step is not None), steps, unasked, differ) for step, mine in ways.items()
        }
        if len(set(behind.values())) == 1 and all(isinstance(step, int) for step in ways):
            for n in numbers:
                unasked[n].add(at)
            return next(iter(behind.values()))
        differ.add(steps[numbers[0]][:at])
        return tuple(sorted((str(step), hash(found)) for step, found in behind.items()))


def row_of(event: Event) -> Operation:
    return _ROWS[event["op"]]


def unknown(certificate: dict[str, Any]) -> list[str]:
    """Operations, of another version of the tool, without a row."""
    return sorted({e["op"] for e in certificate["events"]} - _ROWS.keys())


def priced(row: Operation, result: bool | None) -> str:
    """What the price of an operation is called; an answer that the NF ignores is taken for yes."""
    return f"{row.name} {'no' if result is False else 'yes'}" if row.answers else row.name


def _is_of_element(row: Operation) -> bool:
    return row.effect in (Effect.READ, Effect.WRITE) and row.objects[0].entries is Entries.INDEX


def _row(op: str) -> str:
    if op in _COMPARISONS:
        return "compare"
    return "multiply" if op == "mul" else "divide" if op in _DIVISIONS else "arithmetic"


def _operands(event: Event) -> list[int]:
    single = [event[m] for m in ("index", "value") if m in event]
    several = [e for m in ("key", "raw", "operands") for e in event.get(m, ())]
    return [*single, *several, *(value for _, value in event.get("stored", ()))]
