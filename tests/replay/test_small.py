"""Small NFs on packets that meet in few values."""

from __future__ import annotations

import struct
from random import Random

import pytest

from tests.operations.library import Compiler
from tests.replay.compare import Comparison, Packet, ReplayError
from tests.replay.prelude import PRELUDE, PROCESS
from tests.replay.program import build_file
from tests.replay.small import ELSEWHERE, NFS


def packets(seed: int, n: int) -> list[Packet]:
    rng, now, made = Random(seed), 1000, []
    for _ in range(n):
        now += rng.choice((0, 1, 5, 20))
        src, dst = (0x0A000000 + rng.randrange(8) for _ in range(2))
        length = rng.choice((0, 6, 30))
        header = struct.pack(
            ">BBHHHBBHII", 0x45, rng.choice((0, 8, 24, 31, 32, 33)), 20 + length, rng.choice((1, 2, 0x7FFF, 0x8000)), 0, 64,
            rng.choice((6, 17)), 0, src, dst,
        )  # fmt: skip
        frame = (
            bytes(12)
            + rng.choice((b"\x08\x00",) * 9 + (b"\x08\x06",))
            + header
            + bytes(rng.choice((0, 0, 1, 2, 9, 40)) for _ in range(length))
        )
        made.append(Packet(now, rng.randrange(2), frame[: rng.choice((99, 99, 99, 99, 33))]))
    return made


def compared(compiler: Compiler, name: str, parts: tuple[str, str]) -> Comparison:
    before, body = parts
    return Comparison(build_file(compiler, name, f"{PRELUDE}{before}{PROCESS}{body}}}\n"))


@pytest.mark.parametrize("name", NFS)
def test_small_nfs(compiler: Compiler, name: str) -> None:
    found = compared(compiler, f"small_{list(NFS).index(name)}", NFS[name])
    for packet in packets(len(name), 400):
        found.send(packet)
    assert len(found.counts.paths) >= len(found.analysis.paths) / 2
    assert found.counts.unplaced == 0 and not found.counts.seen
    assert bool(found.counts.invented) == (name in ("padding", "pairs"))  # bytes that no member has


def test_a_place_that_events_do_not_name_is_known_to_be_unknown(compiler: Compiler) -> None:
    """Its key changes there, unseen by the replay; whoever shards must not take it for a key that stays."""
    found = compared(compiler, "elsewhere", ELSEWHERE)
    with pytest.raises((AssertionError, ReplayError)):
        for packet in packets(1, 400):
            found.send(packet)
    assert found.counts.unplaced > 0
