"""Indirection tables: one rule in C and Python, and what a user's traffic makes of them."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rss_cases import FW, POL, profile

from maestro_tool.diagnostics import InputError
from maestro_tool.rss import solve
from maestro_tool.rss.commands import queue_command, table_command
from maestro_tool.rss.measured import measure, read, to_json
from maestro_tool.rss.solution import ports_json
from maestro_tool.rss.table import loads, table
from maestro_tool.traffic.capture import Frame, write_captures

RUNTIME = Path(__file__).parents[3] / "maestro_tool" / "runtime"

WEIGHTS = st.integers(0, 5).flatmap(
    lambda log: st.lists(st.integers(0, 50) | st.integers(0, 2**32 - 1), min_size=2**log, max_size=2**log)
)


@given(WEIGHTS, st.integers(1, 40))
def test_balanced_tables_are_never_worse_and_near_the_best(weights: list[int], workers: int) -> None:
    size = len(weights)
    workers = min(workers, size)
    usual, balanced = table(size, workers), table(size, workers, weights)
    worst = max(loads(balanced, weights, workers))
    assert worst <= max(loads(usual, weights, workers))
    bound = max(max(weights), sum(weights) / workers)  # no table can do better than this
    assert worst <= bound * 4 / 3 + max(weights)
    unseen = [i for i in range(size) if not weights[i]]
    assert [balanced[i] for i in unseen] == [usual[i] for i in unseen]


def test_tables_say_what_they_cannot_be() -> None:
    for size, workers, weights in ((3, 1, ()), (0, 1, ()), (4, 5, ()), (4, 0, ()), (4, 2, (1, 2))):
        with pytest.raises(ValueError, match="a table"):
            table(size, workers, weights)


DRIVER = """
#include <stdio.h>
#include <stdlib.h>
#include "maestro.h"
int main(void) {
  unsigned size, workers, measured, grouped;
  while (scanf("%u %u %u %u", &size, &workers, &measured, &grouped) == 4) {
    uint32_t *weights = calloc(size, sizeof *weights);
    uint16_t *groups = calloc(size, sizeof *groups);
    uint16_t *table = calloc(size, sizeof *table);
    for (unsigned i = 0; measured && i < size; i++)
      if (scanf("%u", &weights[i]) != 1) return 1;
    for (unsigned i = 0; grouped && i < size; i++)
      if (scanf("%hu", &groups[i]) != 1) return 1;
    const struct maestro_port port = {
        .table_size = (uint16_t)size, .weights = measured ? weights : NULL, .groups = grouped ? groups : NULL};
    maestro_fill_table(&port, workers, table);
    for (unsigned i = 0; i < size; i++) printf("%u ", table[i]);
    printf("\\n");
    free(weights);
    free(groups);
    free(table);
  }
  return 0;
}
"""


@pytest.fixture(scope="module")
def c_tables(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[list[int]]]:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    folder = tmp_path_factory.mktemp("tables")
    (folder / "driver.c").write_text(DRIVER)
    parts = [folder / "driver.c", RUNTIME / "src" / "table.c"]
    subprocess.run([compiler, "-O1", "-o", folder / "driver", *parts, f"-I{RUNTIME / 'include'}"], check=True)

    def ask(questions: str) -> list[list[int]]:
        done = subprocess.run([folder / "driver"], input=questions, capture_output=True, text=True, check=True)
        return [[int(word) for word in line.split()] for line in done.stdout.splitlines()]

    return ask


def test_c_fills_the_same_tables(c_tables: Callable[[str], list[list[int]]]) -> None:
    r = random.Random(4)
    questions, expected = [], []
    for _ in range(300):
        size = 1 << r.randrange(0, 12)
        groups = random_groups(r, size) if r.randrange(2) else []
        workers = r.randint(1, min(len(set(groups)) or size, 127))
        kind = r.randrange(4)
        weights = [r.choice((0, r.randrange(4), r.randrange(2**32))) for _ in range(size)] if kind else []
        numbers = [size, workers, int(bool(kind)), int(bool(groups)), *weights, *groups]
        questions.append(" ".join(map(str, numbers)))
        expected.append(table(size, workers, weights, groups))
    assert c_tables("\n".join(questions)) == expected


def random_groups(r: random.Random, size: int) -> list[int]:
    """Groups numbered in order of first occurrence."""
    drawn = [r.randrange(1 + r.randrange(size)) for _ in range(size)]
    number = {group: n for n, group in enumerate(dict.fromkeys(drawn))}
    return [number[group] for group in drawn]


def test_groups_stay_together_whatever_the_traffic() -> None:
    r = random.Random(8)
    for _ in range(100):
        size = 1 << r.randrange(1, 8)
        groups = random_groups(r, size)
        workers = r.randint(1, len(set(groups)))
        weights = [r.randrange(9) for _ in range(size)] if r.randrange(2) else []
        entries = table(size, workers, weights, groups)
        assert len(set(zip(groups, entries, strict=True))) == len(set(groups))
        if not weights:  # every worker gets some
            assert set(entries) == set(range(workers))
    with pytest.raises(ValueError, match="in 2 groups serves 1 to 2 workers, not 3"):
        table(4, 3, (), (0, 0, 1, 1))


# --------------------------------------------------------------------------- a user's capture


def frame(src: int, dst: int, sport: int, dport: int) -> bytes:
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, 40, 0, 0, 64, 6, 0, src, dst)
    return bytes(12) + b"\x08\x00" + ip + struct.pack("!HH", sport, dport) + bytes(16)


def zipf(packets: int) -> dict[int, list[bytes]]:
    """Both directions of flows of which few have most packets."""
    r = random.Random(6)
    flows = [(r.getrandbits(32), r.getrandbits(32), r.getrandbits(16), r.getrandbits(16)) for _ in range(500)]
    drawn = r.choices(flows, [1 / (n + 6) for n in range(500)], k=packets)
    return {0: [frame(*f) for f in drawn], 1: [frame(f[1], f[0], f[3], f[2]) for f in drawn]}


@pytest.mark.parametrize("nic", ("e810", "soft", "ena", "82599"))
def test_a_capture_balances_the_tables_and_keeps_flows_together(nic: str) -> None:
    frames = zipf(4000)
    solution = solve(FW, profile(nic), 2)
    found = measure(solution, frames, "mine")
    before, after = dict(found.before), dict(found.after)
    for workers in (2, 4, 8, 16):
        best = max(1.0, workers * found.heaviest)
        assert after[workers] <= before[workers] and after[workers] <= 1.02 * best
    assert before[16] > 1.25 * after[16]
    assert found.packets == 8000 == sum(found.weights)
    plan = {"ports": ports_json(solution), "traffic": to_json(found)}
    one, other = table_command(plan, 16)
    assert one["table"] == other["table"] == table(one["table_size"], 16, found.weights)
    there, back = (queue_command(plan, port, frames[port][:300], 16) for port in (0, 1))
    assert [p["worker"] for p in there] == [p["worker"] for p in back]
    assert [p["worker"] for p in there] == [one["table"][p["index"]] for p in there]


def test_measuring_is_deterministic() -> None:
    solution = solve(POL, profile("e810"), 2)
    assert measure(solution, zipf(500), "x") == measure(solution, zipf(500), "x")


def test_captures_are_a_folder_of_ports_or_one_file(tmp_path: Path) -> None:
    frames = [Frame(n, f) for n, f in enumerate(zipf(20)[0])]
    write_captures({tmp_path / "port0.pcap": frames, tmp_path / "port1.pcap": []})
    assert {port: len(f) for port, f in read(tmp_path, 2).items()} == {0: 20, 1: 0}
    assert {port: len(f) for port, f in read(tmp_path / "port0.pcap", 3).items()} == {0: 20, 1: 20, 2: 20}
    with pytest.raises(InputError, match="capture of port 1, but the NF has 1 ports"):
        read(tmp_path, 1)
    with pytest.raises(InputError, match="no such"):
        read(tmp_path / "other", 2)


@pytest.mark.parametrize("nic", ["e810", "soft"])
def test_headers_are_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str], nic: str) -> None:
    """Raw IP of which addresses and ports were captured has the indices of the whole frames; less is an error."""
    solution, frames = solve(FW, profile(nic), 2), zipf(200)[0]
    whole = measure(solution, dict.fromkeys((0, 1), frames), "x").weights
    path = tmp_path / "cut.pcap"
    for kept in (24, 23):
        text = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, kept, 101)
        for f in frames:
            text += struct.pack("<IIII", 1, 0, kept, len(f) - 14) + f[14 : 14 + kept]
        path.write_bytes(text)
        if kept == 24:
            assert measure(solution, read(path, 2), "x").weights == whole
            assert "200 of 200 frames have link type 101 (raw IP)" in capsys.readouterr().err
        else:
            with pytest.raises(InputError, match=r"cut\.pcap: frame 1: only 37 bytes of a frame of \d+ were captured"):
                measure(solution, read(path, 2), "x")


def test_a_capture_without_frames_balances_nothing() -> None:
    with pytest.raises(InputError, match="0 packets"):
        measure(solve(FW, profile("e810"), 2), {0: [], 1: []}, "empty")


@pytest.mark.parametrize("weights", ([1, 2, 3], "abc", [-1] * 512, [0.5] * 512))
def test_damaged_weights_are_input_errors(weights: object) -> None:
    plan = {"ports": ports_json(solve(FW, profile("e810"), 2)), "traffic": {"weights": weights}}
    with pytest.raises(InputError, match="weights"):
        table_command(plan, 2)
