"""Builds of the tree's NFs, in this process and without a compiler; and certificates as a referee sees them: concretely."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from maestro_tool import canonical, nf, pipeline, profiles
from maestro_tool.cache import NoCache
from maestro_tool.certificate.read import OPERATIONS, SCHEMA, Certificate
from maestro_tool.nic import load_profile
from maestro_tool.packet.classes import classify, view
from maestro_tool.packet.fields import ALL_FIELDS, INPUT_BITS, field_of, input_bits
from maestro_tool.packet.kinds import Shape, kind_of
from maestro_tool.rss.symmetric import applied
from maestro_tool.rss.table import entries
from maestro_tool.rss.toeplitz import toeplitz
from maestro_tool.smtlib.terms import Script

ROOT = Path(__file__).resolve().parents[2]
NFS = tuple(sorted(p.name for p in (ROOT / "nfs").iterdir() if p.is_dir()))
CARDS = tuple(sorted(p.stem for p in (ROOT / "configs").glob("*.yaml")))


@cache
def analysed(name: str) -> pipeline.Analysed:
    """An NF of the tree, or one of the foreign ones."""
    function = nf.load(ROOT / ("nfs" if name in NFS else "tests/foreign") / name)
    limits, root = function.limits, (function.root,)
    request = pipeline.Request(function.sources, function.arguments, function.ports, root, (), limits, function.pure)
    return pipeline.analyse(request, NoCache(), pipeline.Stopwatch())


@cache
def files(name: str, card: str, strategy: str = "auto") -> dict[str, str]:
    """The files of a build, by name."""
    nics = [load_profile(profiles.resolve(part, ROOT / "configs"), [ROOT / "configs"]) for part in profiles.split(card)]
    return pipeline.generate(analysed(name), nics, name, strategy, NoCache(), pipeline.Stopwatch())


def document(name: str, card: str) -> dict[str, Any]:
    """A copy of what the certificate says."""
    value: dict[str, Any] = json.loads(files(name, card)["certificate.json"])
    return dict(value["certificate"])


def write(folder: Path, name: str, card: str) -> Path:
    """The build on disk."""
    for file, text in files(name, card).items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(text.encode("utf-8", "surrogateescape"))
    return folder


def noted(folder: Path, name: str) -> None:
    """Let the note of the program say whatever plan.json is now."""
    program, plan = folder / f"gen/{name}_parallel.c", hashlib.sha256((folder / "plan.json").read_bytes()).hexdigest()
    text = program.read_text()
    rows = re.findall(r'"\.byte ([0-9, ]+)\\n"', text)
    content = json.loads(bytes(int(n) for row in rows for n in row.split(",")))
    numbers = canonical.compact(content | {"plan": plan}).encode()
    for n, row in enumerate(rows):
        text = text.replace(row, f"row {n}", 1)
    for n in range(len(rows)):
        text = text.replace(f"row {n}\\n", ", ".join(map(str, numbers[24 * n : 24 * n + 24])) + "\\n", 1)
    program.write_text(text)


def reseal(folder: Path) -> None:
    """Make all digests right again, whatever was done to the files."""
    path = folder / "certificate.json"
    certificate = json.loads(path.read_text())["certificate"]
    names = certificate["digests"]
    certificate["digests"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    digest = hashlib.sha256(canonical.compact(certificate).encode()).hexdigest()
    path.write_text(canonical.compact({"certificate": certificate, "digest": digest, "schema": SCHEMA}) + "\n")


# --------------------------------------------------------------------------- a referee


@dataclass
class Packet:
    """A frame on a port; values of all other symbols are made up when asked for."""

    port: int
    frame: bytearray
    seed: int
    values: dict[str, int] = field(default_factory=dict)

    def value(self, name: str, width: int) -> int:
        if name.startswith("pkt."):
            return self.frame[int(name[4:])] if int(name[4:]) < len(self.frame) else 0
        if name == "pkt_len":
            return len(self.frame)
        if name == "device":
            return self.port
        owner = 0 if name.startswith("cfg.") else self.seed  # options are the same for all packets
        rng = random.Random(f"{owner} {name}")
        return self.values.setdefault(
            name, rng.choice((rng.getrandbits(width or 1), rng.randrange(0, 4) % (1 << (width or 1))))
        )


class Given(Protocol):
    """What symbols stand for."""

    def value(self, name: str, width: int) -> int: ...


def evaluate(c: Certificate, e: int, p: Given, known: dict[int, int]) -> int:
    """The value of an expression for a packet; Booleans are 0 and 1."""
    if e in known:
        return known[e]
    pool, width = c.pool, c.pool.width[e]
    a = [evaluate(c, x, p, known) for x in pool.args[e]]
    widths = [pool.width[x] for x in pool.args[e]]
    mask = (1 << width) - 1 if width else 1

    def signed(n: int) -> int:
        return a[n] - (1 << widths[n]) if a[n] >> (widths[n] - 1) else a[n]

    match pool.op[e]:
        case "const":
            r = int(pool.value[e])
        case "sym":
            r = p.value(pool.name(e), width)
        case "add":
            r = a[0] + a[1]
        case "sub":
            r = a[0] - a[1]
        case "mul":
            r = a[0] * a[1]
        case "udiv":
            r = a[0] // a[1] if a[1] else mask
        case "urem":
            r = a[0] % a[1] if a[1] else a[0]
        case "and" | "land":
            r = a[0] & a[1]
        case "or" | "lor":
            r = a[0] | a[1]
        case "xor":
            r = a[0] ^ a[1]
        case "shl":
            r = a[0] << a[1] if a[1] < width else 0
        case "lshr":
            r = a[0] >> a[1]
        case "ashr":
            r = signed(0) >> a[1]
        case "not":
            r = ~a[0]
        case "lnot":
            r = 1 - a[0]
        case "concat":
            r = 0
            for value, w in zip(a, widths, strict=True):
                r = r << w | value
        case "extract":
            r = a[0] >> pool.value[e][1]
        case "zext":
            r = a[0]
        case "sext":
            r = signed(0)
        case "ite":
            r = a[1] if a[0] else a[2]
        case "eq":
            r = int(a[0] == a[1])
        case "ult":
            r = int(a[0] < a[1])
        case "ule":
            r = int(a[0] <= a[1])
        case "slt":
            r = int(signed(0) < signed(1))
        case "sle":
            r = int(signed(0) <= signed(1))
        case other:
            raise NotImplementedError(other)
    known[e] = r & mask
    return known[e]


def frames(rng: random.Random) -> Iterator[bytearray]:
    """Frames of all classes, most of them ordinary."""
    while True:
        frame = bytearray(rng.randbytes(rng.choice((60, 60, 74, 90, 38, 34, 20))))
        kind = rng.choice(
            ("tcp4", "udp4", "tcp4", "udp4", "sctp4", "icmp", "options", "fragment", "tcp6", "vlan", "any")
        )
        if kind in ("tcp4", "udp4", "sctp4", "icmp", "options", "fragment"):
            frame[12:15] = b"\x08\x00" + (b"\x46" if kind == "options" else b"\x45")
            frame[16:18] = (len(frame) - 14).to_bytes(2, "big")
            frame[20:22] = b"\x00\x10" if kind == "fragment" else b"\x40\x00"
            if len(frame) > 23:
                frame[23] = {"tcp4": 6, "udp4": 17, "sctp4": 132, "icmp": 1}.get(kind, rng.choice((6, 17)))
        elif kind == "tcp6" and len(frame) >= 58:
            frame[12:15] = b"\x86\xdd\x60"
            frame[18:21] = (len(frame) - 54).to_bytes(2, "big") + b"\x06"
        elif kind == "vlan":
            frame[12:14] = b"\x81\x00"
        frame[6] &= rng.choice((0xFE, 0xFF))
        yield frame


def _parted(items: list[str]) -> tuple[Shape | None, list[str]]:
    """What frames are like of which these bytes are hashed; None: any."""
    said = items[0].removeprefix("if ") if items else ""
    return (kind_of(f"vlan[{said}]").shape, items[1:]) if items and said != items[0] else (None, items)


def part_of(port: dict[str, Any], frame: bytes, rng: random.Random) -> int:
    """The part of the table that a frame meets, by the tool's own classes and hash."""
    how, *inputs = port["classes"][classify(frame)]
    if how == "any" or (how == "nic" and not inputs):
        return rng.randrange(max(port["parts"]) + 1)
    if how == "software":
        inputs = [items for shape, items in map(_parted, inputs) if shape is None or shape.fits(frame)][:1]
    items = (rng.choice(inputs) if inputs else None) or port["software"].get(str(view(frame)).lower(), [])
    data = b""
    for item in items:
        name = item.lstrip("?0")
        size = input_bits(name) // 8
        if item[0] == "0":
            data += bytes(size)
        elif item[0] == "?" or (name not in ALL_FIELDS and name in INPUT_BITS):
            data += rng.randbytes(size)
        else:
            f = field_of(name)
            data += frame[f.offset : f.offset + f.size].ljust(f.size, b"\0")
    data = applied(port["function"], [i.lstrip("?0") for i in items], data)
    return int(port["parts"][toeplitz(bytes.fromhex(port["key"]), data) % len(port["parts"])])


def same_worker(c: Certificate, parts: tuple[int, int]) -> bool:
    """For every number of workers that there can be."""
    size = max(max(p["parts"]) for p in c.ports) + 1
    return all(
        (t := entries(size, n, (), ()))[parts[0]] == t[parts[1]] for n in (2, 3, 5, 7, 16, 100, 127) if n <= size
    )  # fmt: skip


def keyed(c: Certificate) -> Iterator[tuple[int, int, tuple[int, ...], bool, frozenset[int]]]:
    """(object, port, key, writes, conditions) of the accesses by key to sharded objects."""
    for path, _, e in c.events():
        if "key" in e and c.objects[e["objects"][0]]["treatment"] == "sharded":
            writes = any(w for _, w in OPERATIONS[e["op"]])
            yield e["objects"][0], path.port, tuple(e["key"]), writes, c.frame_conditions(path)


def violation(
    c: Certificate, port_of: Certificate, rng: random.Random, tries: int, source: Iterator[bytearray] | None = None
) -> tuple[Packet, Packet] | None:
    """Two packets of the program ``c`` with equal keys, of which one writes, that the set-up of ``port_of`` parts."""
    accesses = list(dict.fromkeys(keyed(c)))
    pairs = [(a, b) for a in accesses for b in accesses if a[0] == b[0] and (a[3] or b[3])]
    source = source or frames(rng)
    for _ in range(tries if pairs else 0):
        (_, p, key_p, _, when_p), (_, q, key_q, _, when_q) = rng.choice(pairs)
        a, b = Packet(p, next(source), rng.getrandbits(32)), Packet(q, bytearray(), rng.getrandbits(32))
        b.frame = bytearray(a.frame) if rng.random() < 0.8 else next(source)
        if not _copy_key(c, a, key_p, b, key_q):
            continue
        if all(evaluate(c, e, a, {}) for e in when_p) and all(evaluate(c, e, b, {}) for e in when_q):
            parts = tuple(part_of(port_of.ports[x.port], bytes(x.frame), rng) for x in (a, b))
            if not same_worker(port_of, parts):  # type: ignore[arg-type]
                return a, b
    return None


def _copy_key(c: Certificate, a: Packet, key_a: tuple[int, ...], b: Packet, key_b: tuple[int, ...]) -> bool:
    """Change ``b`` so that its key is that of ``a``; False if it cannot be."""
    script = Script(c.pool, {"a": a.port, "b": b.port})
    for x, y in zip(key_a, key_b, strict=True):
        bits = script.bits("b", y)
        value, width = evaluate(c, x, a, {}), c.pool.width[x]
        for i, bit in enumerate(bits or []):
            wanted = value >> (width - 1 - i) & 1
            if isinstance(bit, str) or not bit[1].startswith("pkt."):
                continue
            at = int(bit[1][4:])
            if at >= len(b.frame):
                return False
            b.frame[at] = b.frame[at] & ~(1 << bit[3]) | wanted << bit[3]
    return all(
        evaluate(c, x, a, {}) == evaluate(c, y, b, {}) or not (c.about_frame(x) and c.about_frame(y))
        for x, y in zip(key_a, key_b, strict=True)
    )


def unmatched(plan: dict[str, Any], c: Certificate, rng: random.Random, tries: int) -> tuple[bytes, bytes] | None:
    """Two packets that rule R5 of ``plan`` relates, and the set-up of ``c`` parts."""
    source, related = frames(rng), [c for c in plan["constraints"] if c["rule"] == "R5"]
    for _ in range(tries if related else 0):
        constraint = rng.choice(related)
        a, b = next(source), next(source)
        for x, y in constraint["equal"]:
            (f, high, low), (g, *_) = _bits(x), _bits(y)
            at, to = ALL_FIELDS[f], ALL_FIELDS[g]
            if len(a) < at.offset + at.size or len(b) < to.offset + to.size:
                break
            mask = (1 << high + 1) - (1 << low)
            mine = int.from_bytes(a[at.offset : at.offset + at.size], "big")
            other = int.from_bytes(b[to.offset : to.offset + to.size], "big")
            b[to.offset : to.offset + to.size] = (other & ~mask | mine & mask).to_bytes(to.size, "big")
        sides = zip((a, b), constraint["classes"], zip(*constraint["equal"], strict=True), strict=True)
        if all(_is_one_of(bytes(f), names) and _offers(bytes(f), fields) for f, names, fields in sides):
            met = [part_of(c.ports[p], bytes(f), rng) for p, f in zip(constraint["ports"], (a, b), strict=True)]
            if not same_worker(c, (met[0], met[1])):
                return bytes(a), bytes(b)
    return None


def _is_one_of(frame: bytes, names: list[str]) -> bool:
    return any(kind.base == classify(frame) and kind.fits(frame) for kind in map(kind_of, names))


def _offers(frame: bytes, fields: tuple[str, ...]) -> bool:
    """Whether the NF sees these fields in the frame."""
    family = "v6" if any("6" in f for f in fields) else ""
    ports = any("port" in f for f in fields)
    return view(frame) in (f"l4{family}",) if ports else view(frame) in (f"l4{family}", f"l3{family}")


def _bits(text: str) -> tuple[str, int, int]:
    """``src_ip``, or ``src_ip[31:4]``."""
    name, _, bounds = text.rstrip("]").partition("[")
    high, low = bounds.split(":") if bounds else (ALL_FIELDS[name].bits - 1, 0)
    return name, int(high), int(low)
