"""Brute force over concrete packets: what a certificate says, executed once sequentially and once parted.

Paths are followed as they stand, operations do what `operations.semantics` say, packets meet the worker of their part
of the table, and objects are treated as is written there.  Nothing of the checker is used but the reader of the file.
The parted machine goes first; the sequential one is then given its choices (which index of a worker's own range is
handed out, which worker's share is full), and must do the very same.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from builds import ROOT, analysed, evaluate, frames, part_of

from maestro_tool import nf
from maestro_tool.certificate.read import Certificate, Event, Path
from maestro_tool.operations import OPERATIONS
from maestro_tool.operations.semantics import (
    Call,
    Dchain,
    Global,
    Lpm,
    Map,
    Outcome,
    Sketch,
    UndefinedError,
    Vector,
    fill_preferences,
)
from maestro_tool.operations.semantics import fields as view_of
from maestro_tool.symex import Limits, analyse
from maestro_tool.symex.callpath import LENGTH_AT, Analysis
from maestro_tool.symex.initial import Contents

#: Indices that each worker hands out of its share, at most.
SHARE = 48
WORKERS = 4


class BrokenError(Exception):
    """What the certificate says is no program: a packet takes no path, or several."""


class StoppedError(Exception):
    """The NF is taken not to come here."""


# --------------------------------------------------------------------------- objects


@dataclass
class Choices:
    """What the parted machine allocated for the packet at hand: object, and index or None."""

    made: list[tuple[int, int | None]] = field(default_factory=list)


class Recorded(Dchain):
    """One worker's share."""

    def __init__(self, capacity: int, indices: range, number: int, choices: Choices) -> None:
        super().__init__(capacity, {}, indices)
        self._number, self._choices = number, choices

    def allocate(self, time: int) -> int | None:
        index = super().allocate(time)
        self._choices.made.append((self._number, index))
        return index


class Guided(Dchain):
    """The sequential program's, all shares together: it is full where the worker's share was, and, ``ranged``, hands out
    what that did."""

    def __init__(self, capacity: int, indices: list[int], number: int, choices: Choices, ranged: bool) -> None:
        super().__init__(capacity, {}, indices)
        self._number, self._choices, self._ranged = number, choices, ranged

    def allocate(self, time: int) -> int | None:
        if not self._choices.made or self._choices.made[0][0] != self._number:
            raise BrokenError("it allocates what the parted program does not")
        index = self._choices.made.pop(0)[1]
        if index is None or not self._ranged:
            return None if index is None else super().allocate(time)
        if index not in self.free:
            raise BrokenError(f"index {index} has two owners")
        self.free.remove(index)
        self._use(index, time)
        return index


class Exact(Sketch):
    """Counters that keys do not share: which ones collide is left open."""

    def __init__(self, threshold: int) -> None:
        super().__init__(4 * SHARE * WORKERS, threshold, lambda key: 0)

    def names(self, key: Any) -> list[Any]:
        return [(row, key) for row in range(len(self.rows))]


@cache
def left_by_set_up(name: str) -> tuple[Analysis, tuple[Contents, ...]]:
    """The NF's analysis as builds have it, and what its set-up left in objects."""
    done, found = analysed(name), list[Contents]()
    assert done.loaded is not None
    function = nf.load(ROOT / "nfs" / name)
    limits = Limits(**dict(function.limits))
    analyse(done.loaded, function.arguments, function.ports, limits, function.pure, left=found.extend)
    return done.analysis, tuple(found)


def _made(name: str, c: Certificate, number: int, chain: Dchain | None) -> Any:
    """An object as set-up left it; an allocator is ``chain``, if that is given."""
    analysis, contents = left_by_set_up(name)
    o, found = analysis.objects[number], contents[number]
    match o.kind:
        case "dchain":
            return chain or Dchain(o.capacity or 0, dict(found.used), found.free[: SHARE * WORKERS])
        case "map":
            assert o.capacity is not None
            return Map(
                o.capacity, view_of([(at, size, tuple(bits) or None) for at, size, *bits in c.objects[number]["key"]])
            )
        case "sketch":
            return Exact(found.threshold)
        case "lpm":
            return Lpm({(length, prefix): value for (length, prefix), value in found.entries})
        case "global":
            return Global(found.default)
    assert o.capacity is not None and o.element_size is not None
    vector = Vector(o.capacity, o.element_size, found.elements, found.default)
    if found.preferences is not None:
        fill_preferences(vector, *found.preferences)
    return vector


def _filled(name: str, objects: dict[int, Any]) -> dict[int, Any]:
    """Maps get the keys that set-up put; wherever these lie, nothing changes them."""
    for number, found in enumerate(left_by_set_up(name)[1]):
        if isinstance(objects[number], Map):
            for key, value in found.entries:
                objects[number].put(key, value)
    return objects


def objects_of(name: str, c: Certificate, choices: Choices) -> tuple[list[dict[int, Any]], dict[int, Any]]:
    """Of each worker, and of the sequential program."""
    chains = {n: o for n, o in enumerate(c.objects) if o["kind"] == "dchain" and (o["split"] or o["ranged"])}
    written = {o for _, _, e in c.events() for o, _, writes in c.accesses(e) if writes}

    def share(number: int, worker: int) -> Dchain | None:
        if number not in chains:
            return None
        o = chains[number]
        size = o["capacity"]
        start, end = (w * size // WORKERS for w in (worker, worker + 1)) if o["ranged"] else (0, -(-size // WORKERS))
        return Recorded(size, range(start, min(end, start + SHARE)), number, choices)

    def whole(number: int) -> Dchain | None:
        if number not in chains:
            return None
        shares = [s for w in range(WORKERS) if (s := share(number, w)) is not None]
        ranged, n = chains[number]["ranged"], sum(len(s.free) for s in shares)
        return Guided(chains[number]["capacity"], [i for s in shares for i in s.free] if ranged else [*range(n)],
                      number, choices, ranged)  # fmt: skip

    numbers = range(len(c.objects))
    common = _filled(name, {n: _made(name, c, n, None) for n in numbers})
    workers = [_filled(name, {n: _made(name, c, n, share(n, w)) for n in numbers}) for w in range(WORKERS)]
    for own in workers:
        for n, o in enumerate(c.objects):
            if o["treatment"] == "shared" or (o["treatment"] == "read-only" and n not in written):
                own[n] = common[n]
    return workers, _filled(name, {n: _made(name, c, n, whole(n)) for n in numbers})


# --------------------------------------------------------------------------- a packet


@dataclass
class Arrival:
    port: int
    frame: bytes
    now: int


@dataclass
class Values:
    """Of symbols, for one packet."""

    arrival: Arrival
    configuration: dict[str, int]
    produced: dict[str, int] = field(default_factory=dict)

    def value(self, name: str, width: int) -> int:
        if name.startswith("pkt."):
            at = int(name[4:])
            return self.arrival.frame[at] if at < len(self.arrival.frame) else 0
        if name in ("pkt_len", "device", "now"):
            return {"pkt_len": len(self.arrival.frame), "device": self.arrival.port, "now": self.arrival.now}[name]
        if name.startswith("cfg."):
            return self.configuration.get(name[4:], 0)
        if name not in self.produced:
            raise BrokenError(f"nobody knows {name}")
        return self.produced[name] & ((1 << width) - 1)


class Program:
    """What the paths of a certificate say."""

    def __init__(self, name: str, c: Certificate) -> None:
        self._c, self._configuration = c, left_by_set_up(name)[0].configuration
        self._paths = [[p for p in (*c.paths, *c.left_out) if p.port == port] for port in range(len(c.ports))]
        self.taken: set[int] = set()

    def process(self, objects: dict[int, Any], arrival: Arrival) -> tuple[Any, bytes]:
        """The verdict, and the frame that leaves."""
        values, known = Values(arrival, self._configuration), dict[int, int]()
        alive, n, held = self._paths[arrival.port], 0, dict[int, bool]()

        def number(e: int) -> int:
            return evaluate(self._c, e, values, known)

        def holds(e: int) -> bool:
            if e not in held:
                held[e] = bool(number(e))
            return held[e]

        while True:
            ahead = [p for p in alive if all(map(holds, p.conditions[: self._reach(p, n)]))]
            ends = [p for p in ahead if n == len(p.events)]
            if ends or not ahead:
                if len(ends) != 1 or len(ahead) != 1:
                    raise BrokenError(f"{len(ahead)} ways to go on after {n} events")
                return self._leaves(ends[0], arrival, number)
            asked = [self._in_numbers(p.events[n], number) for p in ahead]
            if any(a != asked[0] for a in asked):
                raise BrokenError(f"several things to do after {n} events")
            outcome = self._perform(ahead[0].events[n], n, objects, number)
            op = ahead[0].events[n]["op"]
            values.produced |= {f"{op}.{n}.{part}": value for part, value in outcome.produced.items()}
            alive = [p for p in ahead if p.events[n].get("result") in (None, outcome.answer)]
            n += 1

    @staticmethod
    def _reach(path: Path, n: int) -> int | None:
        return path.events[n]["conditions"] if n < len(path.events) else None

    def _in_numbers(self, e: Event, number: Any) -> Any:
        given = [(operand, number(x)) for operand, x in self._c.operands(e)]
        at = [offset for offset, _ in e.get("stored", ())]
        return e["op"], e["objects"], given, at, e.get("span"), e.get("key_home", [None])[0]

    def _perform(self, e: Event, n: int, objects: dict[int, Any], number: Any) -> Outcome:
        if e["op"] == "opaque":  # the same of the same
            operands = [number(x) for x in e.get("operands", ())]
            value = zlib.crc32(f"{e['location']} {operands}".encode()) * 0x9E3779B97F4A7C15
            return Outcome(produced={"value": value, "room": 1})
        home = e.get("key_home")
        call = Call(
            tuple(objects[o] for o in e["objects"]),
            key=tuple(number(x) for x in e.get("key", e.get("raw", ()))),
            index=number(e["index"]) if "index" in e else 0,
            value=number(e["value"]) if "value" in e else 0,
            operands=tuple(number(x) for x in e.get("operands", ())),
            span=tuple(e.get("span", (0, 0))),
            stored=tuple((at, number(x).to_bytes(self._c.pool.width[x] // 8, "big")) for at, x in e.get("stored", ())),
            key_home=None if home is None else (objects[home[0]], number(home[1])),
        )
        return OPERATIONS[e["op"]].perform(call)

    def _leaves(self, path: Path, arrival: Arrival, number: Any) -> tuple[Any, bytes]:
        if path.left_out:
            raise StoppedError(path.left_out)
        self.taken.add(path.number)
        verdict = path.verdict
        if isinstance(verdict, list):
            out = number(verdict[0])
            verdict = "drop" if out == arrival.port else "flood" if out == 0xFFFF else out
        sent = bytearray(path.grown) + arrival.frame if path.grown >= 0 else bytearray(arrival.frame[-path.grown :])
        if length := [number(e) for offset, e in path.frame if offset >= LENGTH_AT]:
            sent = sent[: int.from_bytes(bytes(length), "little")]
        for offset, e in path.frame:
            if offset < len(sent):
                sent[offset] = number(e)
        return verdict, b"" if verdict == "drop" else bytes(sent)


# --------------------------------------------------------------------------- traffic


def _traffic(rng: random.Random, ports: int, sent: list[tuple[int, bytes]]) -> Iterator[Arrival]:
    """Few hosts, few ports, over and over; replies to frames that left; at times that make entries old now and then."""
    now, source = 10**12, frames(rng)
    macs = [rng.randbytes(6)[:5] + bytes([n]) for n in range(3)]
    macs = [bytes([m[0] & 0xFE]) + m[1:] for m in macs]
    hosts, numbers = [rng.randbytes(4) for _ in range(4)], [rng.randbytes(2) for _ in range(3)]
    while True:
        now += int(10 ** rng.uniform(0, rng.choice((3, 3, 6, 9, 11))))
        port, frame = rng.randrange(ports), next(source)
        if sent and rng.random() < 0.35:
            port, last = rng.choice(sent[-12:])
            if len(last) >= 38:
                frame = bytearray(last[6:12] + last[:6] + last[12:26] + last[30:34] + last[26:30] + last[36:38]
                                  + last[34:36] + last[38:])  # fmt: skip
        elif rng.random() < 0.95 and len(frame) >= 38 and frame[12:14] == b"\x08\x00":
            frame[:12] = rng.choice(macs) + rng.choice(macs)
            frame[26:38] = b"".join(rng.choice(x) for x in (hosts, hosts, numbers, numbers))
        yield Arrival(port % ports, bytes(frame), now)


@dataclass(frozen=True)
class Judgement:
    """``wrong``: what differs, or ""; ``packets``: how many were compared; ``taken``: the paths that they took."""

    wrong: str
    packets: int
    taken: frozenset[int]


def judge(name: str, c: Certificate, seed: int, packets: int) -> Judgement:
    """Execute what ``c`` says, for an NF of the tree, both ways."""
    rng, choices = random.Random(seed), Choices()
    workers, alone = objects_of(name, c, choices)
    program, sent = Program(name, c), list[tuple[int, bytes]]()
    owners: dict[int, int] = {}  # part of the table -> worker: any that there may be, at any time
    for n, (_, arrival) in enumerate(zip(range(packets), _traffic(rng, len(c.ports), sent), strict=False)):
        part = part_of(c.ports[arrival.port], arrival.frame, rng)
        worker = owners.setdefault(part, rng.randrange(WORKERS))
        choices.made.clear()
        made: Any = None
        try:
            made = program.process(workers[worker], arrival)
        except (BrokenError, UndefinedError) as error:
            made = str(error)
        except StoppedError:
            made = "stopped"
        try:
            wanted = program.process(alone, arrival)
        except (StoppedError, UndefinedError):
            return Judgement("", n, frozenset(program.taken))
        except BrokenError as error:
            return Judgement(f"packet {n}: {error}", n, frozenset(program.taken))
        if made != wanted or choices.made:
            return Judgement(f"packet {n} on worker {worker}: {made}, not {wanted}", n, frozenset(program.taken))
        if wanted[0] != "drop":
            sent.append((int(arrival.port == 0) if wanted[0] == "flood" else wanted[0], wanted[1]))
    return Judgement("", packets, frozenset(program.taken))
