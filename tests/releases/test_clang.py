"""clang in the place of gcc: the runtime has no warnings, and an NF that it builds does in parallel what it does on one core."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from maestro_tool import canonical, runtime
from maestro_tool.traffic.capture import read_folder
from maestro_tool.traffic.compare import compare
from maestro_tool.traffic.generate import generate
from maestro_tool.traffic.replay import replay
from maestro_tool.traffic.spec import TrafficSpec
from tests.runtime.toolchain import STRICT, pkg_config

ROOT = Path(__file__).resolve().parents[2]
CLANG = shutil.which("clang")

pytestmark = pytest.mark.skipif(CLANG is None, reason="no clang: run tests/releases/prepare.sh --clang")

SCONSTRUCT = f"""
tools = [PyPackageDir("maestro_tool.scons.site_tools")]
env = Environment(tools=["default", "maestro"], toolpath=tools, CC="clang")
env.Parallelize("fw", Glob("{ROOT}/nfs/fw/*.c"), NIC="soft")
env.SequentialNF("fw", Glob("{ROOT}/nfs/fw/*.c"))
"""


def test_the_runtime_has_no_warnings() -> None:
    sources = sorted(runtime.SOURCE.glob("*.c"))
    includes = [f"-I{runtime.INCLUDE}", f"-I{runtime.SOURCE}", *pkg_config("--cflags")]
    subprocess.run([str(CLANG), *STRICT, "-fsyntax-only", *includes, *sources], check=True)


@pytest.mark.releases
def test_a_parallel_program_does_what_the_sequential_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "SConstruct").write_text(SCONSTRUCT)
    subprocess.run([sys.executable, "-m", "SCons", "-Q"], check=True, cwd=tmp_path)
    traffic = generate(TrafficSpec(flows=500, packets=4000, replies=0.4, unknown=0.1, odd=0.1, seed=3))
    canonical.write_files({tmp_path / f"in/port{port}.pcap": content for port, content in traffic.items()})
    sent = []
    for kind, workers in (("sequential", None), ("soft", 3)):
        program, folder = tmp_path / "build" / kind / "fw/fw", tmp_path / f"out-{kind}"
        assert b"clang" in program.read_bytes()
        replay(program, tmp_path / "in", folder, workers=workers)
        sent.append({port: [f.data for f in frames] for port, frames in read_folder(folder).items()})
    compared = compare(*sent)
    assert compared.equal and compared.frames > 2000, compared.text()
