"""Budgets that end an analysis count what it does: it ends at the same place, however fast the machine is."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from maestro_tool import forms
from maestro_tool.diagnostics import ResourceLimitError
from maestro_tool.frontend import load_program
from maestro_tool.symex import Limits, analyse, analysis

ROOT = Path(__file__).parents[3]

#: Rewrites options of unknown length and keeps what it found: as many outcomes as there are places, in any order.
HOPELESS = """
#include "nf.h"
struct nf_config { int unused; };
struct nf_config config;
bool nf_init(void) { return true; }
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  uint8_t *o = *buffer + 20;
  if (packet_length < 60) return device;
  int last = 0;
  for (int i = 0; i < 38;) {
    if (o[i] == 1) { i++; continue; }
    if (i + 1 >= 38 || o[i + 1] < 2) return device;
    if (o[i] == 5) last = o[i + 2];
    if (o[i] == 6) o[i + 1] = last;
    i += o[i + 1];
  }
  return last % 2;
}
"""

PROGRAM = """
import sys
from pathlib import Path
from maestro_tool import forms
from maestro_tool.diagnostics import ResourceLimitError
from maestro_tool.frontend import load_program
from maestro_tool.symex import Limits, analyse
try:
    analyse(load_program([Path(sys.argv[1])]), limits=Limits(merge_after=50, solver=500_000))
except ResourceLimitError as error:
    print(error.render())
"""

ENDS = """
#include "nf.h"
struct nf_config { int unused; };
struct nf_config config;
bool nf_init(void) { return true; }
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  if (packet_length < 60) return device;
  for (int i = 20; i < 28; i++) if ((*buffer)[i] == i) return 1 - device;
  return device;
}
"""


@pytest.fixture
def hopeless(tmp_path: Path) -> Path:
    (tmp_path / "nf.c").write_text(HOPELESS)
    return tmp_path / "nf.c"


@pytest.fixture
def ends(tmp_path: Path) -> Path:
    (tmp_path / "nf.c").write_text(ENDS)
    return tmp_path / "nf.c"


def test_the_solvers_work_ends_it_at_one_place(hopeless: Path) -> None:
    """z3 counts the same whatever order Python's sets are in."""
    said = []
    for seed in ("1", "2"):
        words = [sys.executable, "-c", PROGRAM, str(hopeless)]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT, env=environment)
        said.append(done.stdout)
    assert said[0] == said[1]
    assert "nf.c:" in said[0] and "no end after 500000 units of the solver's work and 0 call paths" in said[0], said[0]
    assert "raise the limit 'solver'" in said[0]


def test_forks_end_it(hopeless: Path) -> None:
    with pytest.raises(ResourceLimitError, match="no end after 1500 forks and 0 call paths") as first:
        analyse(load_program([hopeless]), limits=Limits(merge_after=50, forks=1500))
    with pytest.raises(ResourceLimitError) as second:
        analyse(load_program([hopeless]), limits=Limits(merge_after=50, forks=1500))
    assert first.value.render() == second.value.render()


def test_time_only_stops_it(ends: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = load_program([ends])
    found = forms.write(analyse(program))
    ticks = itertools.count(step=1000)
    monkeypatch.setattr(analysis.time, "monotonic", lambda: float(next(ticks)))  # a machine that others use, too
    assert forms.write(analyse(program, limits=Limits(seconds=1))) == found
    monkeypatch.setattr(analysis.time, "process_time", lambda: float(next(ticks)))
    with pytest.raises(ResourceLimitError, match="stopped after 1 s of CPU time and 0 call paths"):
        analyse(program, limits=Limits(seconds=1))
    assert forms.write(analyse(program, limits=Limits(seconds=0))) == found
