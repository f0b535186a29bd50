"""Steps run in processes that one server of the build has prepared: as commands of their own, but sooner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from scons_tree import ROOT

from maestro_tool.scons import steps

MAESTRO = (sys.executable, "-P", "-m", "maestro_tool")

#: Runs the steps of nop, and prints what had to be imported although the server had prepared itself.
IMPORTS = """
import json, sys
from maestro_tool import step_server
step_server.prepare()
from maestro_tool.cli import main
before = set(sys.modules)
nop, made = sys.argv[1:]
assert main(["analyse", nop + "/nop_main.c", nop + "/nop_config.c", "-o", made + "/a.json", "--record", made]) == 0
for more in ([], ["--strategy", "locks"]):
    assert main(["generate", made + "/a.json", "--nic", "e810", "--name", "nop", "-o", made + "/nop", *more]) == 0
print(json.dumps(sorted(name for name in set(sys.modules) - before if not name.startswith("_"))))
"""


def test_a_server_has_imported_all(tmp_path: Path) -> None:
    command = [sys.executable, "-c", IMPORTS, ROOT / "nfs/nop", tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


@pytest.fixture
def compiler(tmp_path: Path) -> Path:
    """A compiler that notes the variables that it sees and who called the step, and then does what it is told."""
    script = tmp_path / "cc"
    called = "server=$(cut -d' ' -f4 /proc/$PPID/stat)"
    script.write_text(f"#!/bin/sh\n{called}\nenv >{tmp_path}/seen\necho $server >{tmp_path}/server\n. {tmp_path}/do\n")
    script.chmod(0o755)
    (tmp_path / "nf.c").write_text("int x;\n")
    return script


def run(compiler: Path, does: str, **variables: str) -> int | None:
    folder = compiler.parent
    (folder / "do").write_text(does)
    words = [*MAESTRO, "analyse", f"--cc={compiler}", "-o", str(folder / "a.json"), str(folder / "nf.c")]
    return steps.run(words, {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables})


def test_other_commands_are_none_of_its() -> None:
    for words in (["gcc"], ["gcc", "-P", "-m", "maestro_tool"], [*MAESTRO], [*MAESTRO, "explain", "nop"]):
        assert steps.run(words, {}) is None


@pytest.mark.quick
def test_steps_tell_nothing_to_each_other(compiler: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(compiler, "exit 1", ONLY_HERE="1") == 1
    assert "ONLY_HERE=1" in (compiler.parent / "seen").read_text()
    first = (compiler.parent / "server").read_text()
    assert run(compiler, "exit 1") == 1
    assert "ONLY_HERE" not in (compiler.parent / "seen").read_text()
    assert (compiler.parent / "server").read_text() == first != str(os.getpid())
    assert capfd.readouterr().err.count("error: ") == 2


def test_a_step_that_is_killed(compiler: Path) -> None:
    assert run(compiler, "kill -9 $PPID") == -9
    assert run(compiler, "exit 1") == 1


def test_without_the_server_steps_are_commands_as_others(compiler: Path) -> None:
    assert run(compiler, "kill -9 $server; sleep 1") == -9
    assert run(compiler, "exit 1") is None
    steps._server.cache_clear()
    assert run(compiler, "exit 1") == 1
    for no_python in ("missing", "/bin/true"):
        assert steps.run([no_python, *MAESTRO[1:], "analyse"], {}) is None
