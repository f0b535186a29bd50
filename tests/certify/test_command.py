"""`maestro certify`: exit status, texts, JSON, SMT-LIB files; from any folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from builds import ROOT, noted, reseal, write

from maestro_tool.smtlib import solvers


def _run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "maestro_tool", "certify", *words]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def test_proved(tmp_path: Path) -> None:
    write(tmp_path / "fw", "fw", "e810")
    done = _run("fw", "--smt2", "obligations", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("fw: 6 obligations proved (")
    texts = sorted((tmp_path / "obligations").iterdir())
    assert len(texts) == 6
    assert all(t.read_text().endswith("(check-sat)\n") for t in texts)


def test_what_is_shared_is_not_called_proved(tmp_path: Path) -> None:
    write(tmp_path / "bridge", "bridge", "e810")
    assert _run("bridge", cwd=tmp_path).stdout.startswith("bridge: 4 objects, all serialised (")
    write(tmp_path / "lb", "lb", "e810")
    assert _run("lb", cwd=tmp_path).stdout.startswith("lb: 4 obligations proved; 3 objects, all serialised (")


def test_what_is_assumed_is_said(tmp_path: Path) -> None:
    write(tmp_path / "spread", "spread", "e810")
    done = _run("spread", cwd=tmp_path)
    assert done.returncode == 0
    first, said, place = done.stdout.splitlines()
    assert " objects, all serialised; 1 assumed (" in first
    assert said == "  assumed: an index that comes out of the state is taken to be inside of 'allocated memory'"
    assert place.endswith("spread/spread.c:42:3")
    [assumed] = json.loads(_run("spread", "--json", cwd=tmp_path).stdout)["assumed"]
    assert assumed == {"text": said.partition(": ")[2], "location": place.partition("at ")[2]}


def test_refuted_with_witnesses(tmp_path: Path) -> None:
    folder = write(tmp_path / "fw", "fw", "e810")
    for file, port in (("plan.json", "ports"), ("certificate.json", "certificate")):
        value = json.loads((folder / file).read_text())
        ports = value["ports"] if port == "ports" else value["certificate"]["ports"]
        ports[0]["key"] = ports[1]["key"]
        (folder / file).write_text(json.dumps(value))
    program = folder / "gen/fw_parallel.c"
    text = program.read_text()
    keys = [text.index("key_0[] ="), text.index("key_1[] =")]
    bodies = [text[k : text.index("};", k)].partition("=")[2] for k in keys]
    program.write_text(text.replace(bodies[0], bodies[1]))
    noted(folder, "fw")
    reseal(folder)
    done = _run(str(folder), "--json", cwd=tmp_path)
    said = json.loads(done.stdout)
    assert (done.returncode, said["schema"], said["verdict"]) == (1, "maestro-certify/1", "refuted")
    first = said["failed"][0]
    assert first["objects"] == ["state->flows", "state->ages"]
    assert any("fw_main.c" in place for place in first["locations"])
    a, b = first["packets"]
    assert (a["port"], b["port"]) == (0, 1)
    frames = [bytes.fromhex(p["frame"]).ljust(60, b"\0") for p in (a, b)]
    assert frames[0][26:30] == frames[1][30:34]  # one flow, seen from either side
    assert frames[0][34:36] == frames[1][36:38]
    assert set(said) == {"schema", "verdict", "solver", "obligations", "serialised", "assumed", "failed", "seconds"}
    shown = _run(str(folder), cwd=tmp_path)
    assert shown.returncode == 1
    assert "  refuted: port 0, port 1: equal names, one worker [state->flows, state->ages]" in shown.stdout
    assert "    packet on port 1, " in shown.stdout


def test_missing_and_damaged(tmp_path: Path) -> None:
    done = _run("nowhere", "--json", cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (1, "missing")
    folder = write(tmp_path / "fw", "fw", "e810")
    for damage in (
        "",
        "{}",
        "[]",
        '{"schema": "maestro-certificate/1"}',
        "null",
        '{"certificate": {}, "digest": "", "schema": 1}',
    ):
        (folder / "certificate.json").write_text(damage)
        done = _run("fw", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (1, "")
        assert "  damaged: " in done.stdout


def test_undecided_is_not_proved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from maestro_tool.cli.certify import check

    folder = write(tmp_path / "fw", "fw", "e810")
    monkeypatch.setitem(solvers.SOLVERS, "bitwuzla", lambda text: ("unknown", {}))
    assert check(folder, "bitwuzla").verdict == "undecided"

    def fails(text: str) -> solvers.Answer:
        raise RuntimeError("no memory")

    monkeypatch.setitem(solvers.SOLVERS, "bitwuzla", fails)
    report = check(folder, "bitwuzla")
    assert report.verdict == "undecided"
    assert len(report.failed) == report.obligations.total()


def test_usage(tmp_path: Path) -> None:
    assert _run(cwd=tmp_path).returncode == 2
    assert _run("fw", "--solver", "yices", cwd=tmp_path).returncode == 2


def test_nothing_of_what_is_checked_is_imported() -> None:
    code = "import sys, maestro_tool.certify.obligations; print(*sorted(m for m in sys.modules if m.startswith('maestro_tool.')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    folders = {m.split(".")[1] for m in done.stdout.split()}
    assert folders == {"certificate", "certify", "smtlib"}
