"""Steps run in processes that one server of the build has prepared: as commands of their own, but sooner."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scons_tree import ROOT

from maestro_tool import step_server
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


@pytest.fixture
def nop(tmp_path: Path) -> Path:
    """A folder with the sources of nop, and ``cc``, which counts how often it preprocesses."""
    for name in ("nop_main.c", "nop_config.c", "nop_config.h"):
        shutil.copy(ROOT / "nfs/nop" / name, tmp_path / name)
    script = tmp_path / "cc"
    script.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\necho $PPID >{tmp_path}/process\nexec gcc "$@"\n')
    script.chmod(0o755)
    return tmp_path


def preprocessed(folder: Path) -> int:
    """How often units of the NF were preprocessed since that was asked last."""
    calls = folder / "calls"
    lines = calls.read_text().splitlines() if calls.exists() else []
    calls.unlink(missing_ok=True)
    return sum("_main.c" in line for line in lines)


def analyse(folder: Path, **variables: str) -> int | None:
    words = ["analyse", f"--cc={folder}/cc", "--flag=-std=gnu11", "-o", f"{folder}/a.json", "--record", str(folder)]
    sources = [str(folder / name) for name in ("nop_main.c", "nop_config.c")]
    return steps.run([*MAESTRO, *words, *sources], environment(**variables))


def generate(folder: Path, made: str, nic: str = "soft", **variables: str) -> int | None:
    words = ["generate", f"{folder}/a.json", f"--nic={ROOT}/configs/{nic}.yaml", "--name", "nop"]
    return steps.run([*MAESTRO, *words, "-o", f"{folder}/{made}"], environment(**variables))


def environment(**variables: str) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return mine | {"PYTHONPATH": str(ROOT)} | variables


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_program_is_read_once_for_all_cards(nop: Path) -> None:
    """What steps make that have it from the analysis' process is what those make that read it."""
    assert analyse(nop) == 0 and preprocessed(nop) == 1
    for nic in ("soft", "e810"):
        assert generate(nop, nic, nic) == 0
    assert preprocessed(nop) == 0
    for nic in ("soft", "e810"):
        assert generate(nop, f"{nic}-again", nic, ONLY_HERE="1") == 0 and preprocessed(nop) == 1
        assert files(nop / nic) == files(nop / f"{nic}-again")


def test_sources_that_changed_meanwhile_are_read_again(nop: Path) -> None:
    """A comment, which leaves the analysis as it is; then what the program does."""
    assert analyse(nop) == 0
    source, text = nop / "nop_main.c", (nop / "nop_main.c").read_text()
    source.write_text(f"/* one\n   more */\n{text}")
    preprocessed(nop)
    assert generate(nop, "soft") == 0 and preprocessed(nop) == 1
    assert "one\n" in (nop / "soft/gen/nop_main.c").read_text()
    source.write_text(text.replace("int nf_process", "int other;\nint nf_process"))
    assert generate(nop, "soft") == 1 and preprocessed(nop) == 1
    source.write_text(text)
    assert generate(nop, "soft") == 0 and preprocessed(nop) == 0


def test_a_process_that_stays_is_not_needed(nop: Path) -> None:
    """It is killed; there is another; there are more of them than stay."""
    assert analyse(nop) == 0
    os.kill(int((nop / "process").read_text()), signal.SIGKILL)
    preprocessed(nop)
    assert generate(nop, "soft") == 0 and preprocessed(nop) == 1
    for _ in range(step_server._MOST_STAY + 2):
        first = int((nop / "process").read_text())
        assert analyse(nop) == 0
    preprocessed(nop)
    assert generate(nop, "soft") == 0 and preprocessed(nop) == 0
    deadline = time.monotonic() + 60
    while Path(f"/proc/{first}").exists() and "Z" not in Path(f"/proc/{first}/stat").read_text().split(")")[1]:
        assert time.monotonic() < deadline  # a newer one of the same analysis took its place
        time.sleep(0.01)
