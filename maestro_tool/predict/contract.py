"""The performance contract: work of each path, times what `costs.json` says that it costs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from maestro_tool.expr.nodes import Expr
from maestro_tool.expr.text import read_pool, show
from maestro_tool.operations.row import Effect
from maestro_tool.predict.work import Event, Work, row_of
from maestro_tool.predict.work import Path as CallPath

COSTS: Final = Path(__file__).with_name("costs.json")
#: Packets in a burst, among which its own cost is divided.
BURST: Final = 32
MOST_CORES: Final = 1024


@dataclass(frozen=True, slots=True)
class Machine:
    """What a core does: instructions per ns while it waits for no memory; ns for a line that no cache has."""

    instructions_per_ns: float
    ns_per_line: float


#: That of the figures in docs/performance.md, about.
MACHINE: Final = Machine(10.0, 45.0)


@dataclass(frozen=True, slots=True)
class Rate:
    """Packets per second of all cores, if all packets take one path, and all that it touches is in caches, or nothing
    is."""

    cores: int
    cached: float
    missed: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """Of one path.  ``instructions`` is None where there is no price for what it does, which ``unpriced`` names.

    ``lines``: of memory, of objects, that it touches at most.  ``serial``: packets that take it change what cores
    share, one at a time.
    """

    port: int
    condition: str
    location: str
    instructions: float | None
    lines: int
    serial: bool
    unpriced: tuple[str, ...]
    packets_per_second: tuple[Rate, ...]


@cache
def prices() -> dict[str, float]:
    """Instructions of each kind of work (`Work.of`), as tests/predict/fit.py found them."""
    return dict(json.loads(COSTS.read_text(encoding="utf-8"))["instructions"])


def instructions(work: Work, number: int) -> tuple[float, tuple[str, ...]]:
    """Of a packet in a full burst that takes this path; what of its work has no price."""
    known, mine = prices(), work.of(number)
    of_burst = sum(known.get(row, 0.0) * n for row, n in work.of_burst().items()) / BURST
    of_packet = sum(known.get(row, 0.0) * n for row, n in mine.items())
    return of_packet + of_burst, tuple(sorted(mine.keys() - known.keys()))


def predict(certificate: dict[str, Any], cores: int, machine: Machine = MACHINE) -> tuple[Prediction, ...]:
    """The contract of a build, by its certificate: a path per prediction, in their order there."""
    work, pool = Work(certificate), read_pool(certificate["expressions"])
    return tuple(_of_path(work, number, pool, cores, machine) for number in range(len(work.paths)))


def _of_path(work: Work, number: int, pool: Sequence[Expr], cores: int, machine: Machine) -> Prediction:
    path = work.paths[number]
    count, unpriced = instructions(work, number)
    lines, serial = _lines(work, path), _is_serial(work, path)
    rates = () if unpriced else tuple(_rate(n, count, lines, serial, machine) for n in dict.fromkeys((1, cores)))
    return Prediction(
        path["port"], " && ".join(_condition(work, path, pool)) or "true", path["location"],
        None if unpriced else round(count, 1), lines, serial, unpriced, rates,
    )  # fmt: skip


def _rate(cores: int, count: float, lines: int, serial: bool, machine: Machine) -> Rate:
    cached = count / machine.instructions_per_ns
    at_once = 1 if serial else cores
    return Rate(
        cores, round(1e9 * at_once / cached, -3), round(1e9 * at_once / (cached + lines * machine.ns_per_line), -3)
    )


def _condition(work: Work, path: CallPath, pool: Sequence[Expr]) -> Iterator[str]:
    """In the order in which they are asked for: of the packet, and what operations answer."""
    done = 0
    for event in work.events(path):
        yield from (show(pool[c]) for c in path["conditions"][done : event["conditions"]])
        done = event["conditions"]
        if "result" in event:
            names = ", ".join(work.certificate["objects"][n]["name"] for n in event["objects"])
            yield f"{'' if event['result'] else '!'}{event['op']}({names})"
    yield from (show(pool[c]) for c in path["conditions"][done:])


def _lines(work: Work, path: CallPath) -> int:
    """Entries count once, whatever is done to them."""
    touched: dict[tuple[int, str, str], int] = defaultdict(int)
    for number, event in enumerate(work.events(path)):
        row = row_of(event)
        if not row.cost.lines or (row.effect is Effect.ALLOCATE and event.get("result") is False):
            continue
        what = event["objects"][0]
        entry = str(next((event[m] for m in ("key", "raw", "index") if m in event), f"of event {number}"))
        touched[what, entry, ""] = max(row.cost.lines, touched[what, entry, ""])
        if row.cost.compares and event.get("result") is not False:
            touched[what, entry, "key"] = 1
    return sum(touched.values())


def _is_serial(work: Work, path: CallPath) -> bool:
    if not work.shares:
        return False
    return bool(work.certificate["always_write"]) or any(_changes(work, e) for e in work.events(path))


def _changes(work: Work, event: Event) -> bool:
    """Whether the operation changes what cores share; what it answered says whether it did anything."""
    row = row_of(event)
    # Entries are too old now and then; counters change even if there are not enough.
    if row.effect is Effect.EXPIRE or (event.get("result") is False and row.effect is not Effect.COUNT):
        return False
    objects = [work.certificate["objects"][n] for n in event["objects"]]
    by_worker = row.effect is Effect.REFRESH and objects[0]["ages_per_worker"]
    return not by_worker and any(
        of_row.writes and o["treatment"] == "shared" for o, of_row in zip(objects, row.objects, strict=True)
    )


def text(paths: Sequence[Prediction]) -> Iterator[str]:
    """For people: the paths of each port, the dearest first."""
    for port in sorted({p.port for p in paths}):
        yield f"port {port}"
        for p in sorted((p for p in paths if p.port == port), key=lambda p: -(p.instructions or 0)):
            said = [f"{p.instructions:.0f} instructions" if p.instructions else f"no price for {', '.join(p.unpriced)}"]
            said += [f"{p.lines} lines", *(["one at a time"] if p.serial else [])]
            rates = "; ".join(f"{r.cores}: {r.missed / 1e6:.1f} to {r.cached / 1e6:.1f}" for r in p.packets_per_second)
            yield f"  {', '.join(said)}{f'; million packets/s on cores {rates}' if rates else ''}"
            yield f"    {p.location}: {p.condition}"
