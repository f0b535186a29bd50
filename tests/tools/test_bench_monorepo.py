"""NFs of generated repositories differ in what they mean, and what they are compared with does the same C steps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench_monorepo import nfs, plain

from maestro_tool import frontend, pipeline, runtime
from maestro_tool.cache import NoCache
from tests.quick import others_long


def test_each_is_another() -> None:
    texts = ["".join(nfs.files(nfs.variant(number)).values()) for number in range(500)]
    names = [nfs.variant(number).name for number in range(500)]
    without_names = {text.replace(name, "") for text, name in zip(texts, names, strict=True)}
    assert len(without_names) == len(set(names)) == 500


@pytest.mark.parametrize(
    ("number", "strategy"),
    others_long([(0, "shared-nothing"), (1, "shared-nothing"), (2, "shared-nothing")], [(1, "shared-nothing")]),
)
def test_they_are_such_as_people_write(tmp_path: Path, number: int, strategy: str) -> None:
    (name,) = nfs.write(tmp_path, 1) if number == 0 else nfs.write(tmp_path, number + 1)[-1:]
    request = pipeline.Request(tuple(sorted((tmp_path / name).glob("*.c"))))
    found = pipeline.analyse(request, NoCache(), pipeline.Stopwatch())
    assert len(found.analysis.paths) >= 5 and len(found.analysis.objects) == 4
    other = frontend.fingerprint(frontend.load_program(sorted((tmp_path / nfs.variant(0).name).glob("*.c"))))
    assert (other == found.program) == (number == 0)
    constraints = pipeline.derive(found, pipeline.Stopwatch()).constraints
    assert constraints  # sharded, by the key


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """What a build of two NFs leaves, as far as it is looked at."""
    units = []
    for nf in ("a", "b"):
        gen = tmp_path / "build/soft" / nf / "gen"
        gen.mkdir(parents=True)
        (gen.parent / "plan.json").write_text("{}")
        for name in (f"main_{nf}", f"{nf}_parallel"):
            (gen / f"{name}.c").write_text("int x;\n")
            path = f"build/soft/{nf}/gen/{name}"
            words = [
                "gcc",
                "-o",
                f"{path}.o",
                "-c",
                "-O1",
                '-DV="1 2"',
                *(["-DMAESTRO_RUNTIME_SYMBOL=symbol"] if "parallel" in name else []),
                f"-Ibuild/soft/{nf}/gen",
                "-I/usr/include",
                f"{path}.c",
            ]
            units.append({"directory": str(tmp_path), "file": f"{path}.c", "output": f"{path}.o", "arguments": words})
    (tmp_path / "build/compile_commands.json").write_text(json.dumps(units))
    plain.write(tmp_path)
    return tmp_path


def steps(folder: Path, *command: str) -> list[str]:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, env=os.environ)
    return [line for line in done.stdout.splitlines() if " -c " in line or line.startswith("CC")]


def test_both_compile_the_same(built: Path) -> None:
    """Two units of each NF, and the runtime once."""
    count = 4 + len(list(runtime.SOURCE.glob("*.c")))
    by_scons = steps(built / "plain", sys.executable, "-m", "SCons", "-Q", "-n")
    by_ninja = steps(built / "plain", "ninja", "-n", "-v")
    assert len(by_scons) == len(by_ninja) == count
    for line in by_ninja:
        assert "-O1 '-DV=\"1 2\"'" in line and "-I/usr/include" in line
        assert ("SYMBOL=symbol" in line) == ("/main_" not in line)
    assert len(steps(built / "plain", sys.executable, "-m", "SCons", "-Q", "-n", "nf=a")) == count - 2
