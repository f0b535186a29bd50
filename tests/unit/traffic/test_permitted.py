"""What a plan permits is counted by its name; what is left is a difference; directions have no order."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from maestro_tool.cli import main
from maestro_tool.traffic.capture import Frame, write_captures
from maestro_tool.traffic.compare import compare
from maestro_tool.traffic.renaming import renamed_by

Streams = dict[int, list[bytes]]


def udp(src: int, dst: int, number: int, port: int = 4000, payload: bytes = b"") -> bytes:
    """From host ``src`` to host ``dst``, port 53."""
    hosts = bytes((10, 0, 0, src, 10, 0, 0, dst))
    body = struct.pack(">HHHHI", port, 53, 26, 0, number) + payload
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 46, number, 0, 64, 17, 0) + hosts
    return (bytes(12) + b"\x08\x00" + ip + body).ljust(60, b"\0")


SPLIT = {"kind": "capacity-split", "object": "flows", "text": "t", "shown": []}
SKETCH = {"kind": "sketch-collisions", "object": "counts", "text": "t", "shown": []}
CHOICE = {"kind": "index-choice", "object": "flows", "text": "t",
          "shown": [{"port": 0, "fields": ["src_port", "udp_checksum"]}]}  # fmt: skip
SENT = {0: [udp(n % 5, 9, n) for n in range(20)]}


def kinds(expected: Streams, actual: Streams, **options: Any) -> list[str]:
    return [d.kind for d in compare(expected, actual, **options).differences]


def test_directions_of_one_port_have_no_order() -> None:
    there = [udp(1, 2, n) for n in range(3)]
    back = [f[:34] + f[36:38] + f[34:36] + f[38:] for f in [udp(2, 1, n) for n in range(3)]]
    expected = {0: [f for pair in zip(there, back, strict=True) for f in pair]}
    result = compare(expected, {0: back + there})
    assert result.equal and result.flows == 1
    assert kinds(expected, {0: [*back, there[1], there[0], there[2]]}) == ["order"]
    assert kinds(expected, {0: [*there, back[0], back[2], back[1]]}) == ["order"]


def test_order_is_that_of_flows_not_of_what_is_left_of_them() -> None:
    """Without the port that a NAT chose, flows to one server look like one."""
    renamed = renamed_by({"relaxations": [CHOICE]})
    one, two = [udp(1, 9, n, 5000) for n in range(3)], [udp(1, 9, 10 + n, 5001) for n in range(3)]
    other_one, other_two = [udp(1, 9, n, 6001) for n in range(3)], [udp(1, 9, 10 + n, 6000) for n in range(3)]
    expected = {0: one + two}
    assert compare(expected, {0: other_two + other_one}, renamed).equal
    assert kinds(expected, {0: [other_one[1], other_one[0], other_one[2], *other_two]}, renamed=renamed) == ["order"]
    mixed = {0: [f for pair in zip(one, two, strict=True) for f in pair]}
    assert "renaming" in kinds(mixed, {0: [udp(1, 9, n, 6001) for n in (0, 10, 1, 11, 2, 12)]}, renamed=renamed)


def test_equal_frames_of_two_renamed_flows() -> None:
    renamed = renamed_by({"relaxations": [CHOICE]})
    expected = {0: [udp(1, 9, 7, 5000), udp(1, 9, 7, 5001), udp(1, 9, 8, 5000), udp(1, 9, 9, 5001)]}
    swapped = {0: [udp(1, 9, 7, 6001), udp(1, 9, 7, 6000), udp(1, 9, 8, 6000), udp(1, 9, 9, 6001)]}
    assert compare(expected, swapped, renamed).equal


def test_checksums_where_lengths_lie() -> None:
    """libVig's checksum then is of what the header claims, which need not have the port in it."""
    renamed = renamed_by({"relaxations": [CHOICE]})

    def sent(port: int, checksum: bytes, total: bytes) -> Streams:
        frame = udp(1, 9, 7, port)
        return {0: [frame[:16] + total + frame[18:40] + checksum + frame[42:]]}

    result = compare(sent(5000, b"\1\2", b"\0\x10"), sent(6000, b"\1\2", b"\0\x10"), renamed)
    assert result.equal
    assert [(d.kind, d.relaxation) for d in result.permitted] == [("checksum", "index-choice")]
    assert "permitted by index-choice: 1 checksum" in result.text()
    assert kinds(sent(5000, b"\1\2", b"\0\x2e"), sent(6000, b"\1\2", b"\0\x2e"), renamed=renamed) != []
    assert kinds(sent(5000, b"\1\2", b"\0\x10"), sent(6000, b"\1\2", b"\0\x10")) != []


def test_checksums_where_ports_are_in_ip_options() -> None:
    """The NF's port is in the IP header then, and so in that header's checksum."""
    renamed = renamed_by({"relaxations": [CHOICE]})

    def sent(port: int, checksum: bytes, words: bytes) -> Streams:
        frame = udp(1, 9, 7, port)
        return {0: [frame[:14] + words + frame[15:24] + checksum + frame[26:]]}

    result = compare(sent(5000, b"\1\2", b"\x46"), sent(6000, b"\2\1", b"\x46"), renamed)
    assert result.equal and [d.kind for d in result.permitted] == ["checksum"]
    assert kinds(sent(5000, b"\1\2", b"\x45"), sent(6000, b"\2\1", b"\x45"), renamed=renamed) != []


def test_other_verdicts_are_permitted_and_nothing_else() -> None:
    frames = SENT[0]
    new = udp(7, 9, 99)
    verdicts = {"verdicts": "capacity-split"}
    assert kinds(SENT, {0: [*frames[1:], new]}) == ["missing", "unexpected"]
    result = compare(SENT, {0: [*frames[1:], new], 1: []}, **verdicts)
    assert result.equal and [(d.kind, d.relaxation) for d in result.permitted] == [
        ("missing", "capacity-split"), ("unexpected", "capacity-split"),
    ]  # fmt: skip
    assert result.text().splitlines()[1:] == ["  permitted by capacity-split: 1 missing, 1 unexpected"]
    assert compare(SENT, {0: frames[1:], 1: frames[:1]}, **verdicts).equal
    # The order of what is there; frames sent twice; changed frames: payload, address, port.
    assert kinds(SENT, {0: [frames[5], *frames[1:5], frames[0], *frames[6:]]}, **verdicts) == ["order"]
    assert kinds(SENT, {0: [*frames, frames[3]]}, **verdicts) == ["unexpected"]
    for at in (59, 29, 33, 35, 5):
        changed = frames[0][:at] + bytes([frames[0][at] ^ 1]) + frames[0][at + 1 :]
        assert sorted(kinds(SENT, {0: [changed, *frames[1:]]}, **verdicts)) == ["missing", "unexpected"], at


def outputs(folder: Path, sent: Streams, **counters: int) -> str:
    write_captures({folder / f"port{port}.pcap": [Frame(0, f) for f in frames] for port, frames in sent.items()})
    if counters:
        (folder / "run.json").write_text(json.dumps({"workers": [{"full": 0, "counted": 0} | counters]}))
    return str(folder)


@pytest.mark.parametrize(("relaxations", "before", "after", "status", "text", "note"), [
    ([], {"full": 0}, {"full": 3}, 1, "different: 1 missing", ""),
    ([SPLIT], {"full": 0}, {"full": 3}, 0, "permitted by capacity-split: 1 missing", ""),
    ([SPLIT], {"full": 2}, {"full": 0}, 0, "permitted by capacity-split: 1 missing", ""),
    ([SPLIT], {"full": 0}, {"full": 0}, 1, "different: 1 missing", "no table was full"),
    ([SPLIT], {}, {}, 0, "permitted by capacity-split: 1 missing", "is not known"),
    ([SPLIT], {"full": 0}, {}, 0, "permitted by capacity-split: 1 missing", "is not known"),
    ([SKETCH], {"full": 5}, {"counted": 1}, 0, "permitted by sketch-collisions: 1 missing", ""),
    ([SKETCH], {"full": 5}, {"full": 5}, 1, "different: 1 missing", "no sketch passed its threshold"),
    ([SPLIT, SKETCH], {"full": 5}, {"counted": 5}, 0, "by capacity-split or sketch-collisions: 1 missing", ""),
    ([CHOICE], {"full": 0}, {"full": 3}, 1, "different: 1 missing", ""),
])  # fmt: skip
def test_compare_with_a_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], relaxations: list[Any], before: dict[str, int],
    after: dict[str, int], status: int, text: str, note: str,
) -> None:  # fmt: skip
    """A relaxation that was not at work permits nothing."""
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"schema": "maestro-plan/1", "relaxations": relaxations}))
    expected, actual = outputs(tmp_path / "a", SENT, **before), outputs(tmp_path / "b", {0: SENT[0][1:]}, **after)
    assert main(["compare", expected, actual, "--plan", str(plan)]) == status
    said = capsys.readouterr()
    assert text in said.out
    assert note in said.err and bool(note) == bool(said.err)
    assert main(["compare", expected, actual, "--plan", str(plan), "--json"]) == status
    found = json.loads(capsys.readouterr().out)
    assert (len(found["differences"]), len(found["permitted"])) == ((0, 1), (1, 0))[status]


def test_a_record_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"schema": "maestro-plan/1", "relaxations": [SPLIT]}))
    folder = outputs(tmp_path / "a", SENT)
    (tmp_path / "a" / "run.json").write_text('{"workers": [{"processed": 1}]}')  # of an older program
    assert main(["compare", folder, folder, "--plan", str(plan)]) == 0
    (tmp_path / "a" / "run.json").write_text("{}")
    assert main(["compare", folder, folder, "--plan", str(plan)]) == 1
    assert "run.json: not what `maestro run` writes" in capsys.readouterr().err
