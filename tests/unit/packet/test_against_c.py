"""Predicates of the classes, for z3 and evaluated, and `classify`: all say what the runtime's C says."""

from __future__ import annotations

import itertools
import random
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import z3

from maestro_tool.expr.evaluate import Numbers
from maestro_tool.expr.nodes import sym, symbols
from maestro_tool.packet.classes import CLASSES, classify, predicate
from maestro_tool.runtime import INCLUDE, SOURCE
from maestro_tool.solver.translate import Translator
from maestro_tool.traffic.odd import KINDS

Oracle = Callable[[list[bytes]], list[str]]
_SIZES = (10, 13, 14, 20, 33, 34, 35, 37, 38, 42, 46, 53, 54, 57, 58, 60, 62, 66, 74, 94)


@pytest.fixture(scope="module")
def c(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    """The runtime's classes of frames."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        pytest.skip("needs a C compiler")
    binary = tmp_path_factory.mktemp("classify") / "classify"
    sources = [Path(__file__).with_name("classify.c"), SOURCE / "steering.c"]
    sanitized = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    subprocess.run([compiler, "-O1", *sanitized, f"-I{INCLUDE}", "-o", binary, *sources], check=True)
    names = list(CLASSES)

    def ask(frames: list[bytes]) -> list[str]:
        text = "".join(f"{f.hex() or '-'}\n" for f in frames)
        run = subprocess.run([binary], input=text, capture_output=True, text=True, check=True)
        return [names[int(line)] for line in run.stdout.split()]

    return ask


def _random_frames(count: int) -> Iterator[bytes]:
    """Frames whose headers are nearly right: each field has its edges."""
    r = random.Random(3)
    for _ in range(count):
        frame = bytearray(r.randbytes(r.choice(_SIZES)))
        if len(frame) > 13:
            types = (0x0800, 0x0800, 0x0800, 0x86DD, 0x86DD, 0x8100, 0x88A8, 0x9100, 0x0806)
            frame[12:14] = r.choice(types).to_bytes(2, "big")
        if len(frame) > 23 and r.random() < 0.9:
            frame[14] = r.choice((0x45, 0x45, 0x45, 0x46, 0x4A, 0x4F, 0x44, 0x65))
            room = len(frame) - 14
            frame[16:18] = r.choice((room, room, room, room - 1, room + 1, 20, 39)).to_bytes(2, "big")
            frame[20:22] = r.choice((0, 0, 0x4000, 0x2000, 0x0001)).to_bytes(2, "big")
            frame[23] = r.choice((1, 6, 6, 17, 132))
            if frame[12] == 0x86:
                frame[14] = r.choice((0x60, 0x60, 0x60, 0x6F, 0x45))
                room = max(len(frame) - 54, 0)
                frame[18:20] = r.choice((room, room, room, room + 1, max(room - 1, 0))).to_bytes(2, "big")
                frame[20] = r.choice((6, 17, 44, 58, 132))
        yield bytes(frame)


def _odd_frames() -> list[bytes]:
    """Those that `maestro traffic` makes, each cut at every length."""
    plain = bytes(12) + b"\x08\x00" + bytes.fromhex("4500002e000000004006000001020304050607080a0b0050") + bytes(26)
    udp = plain[:23] + bytes((17,)) + plain[24:]
    whole = [make(frame) for make in KINDS.values() for frame in (plain, udp)]
    return [frame[:n] for frame in (plain, udp, *whole) for n in range(len(frame) + 1)]


def _edges() -> Iterator[bytes]:
    """Whole headers with every protocol that has a class, and lengths about that of the shortest L4 header."""
    known = {c.transport for c in CLASSES.values() if c.transport is not None}
    numbers_above = (1, 44, *(t.number for t in known))
    payloads = sorted({0} | {t.header + n for t in known for n in (-1, 0, 1)})
    for number, payload, extra in itertools.product(numbers_above, payloads, (-1, 0, 6)):
        for words, fragment in itertools.product((5, 6, 15), (0, 0x4000, 0x2000, 0x0001)):
            header = struct.pack(">BBHHHBB", 0x40 | words, 0, 4 * words + payload, 0, fragment, 64, number)
            yield b"\0" * 12 + b"\x08\x00" + header.ljust(4 * words + payload + extra, b"\0")
        header = struct.pack(">IHBB", 6 << 28, payload, number, 64)
        yield b"\0" * 12 + b"\x86\xdd" + header.ljust(40 + payload + extra, b"\0")


def test_evaluated_predicates_and_classify(c: Oracle) -> None:
    frames = [*_odd_frames(), *_edges(), *_random_frames(2000)]
    predicates = [predicate(name) for name in CLASSES]
    calculate = Numbers(predicates)
    found = []
    names = {x: str(x.value) for p in predicates for x in symbols(p)}
    for frame in frames:
        values = {x: _value(frame, name) for x, name in names.items()}
        truth = dict(zip(predicates, calculate(values), strict=True))
        holding = [name for name, p in zip(CLASSES, predicates, strict=True) if truth[p]]
        assert len(holding) == 1, frame.hex()
        found += holding
    assert found == [classify(f) for f in frames] == c(frames)
    assert set(found) == set(CLASSES)


def _value(frame: bytes, name: str) -> int:
    """Of a symbol; bytes that are not there have any value, here 0x45."""
    if name == "pkt_len":
        return len(frame)
    n = int(name.removeprefix("pkt."))
    return frame[n] if n < len(frame) else 0x45


@pytest.mark.parametrize("name", CLASSES)
def test_frames_that_z3_finds(c: Oracle, name: str) -> None:
    """z3 makes frames of each class and length, at the edges of the lengths that IP tells, too."""
    z3ify = Translator()
    length = z3ify(sym("pkt_len", 16))
    solver = z3.SolverFor("QF_BV", ctx=z3ify.context)
    solver.add(z3ify(predicate(name)))
    told = [
        z3.ZeroExt(8, z3ify(sym(f"pkt.{n}", 8))) << 8 | z3.ZeroExt(8, z3ify(sym(f"pkt.{n + 1}", 8))) for n in (16, 18)
    ]
    frames = []
    for size in _SIZES:
        edges = [z3.BoolVal(True, z3ify.context)]
        edges += [t == size - header - n for t, header in zip(told, (14, 54), strict=True) for n in (-1, 0, 1)]
        for edge in edges:
            if solver.check(length == size, edge) == z3.sat:
                model = solver.model()
                known = {d.name(): model[d].as_long() for d in model.decls()}
                frames.append(bytes(known.get(f"pkt.{n}", 0) for n in range(size)))
    assert len(frames) >= 10
    assert set(c(frames)) == {classify(f) for f in frames} == {name}
