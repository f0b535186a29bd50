"""The commands: exit statuses, messages, JSON."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from scons_tree import ROOT, Tree

from maestro_tool import cli
from maestro_tool.cli import steering
from maestro_tool.diagnostics import InputError

PACKET = "src_ip=10.0.0.1,dst_ip=93.184.216.34,src_port=4000,dst_port=443,proto=tcp"
REPLY = "src_ip=93.184.216.34,dst_ip=10.0.0.1,src_port=443,dst_port=4000,proto=tcp"
PLAN = "build/soft/fw/plan.json"
GENERATE = ["-o", "out", "--nic", "soft", "--name"]


def test_wrong_usage_is_2(tree: Tree) -> None:
    assert tree.maestro().status == 2
    assert tree.maestro("nonsense").status == 2
    result = tree.maestro("table")
    assert result.status == 2 and "usage: maestro table" in result.err


def test_help_lists_all_commands(tree: Tree) -> None:
    out = tree.maestro("--help").out
    assert {c for g in cli.GROUPS for c in g.commands} <= set(out.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["analyse", "nope.c", "-o", "x.json"], "nope.c"),
        (["analyse", "nope.c", "--arg=\udcff", "-o", "x.json"], "'\\udcff' is not UTF-8"),
        (["table", "nope.json", "--workers", "2"], "cannot read nope.json"),
        (["table", "text.json", "--workers", "2"], "text.json:1:1: error: not JSON"),
        (["table", "other.json", "--workers", "2"], "expected schema 'maestro-plan/1', found 'x/1'"),
        (["table", "empty.json", "--workers", "2"], "not a plan"),
        (["queue", "empty.json", "--port", "0"], "give a capture, or packets"),
        (["generate", "other.json", *GENERATE, "x"], "expected schema 'maestro-analysis/3'"),
        (["generate", "bad.json", *GENERATE, "x"], "bad.json:1: error: this analysis is damaged"),
        (["generate", "bad.json", *GENERATE, "a-b"], "'a-b' cannot name an NF"),
        (["profile", "x99"], "unknown NIC 'x99'"),
        (["profile", "nope.yaml"], "nope.yaml"),
    ],
)  # fmt: skip
def test_mistakes_are_1(tree: Tree, words: list[str], message: str) -> None:
    tree.write("text.json", "plan")
    tree.write("other.json", '{"schema": "x/1"}')
    tree.write("empty.json", '{"schema": "maestro-plan/1"}')
    tree.write("bad.json", '{"schema": "maestro-analysis/3", "request": []}')
    result = tree.maestro(*words)
    assert (result.status, message in result.err) == (1, True), result.err
    assert "error: " in result.err
    assert result.out == ""
    assert not (tree.root / "out").exists()


def test_bug_is_3_and_asks_for_a_report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cli, "_parser", lambda words: 1 // 0)
    assert cli.main(["table"]) == 3
    text = capsys.readouterr().err
    assert "internal error: ZeroDivisionError" in text and "please report it" in text
    assert "Traceback" not in text
    monkeypatch.setenv("MAESTRO_DEBUG", "1")
    cli.main(["table"])
    assert "Traceback" in capsys.readouterr().err


def test_closed_pipe_is_no_crash(firewall: Tree) -> None:
    words = [sys.executable, "-m", "maestro_tool", "table", PLAN, "--workers", "2", "--json"]
    process = subprocess.Popen(words, cwd=firewall.root, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == (b"", cli.EXIT_PIPE)


def test_profiles(tree: Tree) -> None:
    assert {"e810", "soft"} <= set(json.loads(tree.maestro("profile", "--json").out))
    assert json.loads(tree.maestro("profile", "e810", "--json").out)["pmd"] == "net_ice"
    tree.write("configs/bad.yaml", "name: bad\n")
    result = tree.maestro("profile")
    assert result.status == 1 and "configs/bad.yaml" in result.err and "soft" in result.out


def test_table(firewall: Tree) -> None:
    answer = json.loads(firewall.maestro("table", PLAN, "--workers", "3", "--json").out)
    assert (answer["schema"], answer["workers"]) == ("maestro-table/1", 3)
    for port in answer["ports"]:
        assert len(port["table"]) == port["table_size"] and set(port["table"]) == {0, 1, 2}
    assert "port 1: " in firewall.maestro("table", PLAN, "--workers", "3").out
    assert firewall.maestro("table", PLAN, "--workers", "0").status == 1


def test_queue_of_a_flow_and_its_reply(firewall: Tree) -> None:
    def worker(port: str, packet: str) -> tuple[int, int]:
        words = ["queue", PLAN, "--port", port, "--workers", "16", "--packet", packet, "--json"]
        (entry,) = json.loads(firewall.maestro(*words).out)["packets"]
        assert entry["class"] == "tcp4"
        return entry["index"], entry["worker"]

    assert worker("0", PACKET) == worker("1", REPLY)
    assert worker("0", PACKET) != worker("0", REPLY) or worker("0", PACKET) != worker("1", PACKET)


def test_queue_of_a_capture(firewall: Tree) -> None:
    firewall.maestro("traffic", "-o", "captures", "--flows", "20", "--packets", "100")
    answer = json.loads(firewall.maestro("queue", PLAN, "captures/port0.pcap", "--port", "0", "--json").out)
    assert {p["worker"] for p in answer["packets"]} == {0, 1}
    assert "tcp4" in firewall.maestro("queue", PLAN, "captures/port0.pcap", "--port", "0").out
    assert firewall.maestro("queue", PLAN, "captures/port0.pcap", "--port", "7").status == 1


@pytest.mark.parametrize("options", [["--port", "0"], ["--workers", "3", "--port", "0", "--json"]])
def test_a_capture_after_the_options(firewall: Tree, options: list[str]) -> None:
    firewall.maestro("traffic", "-o", "captures", "--flows", "20", "--packets", "100")
    last = firewall.maestro("queue", PLAN, *options, "captures/port0.pcap")
    assert (last.status, last.err) == (0, "")
    assert last.out == firewall.maestro("queue", PLAN, "captures/port0.pcap", *options).out
    assert last.out == firewall.maestro("queue", *options, PLAN, "captures/port0.pcap").out
    both = firewall.maestro("queue", PLAN, *options, "--packet", PACKET, "captures/port0.pcap")
    assert both.status == 1 and "give a capture, or packets" in both.err
    assert firewall.maestro("queue", PLAN, *options, "--packet", PACKET).status == 0
    two = firewall.maestro("queue", PLAN, *options, "a.pcap", "b.pcap")
    # Python 3.13 takes one for the capture.
    assert two.status == 2 and re.search(r"unrecognized arguments: (a\.pcap )?b\.pcap$", two.err, re.M)


def test_unusable_cache_is_one_warning(firewall: Tree) -> None:
    firewall.write("file", "")
    words = ["solve", "build/analysis/fw/analysis.json", "--nic", "soft"]
    result = firewall.maestro(*words, MAESTRO_CACHE="file")
    assert result.status == 0
    assert result.err == "warning: MAESTRO_CACHE=file: nothing is cached: File exists\n"
    assert firewall.maestro(*words).err == ""


def test_cache_tells_what_it_holds(firewall: Tree) -> None:
    kinds = json.loads(firewall.maestro("cache", "--json").out)["kinds"]
    held = {kind: len([*(firewall.root / "build/cache" / kind).rglob("*.json")]) for kind in ("analysis", "rss")}
    assert {kind: kinds[kind]["entries"] for kind in held} == held and min(held.values()) > 0


def test_wrong_key_in_the_cache_is_found(firewall: Tree, tmp_path: Path) -> None:
    """Checksum and structure are right, but the key sends replies to other workers."""
    from maestro_tool.cache import FileCache

    cache = FileCache(tmp_path / "cache")
    words = ["solve", "build/analysis/fw/analysis.json", "--nic", "soft"]
    assert firewall.maestro(*words, MAESTRO_CACHE=str(cache.folder)).status == 0
    (entry,) = (cache.folder / "rss").rglob("*.json")
    key = f"rss-{entry.stem}"
    found = cache.get(key)
    assert found is not None
    honest = found.content.decode()
    digits = json.loads(honest)["value"]["ports"][0]["key"]
    cache.put(key, honest.replace(digits, digits[2:] + digits[:2], 1).encode())
    result = firewall.maestro(*words, MAESTRO_CACHE=str(cache.folder))
    assert json.loads(result.out) == json.loads(honest) and "is not used, and made again: " in result.err
    assert (cache.folder / "rejected" / f"{key}.json").exists()


@pytest.mark.parametrize(
    "text",
    ["", "src_ip", "src_ip=1.2.3.4", "src_ip=1.2.3,dst_ip=1.2.3.4", "src_ip=1.2.3.4,src_ip=1.2.3.4,dst_ip=1.2.3.4",
     "mac=1,src_ip=1.2.3.4,dst_ip=1.2.3.4", "src_ip=1.2.3.4,dst_ip=1.2.3.4,src_port=70000",
     "src_ip=1.2.3.4,dst_ip=1.2.3.4,proto=ftp"],
)  # fmt: skip
def test_bad_packets(text: str) -> None:
    with pytest.raises(InputError, match="--packet"):
        steering.frame(text)


@pytest.mark.parametrize(
    ("text", "missing"),
    [("src_ip=1.1.1.1", "dst_ip"), ("dst_ip=1.1.1.1,proto=udp", "src_ip"), ("proto=udp", "src_ip and dst_ip")],
)
def test_missing_addresses_are_named(text: str, missing: str) -> None:
    with pytest.raises(InputError, match=f": {missing} missing"):
        steering.frame(text)


@pytest.mark.parametrize(("proto", "number"), [("tcp", 6), ("udp", 17), ("sctp", 132), ("icmp", 1), ("89", 89)])
def test_packets_are_what_they_say(proto: str, number: int) -> None:
    from maestro_tool.packet.classes import classify

    frame = steering.frame(f"src_ip=10.0.0.1,dst_ip=1.2.3.4,src_port=80,dst_port=443,proto={proto}")
    assert (frame[23], frame[26:34]) == (number, bytes([10, 0, 0, 1, 1, 2, 3, 4]))
    expected = {6: "tcp4", 17: "udp4", 132: "sctp4"}.get(number, "ipv4_other")
    assert classify(frame) == expected


def test_packets_over_ipv6() -> None:
    from maestro_tool.packet.classes import classify

    for proto, name in (("tcp", "tcp6"), ("udp", "udp6"), ("sctp", "sctp6"), ("58", "ipv6_other")):
        frame = steering.frame(f"src_ip=2001:db8::1,dst_ip=2001:db8::2,src_port=80,dst_port=443,proto={proto}")
        assert classify(frame) == name and (frame[37], frame[53]) == (1, 2) and len(frame) >= 60
    with pytest.raises(InputError, match="one address is IPv4, the other IPv6"):
        steering.frame("src_ip=2001:db8::1,dst_ip=10.0.0.1")


def test_a_request_survives_its_json() -> None:
    from maestro_tool import forms
    from maestro_tool.pipeline import Request

    request = Request((Path("a.c"),), ("--x", "1"), 3, (Path("i"),), ("D=1",), (("forks", 5),))
    assert forms.read(Request, forms.write(request)) == request
