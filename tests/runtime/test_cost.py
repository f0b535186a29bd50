"""What comparing a card's placement costs, in instructions, as `scons bench` counts them."""

from __future__ import annotations

import shutil

import pytest

from maestro_tool import runtime
from maestro_tool.cli.bench import COMPARED
from maestro_tool.measured import programs
from tests.runtime.toolchain import HERE, Toolchain


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_comparing_costs_less_than_one_percent(plain: Toolchain) -> None:
    harness = plain.compile(runtime.RUNTIME / "bench/bench_nf.c", "bench_nf")
    program = plain.link("bench", harness, plain.compile(HERE / "tiny_fw.c", "tiny_fw_bench"))
    counted = programs.received_instructions(program)
    assert counted is not None
    added = {title: counted[compared] / counted[without] - 1 for title, (without, compared) in COMPARED.items()}
    assert list(added) == list(COMPARED)
    steered, left, awaiting = added.values()
    assert 0 < steered < 0.01 and 0 < left < 0.01, added
    # Until each class has come, each packet is asked: what the sample does without.
    assert 0.02 < awaiting < 0.3, added
