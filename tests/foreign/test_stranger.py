"""A program of somebody else, built by its own SConstruct: three ports, options, a file that set-up reads, -flto, and
a static variable of a function.  And the mistakes that such people make."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from maestro_tool import canonical
from maestro_tool.traffic.capture import read_folder
from maestro_tool.traffic.compare import compare
from maestro_tool.traffic.generate import generate
from maestro_tool.traffic.replay import replay
from maestro_tool.traffic.spec import TrafficSpec
from tests import compiling, drivers

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return shutil.copytree(Path(__file__).parent / "stranger", tmp_path / "stranger")


def scons(tree: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **compiling.for_scons(precompiled=True), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "SCons", "-Q"]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


def test_three_ports_options_and_a_file(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = scons(tree)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "router for soft: shared-nothing" in done.stdout
    monkeypatch.chdir(tree)
    hosts, servers = generate(TrafficSpec(packets=4000, rate=20_000, odd=0.1)).values()
    captures = {0: hosts, 1: hosts, 2: servers}
    canonical.write_files({tree / f"in/port{n}.pcap": data for n, data in captures.items()})

    def sent(program: str, workers: int) -> dict[int, list[bytes]]:
        options = ["--table", "etc/routes.conf", "--burst", "5"]
        out = tree / f"out{workers}"
        with drivers.at_once():
            replay(tree / program, tree / "in", out, workers=workers, nf_arguments=options)
        return {port: [f.data for f in frames] for port, frames in read_folder(out).items()}

    expected = sent("build/sequential/router/router", 1)
    assert len(expected[0]) > 1000 and len(expected[2]) > 1000
    for workers in (2, 3):
        comparison = compare(expected, sent("build/soft/router/router", workers))
        assert comparison.equal, comparison.text()


MISTAKES = {
    "too few ports": ("PORTS=3", "PORTS=2", "nf_init() returned false"),
    "an unknown option": ("--burst", "--brust", "last output: unrecognized option '--brust' --table FILE --burst N"),
    "no such file": ("etc/routes", "etc/rutes", "nf_init() returned false (last output: cannot read etc/rutes.conf)"),
    "no such source": ("src/table.c", "src/tabel.c", "Source `src/tabel.c' not found"),
    "a source left out": (', "src/table.c"', "", "'table_read' is neither defined by the NF nor known here"),
    "an unknown card": ('"soft"', '"e811"', "unknown NIC 'e811'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(tree: Path, mistake: str) -> None:
    right, wrong, said = MISTAKES[mistake]
    text = (tree / "SConstruct").read_text()
    assert right in text
    (tree / "SConstruct").write_text(text.replace(right, wrong))
    done = scons(tree)
    assert done.returncode == 2 and said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_key_functions_of_a_struct_that_no_header_has(tree: Path) -> None:
    program = tree / "src/router.c"
    program.write_text(program.read_text().replace('#include "source.h.gen.h"', "struct source { uint32_t address; };"))
    done = scons(tree)
    assert "'source_eq' is not declared" in done.stderr
    assert 'put struct source into a header, say source.h, and include "source.h.gen.h"' in done.stderr
