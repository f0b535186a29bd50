"""NFs as others write them for the libVig API: several files, helpers to be generated, both versions of the API, files
that set-up reads.  They are built by their folder, as they are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from foreign_nfs import Build, lift_conflicts

from maestro_tool import forms, nf, pipeline
from maestro_tool.cache import NoCache
from maestro_tool.diagnostics import ResourceLimitError, UnsupportedError
from maestro_tool.sharding.outcome import words
from maestro_tool.symex import Analysis
from tests.quick import one_quick

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
#: NF -> call paths, and whether cores need share nothing.
EXPECTED = {
    "gate": (13, True),
    "meter": (30, True),
    "masq": (19, False),
    "spread": (28, False),
    "fixedbridge": (6, True),
    "threeports": (21, True),
    "dualstack": (31, True),
    "anyhost": (54, True),
    "oddities": (18, False),
    "wholeapi": (342, True),
    "resize": (11, True),
    "bitfields": (13, True),
    "tagnat": (66, True),
    "carried": (84, True),
}


def analysed(folder: Path, **changes: object) -> pipeline.Analysed:
    function = nf.load(folder)
    request = pipeline.Request(function.sources, function.arguments, function.ports, (function.root,), **changes)
    return pipeline.analyse(request, NoCache(), pipeline.Stopwatch())


@pytest.mark.parametrize("name", one_quick(EXPECTED, "gate"))
def test_analysis(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = analysed(Path("tests/foreign") / name)
    plan = pipeline.derive(found, pipeline.Stopwatch())
    assert (len(found.analysis.paths), plan.shardable) == EXPECTED[name]
    assert forms.read(Analysis, forms.write(found.analysis)) == found.analysis


def test_why_the_nat_is_shared_and_what_lifts_it(tmp_path: Path) -> None:
    """It refreshes a flow before it looks who asks, and takes any port for one of its own: spoofed packets keep flows
    alive, so they matter to the core that has the flow."""
    folder = tmp_path / "masq"
    shutil.copytree(HERE / "masq", folder)
    found = analysed(folder)
    plan = pipeline.derive(found, pipeline.Stopwatch())
    said = " / ".join(words.obstacle(found.analysis, o).text for o in plan.obstacles)
    assert "a packet that does not match what the entry holds changes state" in said
    assert "packets choose an entry of allocated_nf_state->doors that may be none of its 65536" in said

    lift_conflicts(folder)
    plan = pipeline.derive(analysed(folder), pipeline.Stopwatch())
    assert plan.shardable, plan.obstacles
    assert [c.rule for c in plan.constraints] == ["R5"]


def test_options_of_the_header_are_followed_where_paths_are_merged(tmp_path: Path) -> None:
    found = analysed(HERE / "ipoptions", limits=(("merge_after", 100),))
    assert 10 < len(found.analysis.paths) < 1000
    counted = {e.op.name for p in found.analysis.paths for e in p.events}
    assert {"map_get", "map_put", "vector_write"} <= counted


def test_a_budget_ends_with_a_place_and_advice(tmp_path: Path) -> None:
    with pytest.raises(ResourceLimitError, match="more than 50 call paths") as caught:
        analysed(HERE / "ipoptions", limits=(("paths", 50),))
    assert "main.c:" in caught.value.render() and "--limit" in (caught.value.hint or "")


UNKNOWN = """
#include "nf.h"
struct nf_config { int unused; };
unsigned spread(unsigned key);
bool nf_init(void) { return true; }
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  return spread(packet_length) % 7 == 3 ? 1 - device : device;
}
"""


def test_unknown_functions_must_be_declared(tmp_path: Path) -> None:
    (tmp_path / "lost").mkdir()
    (tmp_path / "lost" / "nf.c").write_text(UNKNOWN)
    with pytest.raises(UnsupportedError, match="'spread' is neither defined by the NF nor known") as caught:
        analysed(tmp_path / "lost")
    assert "functions: {spread: {pure: true}}" in (caught.value.hint or "")
    found = analysed(tmp_path / "lost", pure=("spread",))
    assert len(found.analysis.paths) == 4
    assert any("result of 'spread' is taken as unknown" in note.words for note in found.analysis.notes)


def test_built_by_folder(build: Build, tmp_path: Path) -> None:
    """One build for all; programs start, and refuse where a file has changed that set-up reads."""
    assert "fixedbridge for soft: shared-nothing" in build.said
    assert (build.folder / "build/soft/gate/gen/session.h.gen.c").is_file()
    shutil.copytree(build.folder / "tests", tmp_path / "tests")

    ports = []
    for n in range(2):
        shutil.copy(ROOT / "tests/end_to_end/one_frame.pcap", tmp_path / f"in{n}.pcap")
        ports += ["--vdev", f"net_pcap{n},rx_pcap=in{n}.pcap,tx_pcap=out{n}.pcap"]
    program = [build.parallel("fixedbridge"), "--workers", "2", "--replay", *ports]
    program += ["--", "--table", "tests/foreign/fixedbridge/table.conf"]
    started = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert started.returncode == 0, started.stdout + started.stderr
    (tmp_path / "tests/foreign/fixedbridge/table.conf").write_text("02:00:00:00:00:09 0 1\n")
    started = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert started.returncode != 0
    assert "table.conf' has changed since the plan was made" in started.stdout + started.stderr
