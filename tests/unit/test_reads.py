"""What a step reads is noted, whoever reads it: in the record that the next build looks at, or the step fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from maestro_tool import inputs, reads
from maestro_tool.fingerprint import PACKAGE

ROOT = PACKAGE.parent
NOP = [str(ROOT / "nfs/nop" / name) for name in ("nop_main.c", "nop_config.c")]

#: A tool that reads what it does not declare, as one with a fault would: in the phase that reads sources, or in the one
#: that writes C.
FAULTY = """
import os, sys
from maestro_tool import cli, codegen, frontend

def faulty(module, name):
    right = getattr(module, name)
    def wrong(*arguments, **options):
        for path in {reads}:
            try:
                os.listdir(path) if os.path.isdir(path) else open(path).close()
            except OSError:
                pass
        return right(*arguments, **options)
    setattr(module, name, wrong)

faulty({module}, {name!r})
sys.exit(cli.main(sys.argv[1:]))
"""


def run(code: str, folder: Path, *words: str, building: bool = True) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAESTRO_")}
    environment = {**kept, "PYTHONPATH": str(ROOT), "MAESTRO_CACHE": str(folder / "cache")}
    if building:
        environment["MAESTRO_STEPS"] = str(folder / "reports")
    command = [sys.executable, "-P", "-c", code, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def analysed(folder: Path, *others: str, building: bool = True) -> dict[str, str | None]:
    """Files of the record of an analysis by a tool that also reads these."""
    code = FAULTY.format(reads=others, module="frontend", name="read_program")
    done = run(code, folder, "analyse", *NOP, "-o", "made/analysis.json", "--record", "made", building=building)
    assert done.returncode == 0, done.stderr
    found: dict[str, str | None] = json.loads((folder / "made/inputs.json").read_text())["files"]
    return found


@pytest.mark.quick
def test_what_nobody_declared_is_a_dependency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more").mkdir()
    (tmp_path / "hidden.cfg").write_text("1")
    found = analysed(tmp_path, "hidden.cfg", "absent.cfg", "more", "/etc/hostname")
    mine = {name: content for name, content in found.items() if not name.startswith(str(ROOT))}
    assert mine.keys() == {"hidden.cfg", "absent.cfg", "more"} and mine["absent.cfg"] is None
    record = tmp_path / "made/inputs.json"
    assert not inputs.changed(record)
    for change, undo in (
        (lambda: Path("hidden.cfg").write_text("2"), lambda: Path("hidden.cfg").write_text("1")),
        (lambda: Path("hidden.cfg").unlink(), lambda: Path("hidden.cfg").write_text("1")),
        (lambda: Path("absent.cfg").write_text(""), lambda: Path("absent.cfg").unlink()),
        (lambda: Path("more/new").write_text(""), lambda: Path("more/new").unlink()),
    ):
        change()
        assert inputs.changed(record)
        undo()
        assert not inputs.changed(record)


def test_a_step_that_is_right_has_no_others(tmp_path: Path) -> None:
    """Neither the tool nor Python, the cache, temporary files; and nothing is noted where no build asks."""
    usual = {name for name in analysed(tmp_path) if not name.startswith(str(ROOT / "nfs/nop"))}
    assert usual == set()
    (tmp_path / "hidden.cfg").write_text("1")
    assert "hidden.cfg" not in analysed(tmp_path, "hidden.cfg", building=False)


def test_python_may_keep_what_it_compiles_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it reads modules there, which are as much the tool as their sources are."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "compiled"))
    for _ in range(2):  # written first, then read
        assert not [name for name in analysed(tmp_path) if "compiled" in name]
    assert [*(tmp_path / "compiled").rglob("reads*.pyc")]


def test_a_repository_may_lie_where_systems_do() -> None:
    assert reads._is_of_system("/usr/lib/x/", "/home/me/") and reads._is_of_system("/dev/null/", "/dev/shm/me/")
    assert reads._is_of_system("/usr/lib/x/", "/usr/src/me/") and reads._is_of_system("/usr/lib/x/", "/")
    assert not reads._is_of_system("/usr/src/me/x/", "/usr/src/me/")
    assert not reads._is_of_system("/dev/shm/x/", "/home/me/") and not reads._is_of_system("/home/me/x/", "/home/me/")


def test_code_is_not_made_of_what_nobody_declared(tmp_path: Path) -> None:
    assert "hidden.cfg" not in analysed(tmp_path)
    (tmp_path / "hidden.cfg").write_text("1")
    headers = [f"--header={ROOT}/nfs/nop/nop_config.h"]
    for others, status in (((), 0), (("hidden.cfg",), 3)):
        code = FAULTY.format(reads=others, module="codegen", name="generate")
        words = (
            "generate",
            "made/analysis.json",
            "--nic",
            "virtio-norss",
            "--name",
            "nop",
            "--exact",
            *headers,
            "-o",
            "gen",
        )
        done = run(code, tmp_path, *words)
        assert done.returncode == status, done.stderr
    assert "hidden.cfg was read, of which the build does not know" in done.stderr
