"""Wrong steering is noticed: the tests of equivalence would fail if keys, hashed fields or classes were wrong.

Each case rebuilds a parallel program with one thing changed in its generated tables.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cases import PARALLEL
from nf_runs import ROOT, converse, make_captures, run, sequential
from programs import Build
from test_equivalence import CASES

from maestro_tool import dpdk
from maestro_tool.traffic.compare import compare
from maestro_tool.traffic.renaming import renamed_by
from maestro_tool.traffic.spec import TrafficSpec
from tests import compiling
from tests.quick import one_quick

TRAFFIC = TrafficSpec(flows=1000, packets=10_000, replies=0.4, odd=0.1, seed=3)


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_captures(tmp_path_factory.mktemp("captures"), TRAFFIC)


def rebuild(build: Build, nf: str, change: Callable[[str], str], folder: Path, strategy: str = "auto") -> Path:
    """The parallel program of ``nf`` with the text of its generated tables changed."""
    generated = build.parallel(nf, strategy).parent
    tables = generated / "gen" / f"{nf}_parallel.c"
    original = tables.read_text()
    changed = change(original)
    assert changed != original, "the mutation found nothing to change"
    mutant = folder / tables.name
    mutant.write_text(changed)
    found = dpdk.find()
    include_dirs = [generated / "gen", generated, ROOT / "maestro_tool/runtime/include", *found.include_dirs]
    flags = ["-std=gnu11", "-O1", *found.cflags, *(f"-I{folder}" for folder in include_dirs)]
    objects = compiling.objects([mutant, generated / "gen" / f"main_{nf}.c"], flags, folder)
    # The library's own tables are not linked, because the mutant defines the same symbol before.
    linked = ["gcc", *map(str, objects), str(generated / f"lib{nf}.a"), *found.libs, "-lm", "-lpthread"]
    subprocess.run([*linked, "-o", str(folder / nf)], check=True)
    return folder / nf


def key_of(text: str, port: int) -> re.Match[str]:
    match = re.search(rf"key_{port}\[\] = \{{(.*?)\}};", text, re.DOTALL)
    assert match
    return match


def another_key(port: int) -> Callable[[str], str]:
    """An arbitrary key on that port."""

    def change(text: str) -> str:
        match = key_of(text, port)
        count = match[1].count("0x")
        key = ", ".join(f"0x{(37 * i * i + 91 * i + 5) & 0xFF:02x}" for i in range(count))
        return text[: match.start(1)] + key + text[match.end(1) :]

    return change


def wrong_bit(port: int, bit: int) -> Callable[[str], str]:
    """Bit ``bit`` of the port's key is flipped: bit 23 + i has hash input bit i decide, or not, which half of a table
    of 512 a packet is in, and thus which of 2 workers has it."""

    def change(text: str) -> str:
        match = key_of(text, port)
        key = bytearray(int(byte, 16) for byte in re.findall(r"0x[0-9a-f]{2}", match[1]))
        key[bit // 8] ^= 0x80 >> bit % 8
        return text[: match.start(1)] + ", ".join(map(hex, key)) + text[match.end(1) :]

    return change


def replaced(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


def other_fields(port: int, wrong: str, view: str) -> Callable[[str], str]:
    """Port ``port`` hashes ``wrong`` (C initialiser) for frames with the view."""

    def change(text: str) -> str:
        inputs = list(re.finditer(rf"\.{view} = (.*),\n", text))
        match = inputs[port]
        return text[: match.start(1)] + wrong + text[match.end(1) :]

    return change


def same(text: str) -> str:
    return text + "\n/* nothing changed */\n"


def differences(build: Build, nf: str, change: Callable[[str], str], captures: Path, folder: Path) -> int:
    mutant = rebuild(build, nf, change, folder)
    expected, _ = run(build.reference(nf), captures, folder / "sequential", CASES[nf][0])
    sent, result = run(mutant, captures, folder / "mutant", CASES[nf][0], 2)
    assert min(worker["rx"] for worker in result.workers) > 0
    return len(compare(expected, sent).differences)


@pytest.mark.parametrize(("nf", "change"), [
    pytest.param("fw", another_key(0), id="fw-lan-key"),
    pytest.param("fw", another_key(1), id="fw-wan-key"),
    # Source and destination of requests in the order of replies.
    pytest.param("fw", other_fields(0, "{4, {{30, 4}, {26, 4}, {36, 2}, {34, 2}}}", "l4"), id="fw-lan-swapped"),
    pytest.param("fw", other_fields(1, "{1, {{26, 4}}}", "l4"), id="fw-wan-source"),
    pytest.param("pol", other_fields(1, "{1, {{26, 4}}}", "l4"), id="pol-source"),
    pytest.param("pol", other_fields(1, "{1, {{26, 4}}}", "l3"), id="pol-source-without-ports"),
])  # fmt: skip
def test_wrong_steering_is_noticed(
    build: Build, captures: Path, tmp_path: Path, nf: str, change: Callable[[str], str]
) -> None:
    assert differences(build, nf, change, captures, tmp_path) > 0


@pytest.mark.parametrize(("nf", "change"), [
    pytest.param("fw", same, id="fw"),
    pytest.param("pol", same, id="pol"),
    pytest.param("pol", another_key(0), id="pol-lan-key"),  # pol keeps no state about LAN frames
    pytest.param("nop", another_key(0), id="nop-lan-key"),
    pytest.param("nop", another_key(1), id="nop-wan-key"),
])  # fmt: skip
def test_what_is_allowed_is_not_reported(
    build: Build, captures: Path, tmp_path: Path, nf: str, change: Callable[[str], str]
) -> None:
    """The way mutants are built changes nothing by itself."""
    assert differences(build, nf, change, captures, tmp_path) == 0


#: What is wrong with a program -> strategy, NF, change of its tables.
WRONG = {
    "fw-bit": ("auto", "fw", wrong_bit(0, 23 + 95)),  # the last bit of the destination port, on the LAN only
    "nat-bit": ("auto", "nat", wrong_bit(0, 23 + 31)),  # the last bit of the destination address, on the LAN only
    "psd-fields": ("auto", "psd", other_fields(1, "{2, {{26, 4}, {36, 2}}}", "l4")),  # the destination port, too
    "hhh-bit": ("auto", "hhh", wrong_bit(1, 23 + 31)),  # ... of the source, not in its prefix
    "cl-fields": ("auto", "cl", other_fields(1, "{3, {{26, 4}, {30, 4}, {34, 2}}}", "l4")),
    "lb-fields": ("auto", "lb", other_fields(1, "{1, {{18, 2}}}", "l4")),  # IPv4 identification
    # All workers hand out the same ports.
    "nat-range": ("auto", "nat", replaced(".ranged = true", ".ranged = false")),
    # Each worker has backends of its own.  (What happens without the lock: tests/runtime/test_sharing_mutations.py.)
    "lb-hybrid-not-shared": ("auto", "lb", replaced("MAESTRO_SHARED", "MAESTRO_SHARDED")),
}


@pytest.mark.parametrize("name", one_quick(WRONG, "fw-bit"))
def test_wrong_programs_are_noticed(build: Build, tmp_path: Path, name: str) -> None:
    strategy, nf, change = WRONG[name]
    case = PARALLEL[nf][0]
    renamed = renamed_by(build.plan(nf, strategy))
    mutant = rebuild(build, nf, change, tmp_path, strategy)
    captures, expected = sequential(build, case, tmp_path / "sequential", {})
    if renamed:
        # Replies to what the right program sends: a wrong one may choose otherwise for ever.
        captures, right, _ = converse(build.parallel(nf, strategy), case.traffic, tmp_path / "right", case.arguments, 2)
        assert compare(expected, right, renamed).equal
    sent, result = run(mutant, captures, tmp_path / "mutant", case.arguments, 2)
    assert min(worker["rx"] for worker in result.workers) > 0
    assert not compare(expected, sent, renamed).equal
