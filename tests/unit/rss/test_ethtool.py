"""``maestro rss --ethtool``: what the kernel would make of the commands is the plan, or there are none.

The commands are read here as ethtool 6.1 reads them, by code of its own.
"""

from __future__ import annotations

import copy
import json
import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rss_cases import CONFIGS, FW, profile

from maestro_tool.cli import main
from maestro_tool.diagnostics import InputError, MaestroError, UnsupportedError
from maestro_tool.nic import load_profile
from maestro_tool.nic.profile import FLOWS, LETTERS, NicProfile
from maestro_tool.rss import ethtool, solve
from maestro_tool.rss.commands import table_command
from maestro_tool.rss.solution import ports_json

CARDS = ("e810", "virtio", "x710")
DEVICES = ("eth0", "enp1s0f1")

Plan = dict[str, Any]


def plan(nic: str) -> Plan:
    """fw's, as if only whole packets of TCP and UDP without options reached its state."""
    ports = ports_json(solve(FW, profile(nic), 2))
    for port in ports:
        port["nic"] = nic
        port["steering"] = {c: "nic" if c in ("tcp4", "udp4") else "any" for c in port["steering"]}
    return {
        "schema": "maestro-plan/1", "nf": "fw", "dialect": "xdp", "strategy": "shared-nothing", "why": ["?"],
        "ports": ports, "objects": [], "traffic": None, "groups": [],
    }  # fmt: skip


PLANS = {nic: plan(nic) for nic in CARDS}


def told(made: Plan, devices: Sequence[str] = DEVICES, workers: int = 3) -> list[ethtool.Port]:
    return ethtool.ports(made, [profile(p["nic"]) for p in made["ports"]], devices, workers)


@dataclass
class Device:
    """What a device of the kernel is set to; ``size`` of its table is the driver's."""

    size: int
    queues: int = 64
    key: bytes = b""
    table: tuple[int, ...] = ()

    def run(self, words: Sequence[str]) -> None:
        if words[:2] == ["ethtool", "-L"]:
            assert words[3] == "combined"
            self.queues = int(words[4])
        if words[:2] != ["ethtool", "-X"]:
            return
        assert words[3:6] == ["hfunc", "toeplitz", "hkey"]
        self.key = bytes(int(byte, 16) for byte in words[6].split(":"))
        if words[7] == "equal":
            self.table = tuple(i % int(words[8]) for i in range(self.size))
        else:
            assert words[7] == "weight"
            self.table = weighted(self.size, [int(w) for w in words[8:]])
        assert max(self.table) < self.queues


def weighted(size: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Queue by queue, as far as its part of the weights reaches."""
    total = sum(weights)
    assert total <= size
    made: list[int] = []
    reached = 0
    for queue, weight in enumerate(weights):
        reached += weight
        while len(made) < size * reached // total:
            made.append(queue)
    return tuple(made)


def shown(folder: Path, made: Plan, *words: str) -> str:
    path = folder / "plan.json"
    path.write_text(json.dumps(made))
    assert main(["rss", str(path), *words]) == 0
    return str(path)


def read(script: str, size: int) -> dict[str, Device]:
    devices: dict[str, Device] = {}
    for line in script.splitlines():
        if line.startswith("ethtool ") and "|" not in line:
            words = shlex.split(line)
            devices.setdefault(words[2], Device(size)).run(words)
    return devices


@pytest.mark.parametrize("nic", CARDS)
def test_the_script_makes_the_plan(nic: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = PLANS[nic]
    for workers in (1, 2, 3, 7, 16):
        capsys.readouterr()
        shown(tmp_path, made, "--ethtool", *DEVICES, "--workers", str(workers))
        script = capsys.readouterr().out
        assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0
        found = read(script, made["ports"][0]["table_size"])
        assert tuple(found) == DEVICES
        for port, expected in zip(made["ports"], table_command(made, workers), strict=True):
            device = found[DEVICES[port["port"]]]
            assert device.key == bytes.fromhex(port["key"])
            assert list(device.table) == expected["table"] and device.queues == workers
            for flow in ("tcp4", "udp4"):
                assert f"ethtool -N {DEVICES[port['port']]} rx-flow-hash {flow} sdfn\n" in script
        for queue in range(workers):
            names = [f"-input.{queue}"] if nic == "virtio" else [f"{d}-TxRx-{queue}" for d in DEVICES]
            lines = [line for line in script.splitlines() if line.startswith(f'echo {queue} >"/proc/irq/')]
            assert len(lines) == 2 and all(any(name in line for name in names) for line in lines)


@pytest.mark.parametrize(("name", "refusal"), [("lanes", ""), ("knock", "software would have to pass on packets of")])
def test_programs(name: str, refusal: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = Path(__file__).parents[2] / "dialects" / "xdp" / name / f"{name}.xdp.c"
    analysis = str(tmp_path / "analysis.json")
    assert main(["analyse", str(source), "--xdp", "pass=1", "-o", analysis]) == 0
    assert main(["generate", analysis, "--nic", "virtio", "--name", name, "-o", str(tmp_path)]) == 0
    capsys.readouterr()
    status = main(["rss", str(tmp_path / "plan.json"), "--ethtool", *DEVICES, "--workers", "4"])
    out, error = capsys.readouterr()
    assert (status, refusal in error, "set -eu" in out) == (1 if refusal else 0, True, not refusal), error
    assert refusal or "# maps are whole" in out


@given(key=st.binary(min_size=40, max_size=40), workers=st.integers(1, 127), data=st.data())
def test_any_key_and_table_is_read_back_or_refused(key: bytes, workers: int, data: st.DataObject) -> None:
    made = copy.deepcopy(PLANS["virtio"])
    for port in made["ports"]:
        port["key"] = key.hex()
    some = st.one_of(st.none(), st.lists(st.integers(0, 9), min_size=128, max_size=128))
    if weights := data.draw(some, "weights"):
        made["traffic"] = {"weights": weights}
    expected = [p["table"] for p in table_command(made, workers)]
    try:
        found = told(made, workers=workers)
    except UnsupportedError as error:
        assert weights and "ethtool cannot set this table" in str(error)
        assert expected[0] != sorted(expected[0])
        return
    for port, entries in zip(found, expected, strict=True):
        device = Device(128)
        for words in port.commands():
            device.run(list(words))
        assert device.key == key and list(device.table) == entries == list(port.table)


def test_a_table_in_turn_is_set_so() -> None:
    """Weights that put every second index on the other worker."""
    made = copy.deepcopy(PLANS["virtio"])
    made["groups"] = [n % 2 for n in range(128)]
    [port, _] = told(made, workers=2)
    assert port.spread == ("equal", "2") and port.table == (0, 1) * 64


def test_a_shell_stops_before_key_and_table_where_the_device_is_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table of another size, or another driver's device."""
    shown(tmp_path, PLANS["e810"], "--ethtool", *DEVICES, "--workers", "2")
    lines = capsys.readouterr().out.splitlines()
    assert "set -eu" in lines
    where = {text: n for n, line in enumerate(lines) for text in ("driver)", "-eq", "ethtool -X") if text in line}
    assert where["driver)"] < where["-eq"] < where["ethtool -X"]
    [count] = {re.search(r"-eq (\d+)", line)[1] for line in lines if "-eq" in line}  # type: ignore[index]
    assert int(count) * ethtool.COLUMNS == 512
    rows = "".join(f"{n:5}: " + " ".join(["    0"] * 8) + "\n" for n in range(0, 512, 8)) + "12:34:ab\n"
    pattern = re.search(r"grep -c '([^']*)'", "\n".join(lines))
    assert pattern is not None
    grep = subprocess.run(["grep", "-c", pattern[1]], input=rows, text=True, capture_output=True, check=True)
    assert grep.stdout == "64\n"


Edit = Callable[[Plan], None]


def set_of_ports(**values: Any) -> Edit:
    def edit(made: Plan) -> None:
        for port in made["ports"]:
            port.update(values)

    return edit


def steered(**how: str) -> Edit:
    def edit(made: Plan) -> None:
        for port in made["ports"]:
            port["steering"].update(how)

    return edit


def divided(made: Plan) -> None:
    made["objects"] = [{"name": "flows", "treatment": "sharded", "split": True}]


def of_libvig(made: Plan) -> None:
    divided(made)
    made["dialect"] = "libvig"


REFUSED: dict[str, tuple[Edit, str]] = {
    "locks": (lambda p: p.update(strategy="locks", why=["it is shared"]), "locks is nothing that a card does: it is"),
    "handoff": (lambda p: p.update(strategy="handoff"), "strategy handoff"),
    "software": (steered(malformed="software", vlan="software"), "pass on packets of vlan, malformed, and the kernel"),
    "sctp": (steered(sctp4="nic"), r"ice cannot be told to hash src_ip, dst_ip, src_port, dst_port of sctp4"),
    "other": (steered(ipv4_other="nic"), "ice cannot be told to hash src_ip, dst_ip of ipv4_other"),
    "fewer": (lambda p: p["ports"][0]["hashed"].update(tcp4=["src_ip"]), "ice cannot be told to hash src_ip of tcp4"),
    "order": (lambda p: p["ports"][0]["hashed"].update(udp4=["dst_ip", "src_ip"]), "hash dst_ip, src_ip of udp4"),
    "unknown": (lambda p: p["ports"][0]["hashed"].update(udp4=["src_ip", "dst_ip", "ip_id"]), "hash .*ip_id of udp4"),
    "symmetric": (set_of_ports(function="xor"), "the card's own key or hash function"),
    "fixed": (set_of_ports(key_fixed=True), "the card's own key or hash function"),
    "key": (set_of_ports(key="ab" * 40), "ice takes keys of 52 bytes, not of 40"),
    "table": (set_of_ports(table_size=128), "table has 128 entries, that of ice 512: ethtool sets no size"),
    "capacity": (of_libvig, "the capacity of flows is divided over the cores"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_said_is_refused(name: str) -> None:
    edit, message = REFUSED[name]
    made = copy.deepcopy(PLANS["e810"])
    edit(made)
    with pytest.raises(UnsupportedError, match=message) as caught:
        told(made)
    assert caught.value.hint


def test_a_card_without_a_kernels_driver_is_refused() -> None:
    made = copy.deepcopy(PLANS["e810"])
    for port in made["ports"]:
        port["nic"] = "82599"
    with pytest.raises(UnsupportedError, match=r"port 0 \(82599\): its profile does not say what the kernel's driver"):
        told(made)


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        (["eth0"], "the plan has 2 ports, but 1 devices are given"),
        (["eth0", "eth0"], "eth0 is given for two ports"),
        *((["eth0", bad], "is no name of a network device")
          for bad in ("", "-x", "a b", "$(x)", "a;b", "a\nb", "a/b", "..", "a'b", 'a"b', "a:1", "x" * 16, "ü")),
    ],
)  # fmt: skip
def test_names_of_devices_are_checked(devices: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        told(PLANS["e810"], devices)


def test_more_workers_than_entries_are_refused() -> None:
    with pytest.raises(InputError, match="serves 1 to 127 workers, not 129"):
        told(PLANS["virtio"], workers=129)


def test_notes_name_what_is_counted_and_what_is_whole() -> None:
    made = copy.deepcopy(PLANS["e810"])
    divided(made)
    made["objects"].append({"name": "sums", "treatment": "per-core", "split": False})
    said = ethtool.notes(made)
    assert [n.partition(":")[0] for n in said] == ["sums", "maps are whole"]
    assert told(made) and ethtool.notes(PLANS["e810"]) == []


def test_words_of_a_plan_stay_in_comments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = copy.deepcopy(PLANS["e810"])
    made["nf"] = "fw\nreboot"
    made["objects"] = [{"name": "a\rb\nreboot", "treatment": "per-core", "split": False}]
    shown(tmp_path, made, "--ethtool", *DEVICES, "--workers", "2")
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines if "reboot" in line] == ["#", "#"]


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown(tmp_path, PLANS["virtio"], "--ethtool", *DEVICES, "--workers", "2", "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "maestro-rss/1" and found["workers"] == 2 and found["notes"] == []
    for port, expected in zip(found["ports"], told(PLANS["virtio"], workers=2), strict=True):
        assert port["key"] == expected.key.hex() and port["driver"] == "virtio_net"
        assert port["commands"] == [list(c) for c in expected.commands()]
        assert port["table"] == list(expected.table) and port["flows"] == {"tcp4": "sdfn", "udp4": "sdfn"}
        assert [(i["queue"], i["cpu"], i["name"]) for i in port["interrupts"]] == [
            (0, 0, "{bus}-input.0"), (1, 1, "{bus}-input.1"),
        ]  # fmt: skip


def test_profiles_are_those_of_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("extends: e810\nname: mine\n")
    made = copy.deepcopy(PLANS["e810"])
    for port in made["ports"]:
        port["nic"] = "mine"
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(made))
    words = ["rss", str(path), "--ethtool", *DEVICES, "--workers", "2"]
    assert main(words) == 1 and "unknown NIC 'mine'" in capsys.readouterr().err
    assert main([*words, "--nic", str(own)]) == 0
    assert main([*words, "--nic", "x710"]) == 1
    assert "the plan is for mine+mine, not for x710+x710" in capsys.readouterr().err


def test_features_that_move_packets_are_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown(tmp_path, PLANS["x710"], "--ethtool", *DEVICES, "--workers", "2")
    script = capsys.readouterr().out
    off = "ntuple off rxvlan off hw-tc-offload off rx-udp_tunnel-port-offload off"
    assert f"ethtool -K eth0 rxhash on {off}\n" in script
    assert "ethtool --set-priv-flags eth0 flow-director-atr off\n" in script


@pytest.mark.parametrize("nic", CARDS)
def test_kernels_hash_what_dpdk_lets_the_card_hash(nic: str) -> None:
    """The same card: plans are made for what DPDK has it hash."""
    card = profile(nic)
    assert card.kernel is not None and card.kernel.key_length == card.rss.key_length
    for name, letters in [*card.kernel.fixed.items(), *((n, o[-1]) for n, o in card.kernel.flows.items())]:
        assert "".join(LETTERS[f] for f in card.rss.classes[name].fields) == letters


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ("{fixed: {tcp4: sd}}", "tcp4 is in flows and in fixed"),
        ("{flows: {tcp4: [ds]}}", "kernel.flows.tcp4"),
        ("{flows: {tcp4: [\"\"]}}", "kernel.flows.tcp4"),
        ("{flows: {ipv4_other: [sd]}}", "kernel.flows"),
        ("{interrupts: \"{device}\"}", "kernel.interrupts"),
        ("{interrupts: \"$(x){device}{queue}\"}", "kernel.interrupts"),
        ("{features_off: [\"a b\"]}", "kernel.features_off"),
        ("{driver: \"a b\"}", "kernel.driver"),
    ],
)  # fmt: skip
def test_mistakes_of_profiles(kernel: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(f"extends: e810\nname: mine\nkernel: {kernel}\n")
    with pytest.raises(MaestroError) as caught:
        load_profile(tmp_path / "mine.yaml", [CONFIGS])
    assert message in caught.value.render()


def test_flow_types_are_those_of_ethtool() -> None:
    assert FLOWS == ("tcp4", "udp4", "sctp4", "tcp6", "udp6", "sctp6")


def test_a_reversed_key_is_not_known_of_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: e810\nname: mine\nrss: {key_reversed: true}\n")
    with pytest.raises(InputError, match="no key_reversed"):
        load_profile(tmp_path / "mine.yaml", [CONFIGS])


def test_profiles_have_no_kernel_unless_they_say_so() -> None:
    assert profile("82599").kernel is None and isinstance(profile("e810"), NicProfile)
