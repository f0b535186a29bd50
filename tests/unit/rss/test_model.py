"""The software model, and what ``maestro table`` and ``maestro queue`` show of it."""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import Any

import pytest
from rss_cases import CONFIGS, FW, POL, profile

from maestro_tool.diagnostics import InputError
from maestro_tool.nic import load_profile
from maestro_tool.rss import solve
from maestro_tool.rss.commands import queue_command, table_command
from maestro_tool.rss.solution import ports_json
from maestro_tool.rss.toeplitz import toeplitz

NICS = ("e810", "soft")


def packet(
    src: str, dst: str, sport: int, dport: int, *, protocol: int = 6, words: int = 5, fragment: int = 0
) -> bytes:
    ip = bytearray(4 * words)
    ip[0], ip[9] = 0x40 | words, protocol
    ip[2:4] = (4 * words + 20).to_bytes(2, "big")
    ip[6:8] = fragment.to_bytes(2, "big")
    ip[12:20] = socket.inet_aton(src) + socket.inet_aton(dst)
    l4 = sport.to_bytes(2, "big") + dport.to_bytes(2, "big") + bytes(16)
    return bytes(12) + b"\x08\x00" + bytes(ip) + l4


def plan(constraints: Any, nic: str) -> dict[str, Any]:
    return {"ports": ports_json(solve(constraints, profile(nic), 2))}


def flows(count: int) -> list[tuple[str, str, int, int]]:
    r = random.Random(5)
    address = lambda: ".".join(str(r.randrange(1, 255)) for _ in range(4))  # noqa: E731
    return [(address(), address(), r.randrange(1024, 65536), r.randrange(1, 1024)) for _ in range(count)]


@pytest.mark.parametrize("nic", NICS)
def test_fw_flows_meet_their_replies_and_use_all_workers(nic: str) -> None:
    p = plan(FW, nic)
    there = queue_command(p, 0, [packet(s, d, sp, dp) for s, d, sp, dp in flows(2000)], 16)
    back = queue_command(p, 1, [packet(d, s, dp, sp) for s, d, sp, dp in flows(2000)], 16)
    assert [x["worker"] for x in there] == [x["worker"] for x in back]
    loads = [sum(x["worker"] == w for x in there) for w in range(16)]
    assert min(loads) > 60  # 125 on average


@pytest.mark.parametrize("nic", NICS)
def test_pol_packets_of_one_destination_meet_whatever_their_class(nic: str) -> None:
    p = plan(POL, nic)
    kinds: list[dict[str, int]] = [
        {"protocol": 6}, {"protocol": 17}, {"protocol": 132}, {"protocol": 1}, {"words": 7},
        {"fragment": 0x2000}, {"fragment": 100}, {"protocol": 17, "fragment": 3},
    ]  # fmt: skip
    for _, dst, _, _ in flows(40):
        frames = [packet(s, dst, sp, dp, **kind) for (s, _, sp, dp), kind in zip(flows(8), kinds, strict=True)]
        found = queue_command(p, 1, frames, 16)
        assert len({x["class"] for x in found}) > 5
        assert len({x["index"] for x in found}) == 1


OPTIONS_CARD = """\
extends: e810
name: options
rss:
  classes:
    tcp4_options: {flags: [RTE_ETH_RSS_NONFRAG_IPV4_TCP], fields: [src_ip, dst_ip, src_port, dst_port]}
"""


def test_the_nic_follows_options_and_software_reads_as_the_nf_does(tmp_path: Path) -> None:
    (tmp_path / "options.yaml").write_text(OPTIONS_CARD)
    card = load_profile(tmp_path / "options.yaml", [CONFIGS])
    p = {"ports": ports_json(solve(FW, card, 2))}
    options = packet("1.2.3.4", "5.6.7.8", 1000, 80, words=6)
    found = queue_command(p, 0, [options], 4)[0]
    assert found["class"] == "tcp4_options" and found["steering"] == "software"
    key = bytes.fromhex(p["ports"][0]["key"])
    assert found["hash"] == f"{toeplitz(key, options[26:38]):08x}"
    p = {"ports": ports_json(solve(POL, card, 2))}
    found = queue_command(p, 1, [options], 4)[0]
    key = bytes.fromhex(p["ports"][1]["key"])
    assert found["steering"] == "nic" and found["hash"] == f"{toeplitz(key, options[26:34] + options[38:42]):08x}"


def test_frames_without_a_hash_have_index_zero() -> None:
    for nic in NICS:
        for frame in (b"", bytes(60), bytes(12) + b"\x08\x00"):
            found = queue_command(plan(FW, nic), 0, [frame], 4)[0]
            assert (found["hash"], found["index"], found["worker"]) == (None, 0, 0)


def test_ipv6_is_hashed_by_its_own_addresses() -> None:
    p = plan(FW, "e810")
    frame = bytes(12) + b"\x86\xdd" + bytes([0x60, 0, 0, 0, 0, 20, 6, 64]) + bytes(range(32)) + bytes(20)
    found = queue_command(p, 0, [frame], 4)[0]
    assert found["class"] == "tcp6" and found["fields"][:2] == ["src_ip6", "dst_ip6"]
    assert found["hash"] == f"{toeplitz(bytes.fromhex(p['ports'][0]['key']), bytes(range(32)) + bytes(4)):08x}"


def test_table() -> None:
    tables = table_command(plan(FW, "e810"), 3)
    assert [t["port"] for t in tables] == [0, 1]
    assert all(t["table"] == [i * 3 // 512 for i in range(512)] for t in tables)


@pytest.mark.parametrize("workers", (0, -1, 128))
def test_impossible_numbers_of_workers(workers: int) -> None:
    with pytest.raises(InputError, match="serves 1 to 127"):
        table_command(plan(FW, "e810"), workers)
    with pytest.raises(InputError, match="serves 1 to 127"):
        queue_command(plan(FW, "e810"), 0, [], workers)


def test_bad_plans_are_input_errors() -> None:
    good = plan(FW, "e810")
    with pytest.raises(InputError, match="no port 9"):
        queue_command(good, 9, [], 2)
    broken: list[Any] = [{}, {"ports": 3}, {"ports": [{}]}, {"ports": [3]}, []]
    first = good["ports"][0]
    broken += [
        {"ports": [{**first, k: v}]} for k, v in (("key", "xyz"), ("key", "00"), ("table_size", 500), ("hashed", 1))
    ]
    for p in broken:
        with pytest.raises(InputError):
            table_command(p, 2)
