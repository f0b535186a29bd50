"""Runs of programs: what reaches the program, and that nothing half-written is left when it fails.

The programs here are stand-ins; tests/equivalence runs real ones.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pytest

from maestro_tool.cli import main
from maestro_tool.diagnostics import InputError, ToolError
from maestro_tool.traffic.capture import Frame, pcap_bytes, read_folder, write_captures
from maestro_tool.traffic.replay import replay

#: Sends what each port receives back out of the other one.
PROGRAM = f"""#!{sys.executable}
import json, re, shutil, sys
words = sys.argv[1:]
json.dump(words, open(WORDS, "w"))
stats = words[words.index("--stats") + 1]
ports = [word for word in words if word.startswith("--vdev=")]
paths = [re.fullmatch(r"--vdev=net_pcap\\d,rx_pcap=([^,]*),tx_pcap=([^,]*)", port) for port in ports]
for here, there in zip(paths, reversed(paths)):
    shutil.copyfile(here[1], there[2])
worker = dict(worker=0, rx=3, processed=PROCESSED, forwarded=3, flooded=0, dropped=0, unsent=UNSENT, lost=0)
json.dump(dict(workers=[worker], total=worker, lost_by_dispatcher=0), open(stats, "w"))
"""

FRAMES = {0: [Frame(5000, b"a" * 60), Frame(9000, b"b" * 60)], 1: [Frame(7000, b"c" * 60)]}


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    folder = tmp_path / "in, with a comma [and] spaces"
    write_captures({folder / f"port{port}.pcap": frames for port, frames in FRAMES.items()})
    return folder


def program(tmp_path: Path, text: str = PROGRAM, processed: int = 3, unsent: int = 0) -> Path:
    path = tmp_path / "bin, x" / "fw"
    path.parent.mkdir()
    text = text.replace("WORDS", repr(str(tmp_path / "words")))
    path.write_text(text.replace("PROCESSED", str(processed)).replace("UNSENT", str(unsent)))
    path.chmod(0o755)
    return path


def test_replay(tmp_path: Path, captures: Path) -> None:
    out = tmp_path / "out"
    result = replay(program(tmp_path), captures, out, workers=2, nf_arguments=["--expire", "5"])
    words = json.loads((tmp_path / "words").read_text())
    assert words[:3] == ["--workers", "2", "--replay"]
    assert words[-3:] == ["--", "--expire", "5"]
    assert {p: [f.data for f in frames] for p, frames in read_folder(out).items()} == {
        0: [b"c" * 60], 1: [b"a" * 60, b"b" * 60],
    }  # fmt: skip
    assert [f.time for f in read_folder(out)[1]] == [0, 1000]
    assert result.received == {0: 2, 1: 1}
    assert result.sent == {0: 1, 1: 2}
    assert "100.0%" in result.text()
    assert result.to_json()["ports"] == [{"port": 0, "received": 2, "sent": 1}, {"port": 1, "received": 1, "sent": 2}]


def test_plan_stands_for_the_program_beside_it(tmp_path: Path, captures: Path) -> None:
    plan = program(tmp_path).parent / "plan.json"
    plan.write_text(json.dumps({"nf": "fw"}))
    assert replay(plan, captures, tmp_path / "out").received == {0: 2, 1: 1}
    assert replay(plan.parent, captures, tmp_path / "out").received == {0: 2, 1: 1}
    plan.unlink()
    with pytest.raises(InputError, match="no program in this folder"):
        replay(plan.parent, captures, tmp_path / "out")


def test_each_port_of_the_plan_needs_a_capture(tmp_path: Path, captures: Path) -> None:
    plan = program(tmp_path).parent / "plan.json"
    plan.write_text(json.dumps({"nf": "fw", "n_ports": 3}))
    with pytest.raises(InputError, match=r"port2\.pcap: no such capture"):
        replay(plan.parent / "fw", captures, tmp_path / "out")


@pytest.mark.parametrize("plan", ["", "[]", "{}", "\x00", '{"nf": "other"}'])
def test_bad_plans(tmp_path: Path, captures: Path, plan: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(plan)
    with pytest.raises(InputError):
        replay(path, captures, tmp_path / "out")


@pytest.mark.parametrize(("text", "message"), [
    ("#!/bin/sh\necho 'no such port' >&2; exit 3\n", "fw failed with status 3\n  no such port"),
    ("#!/bin/sh\nkill -SEGV $$\n", "killed by SIGSEGV"),
    ("#!/bin/sh\nexit 0\n", "wrote no packet counts"),
    ("#!/nowhere/interpreter\n", "does not start"),
    ("#!/bin/sh\nexec sleep 20\n", "did not finish in 0.5 seconds"),
])  # fmt: skip
def test_failing_programs(tmp_path: Path, captures: Path, text: str, message: str) -> None:
    with pytest.raises(ToolError) as error:
        replay(program(tmp_path, text), captures, tmp_path / "out", timeout=0.5)
    assert message in error.value.message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("processed", "unsent"), [(2, 0), (3, 1), (4, 0)])
def test_lost_frames_are_an_error(tmp_path: Path, captures: Path, processed: int, unsent: int) -> None:
    with pytest.raises(ToolError, match="of 3 frames"):
        replay(program(tmp_path, processed=processed, unsent=unsent), captures, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_frames_that_fit_into_no_buffer_are_told_with_the_users_file(tmp_path: Path, captures: Path) -> None:
    text = PROGRAM.replace("unsent=UNSENT", "unsent=0, too_long=1")
    write_captures({captures / "port1.pcap": [*FRAMES[1], Frame(9, b"d" * 9000)]})
    with pytest.raises(ToolError) as error:
        replay(program(tmp_path, text), captures, tmp_path / "out")
    longest = f"the longest is frame 2 of {captures / 'port1.pcap'} with 9000 bytes"
    assert error.value.message == f"1 of 4 frames fit into no buffer of the program; {longest}"


def test_what_a_program_says_has_the_users_names(tmp_path: Path, captures: Path) -> None:
    text = PROGRAM + "sys.exit(f\"fw: capture '{paths[1][1]}': no\")\n"
    with pytest.raises(ToolError) as error:
        replay(program(tmp_path, text), captures, tmp_path / "out")
    assert f"capture '{captures / 'port1.pcap'}': no" in error.value.message


def test_captures_without_frames(tmp_path: Path, captures: Path) -> None:
    write_captures({captures / f"port{n}.pcap": [] for n in range(2)})
    with pytest.raises(InputError, match="no capture there has a frame"):
        replay(program(tmp_path), captures, tmp_path / "out")


def test_packed_captures_reach_programs_as_classic_ones(tmp_path: Path, captures: Path) -> None:
    """With nanoseconds; the stand-in copies what it is given, and counts 3 frames."""
    frames = [Frame(5001, b"a" * 60), Frame(9002, b"b" * 60)]
    (captures / "port0.pcap").write_bytes(gzip.compress(pcap_bytes(frames, nanoseconds=True)))
    text = PROGRAM + f"shutil.copyfile(paths[0][1], {str(tmp_path / 'given.pcap')!r})\n"
    result = replay(program(tmp_path, text), captures, tmp_path / "out")
    assert result.received == {0: 2, 1: 1}
    assert (tmp_path / "given.pcap").read_bytes() == pcap_bytes(frames, nanoseconds=True)
    assert json.loads((tmp_path / "out" / "run.json").read_text()) == result.to_json()


def test_earlier_results_survive_a_failure(tmp_path: Path, captures: Path) -> None:
    out = tmp_path / "out"
    good = program(tmp_path)
    replay(good, captures, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (captures / "port1.pcap").write_bytes(pcap_bytes(FRAMES[1])[:-1])
    with pytest.raises(InputError, match=r"port1\.pcap: record 1"):
        replay(good, captures, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_output_into_the_input_folder(tmp_path: Path, captures: Path) -> None:
    with pytest.raises(InputError, match="same folder"):
        replay(program(tmp_path), captures, captures)


def test_program_that_cannot_be_executed(tmp_path: Path, captures: Path) -> None:
    path = program(tmp_path)
    path.chmod(0o644)
    with pytest.raises(InputError, match="cannot be executed"):
        replay(path, captures, tmp_path / "out")


class TestCommands:
    """Exit status and text of the commands."""

    def test_traffic_run_compare(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        captures, out = tmp_path / "in", tmp_path / "out"
        assert main(["traffic", "-o", str(captures), "--flows", "1", "--packets", "3", "--sizes", "imix"]) == 0
        words = ["run", str(program(tmp_path)), "--in", str(captures), "--out", str(out), "--workers", "1"]
        assert main([*words, "--", "--out", "x"]) == 0
        assert json.loads((tmp_path / "words").read_text())[-3:] == ["--", "--out", "x"]
        assert "worker" in capsys.readouterr().out
        assert main([*words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["schema"] == 1
        assert main(["compare", str(out), str(out)]) == 0
        assert main(["compare", str(captures), str(out)]) == 1
        assert "sent on port" in capsys.readouterr().out
        assert main(["compare", str(captures), str(out), "--json"]) == 1
        assert json.loads(capsys.readouterr().out)["equal"] is False

    @pytest.mark.parametrize(("words", "status", "message"), [
        (["traffic", "-o", "x", "--flows", "0"], 1, "flows is 0"),
        (["traffic", "-o", "x", "--sizes", "60,big"], 1, "neither numbers"),
        (["traffic", "-o", "x", "--sizes", "9"], 1, "size is 9"),
        (["traffic", "-o", "x", "--distribution", "pareto"], 2, "invalid choice"),
        (["traffic"], 2, "required"),
        (["run", "/nowhere/fw", "--in", "x", "--out", "y"], 1, "no such program"),
        (["compare", "/nowhere", "/nowhere"], 1, "no such folder"),
    ])  # fmt: skip
    def test_mistakes(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
        words: list[str], status: int, message: str,
    ) -> None:  # fmt: skip
        monkeypatch.chdir(tmp_path)
        assert main(words) == status
        assert message in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["/bin/true", "../program", "a b", "", 7, None])
def test_the_name_in_a_plan_becomes_no_other_command(name: object, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"nf": name}))
    with pytest.raises(InputError, match=r"not a plan of this tool: .* cannot name an NF"):
        replay(plan, tmp_path, tmp_path / "out")
