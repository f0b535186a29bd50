"""``table``, ``queue`` and ``rss``: where packets go by a plan, by the tool's own model or told to the kernel."""

from __future__ import annotations

import argparse
import ipaddress
import shlex
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maestro_tool import canonical
from maestro_tool.diagnostics import InputError

if TYPE_CHECKING:
    from maestro_tool.nic.profile import NicProfile
    from maestro_tool.rss.ethtool import Port

TABLE_SCHEMA = "maestro-table/1"
QUEUE_SCHEMA = "maestro-queue/1"
RSS_SCHEMA = "maestro-rss/1"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = subparsers.add_parser("table", help="the indirection table of each port for N workers")
    p.add_argument("plan", type=Path, help="plan.json of a build")
    p.add_argument("--workers", type=int, required=True, metavar="N", help="number of workers")
    p.add_argument("--json", action="store_true", help="as JSON (docs/plan-json.md)")
    p.set_defaults(run=_table)

    p = subparsers.add_parser("queue", help="which index and worker packets meet")
    p.add_argument("plan", type=Path, help="plan.json of a build")
    p.add_argument("capture", nargs="?", type=Path, metavar="CAPTURE", help="pcap or pcapng file: every frame of it")
    p.add_argument("--packet", action="append", default=[], metavar="FIELD=VALUE,...",
                   help="src_ip=10.0.0.1,dst_ip=1.2.3.4,src_port=80,dst_port=99,proto=tcp; IPv6, too")  # fmt: skip
    p.add_argument("--port", type=int, required=True, metavar="P", help="the port that they arrive on")
    p.add_argument("--workers", type=int, default=2, metavar="N", help="number of workers (default: 2)")
    p.add_argument("--json", action="store_true", help="as JSON (docs/plan-json.md)")
    p.set_defaults(run=_queue)

    p = subparsers.add_parser("rss", help="a plan as commands for the kernel's drivers, for a program that it runs")
    p.add_argument("plan", type=Path, help="plan.json of a build")
    p.add_argument("--ethtool", nargs="+", required=True, metavar="DEV", help="the device of each port, in order")
    p.add_argument("--workers", type=int, required=True, metavar="N", help="number of queues, one for a CPU")
    p.add_argument("--nic", metavar="NIC", help="profiles of the ports, A+B (default: those of the plan, by name)")
    p.add_argument("--json", action="store_true", help="as JSON (docs/plan-json.md)")
    p.set_defaults(run=_rss)


def _table(args: argparse.Namespace) -> None:
    from maestro_tool import plan_json
    from maestro_tool.rss.commands import table_command

    ports = table_command(plan_json.read(args.plan), args.workers)
    if args.json:
        print(canonical.dumps({"schema": TABLE_SCHEMA, "workers": args.workers, "ports": ports}), end="")
        return
    for port in ports:
        table = port["table"]
        width = len(str(args.workers - 1)) + 1
        print(f"port {port['port']}: {port['table_size']} entries")
        for start in range(0, len(table), 32):
            print(f"  {start:>5}:" + "".join(f"{w:>{width}}" for w in table[start : start + 32]))


def _queue(args: argparse.Namespace) -> None:
    from maestro_tool import plan_json
    from maestro_tool.rss.commands import queue_command

    if (args.capture is None) == (not args.packet):
        raise InputError("give a capture, or packets with --packet", hint="maestro queue --help")
    plan = plan_json.read(args.plan)
    frames = [frame(text) for text in args.packet] or _capture(args.capture)
    packets = queue_command(plan, args.port, frames, args.workers)
    if args.json:
        print(canonical.dumps({"schema": QUEUE_SCHEMA, "workers": args.workers, "packets": packets}), end="")
        return
    print(f"{'packet':>8} {'class':<20} {'steering':<9} {'hash':<9} {'index':>6} {'worker':>7}")
    for p in packets:
        index, worker = ("-" if p[n] is None else p[n] for n in ("index", "worker"))
        print(f"{p['packet']:>8} {p['class']:<20} {p['steering']:<9} {p['hash'] or '-':<9} {index:>6} {worker:>7}")


def _rss(args: argparse.Namespace) -> None:
    from maestro_tool import plan_json
    from maestro_tool.rss import ethtool

    plan = plan_json.read(args.plan)
    ports = ethtool.ports(plan, _profiles(plan, args.nic), args.ethtool, args.workers)
    notes = ethtool.notes(plan)
    if args.json:
        found = {"schema": RSS_SCHEMA, "workers": args.workers, "notes": notes, "ports": [_port_json(p) for p in ports]}
        print(canonical.dumps(found), end="")
        return
    print("#!/bin/sh")
    for line in (
        f"{plan['nf']} on {args.workers} CPUs: queue i of each device is handled by CPU i.",
        "For root, when the program is attached (and before, where a driver changes queues only then),",
        "and again when a device was set up anew.  Nothing else may move interrupts (irqbalance).",
        *notes,
    ):
        print("#", *line.split())
    print("set -eu")
    for port in ports:
        print(f"\n# port {port.port}")
        for line in _script(port):
            print(line)


def _profiles(plan: dict[str, Any], nic: str | None) -> list[NicProfile]:
    from maestro_tool import profiles
    from maestro_tool.nic.load import load_profile
    from maestro_tool.rss.model import port_models

    count = len(port_models(plan))  # or it is no plan
    names = [entry["nic"] for entry in plan["ports"]]
    asked = profiles.split(nic) if nic else names
    found = [load_profile(profiles.resolve(name), profiles.folders()) for name in asked]
    found = found * count if len(found) == 1 else found
    if [p.name for p in found] != names:
        raise InputError(f"--nic: the plan is for {'+'.join(names)}, not for {'+'.join(p.name for p in found)}")
    return found


def _script(port: Port) -> Iterator[str]:
    """The commands of a port for a shell that stops at the first that fails (-e), with what must be so before."""
    from maestro_tool.rss.ethtool import COLUMNS

    device = shlex.quote(port.device)
    bus = f'$(basename "$(readlink -f /sys/class/net/{device}/device)")'
    driver = f'$(basename "$(readlink -f /sys/class/net/{device}/device/driver)")'
    yield f'test "{driver}" = {shlex.quote(port.kernel.driver)}'
    *before, last = port.commands()
    yield from map(shlex.join, before)
    rows = -(-len(port.table) // COLUMNS)
    yield f"test \"$(ethtool -x {device} | grep -c '^ *[0-9][0-9]*:  ')\" -eq {rows}  # {len(port.table)} entries"
    yield shlex.join(last)
    yield f"ethtool -x {device} | grep -qxF {port.hkey}"
    yield f"echo 0 >/sys/class/net/{device}/threaded"
    for queue in range(port.queues):
        name = port.kernel.interrupts.format(device=device, bus=bus, queue=queue)
        irq = f"$(awk -v name=\"{name}\" '$NF == name {{ print $1 + 0 }}' /proc/interrupts)"
        yield f'echo {queue} >"/proc/irq/{irq}/smp_affinity_list"'


def _port_json(port: Port) -> dict[str, Any]:
    return {
        "port": port.port,
        "device": port.device,
        "driver": port.kernel.driver,
        "key": port.key.hex(),
        "flows": dict(port.flows),
        "table": list(port.table),
        "commands": [list(command) for command in port.commands()],
        "interrupts": [
            {"queue": q, "cpu": q, "name": port.kernel.interrupts.format(device=port.device, bus="{bus}", queue=q)}
            for q in range(port.queues)
        ],
    }


def _capture(path: Path) -> list[bytes]:
    from maestro_tool.traffic.capture import read_headers

    found = read_headers(path)
    if not found.frames:
        raise InputError(f"{path}: the capture has no frames")
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    return found.frames


def frame(text: str) -> bytes:
    """An Ethernet frame of at least 60 bytes as ``text`` says, over IPv4 or IPv6 as its addresses are.

    `InputError` says what is wrong with it.
    """
    from maestro_tool.packet.classes import SCTP, TCP, UDP  # not needed by other commands

    named = {t.name: t.number for t in (TCP, UDP, SCTP)} | {"icmp": 1}
    sizes = {t.number: t.header for t in (TCP, UDP, SCTP)}  # the ports are the first four bytes
    values: dict[str, str] = {"proto": "tcp", "src_port": "0", "dst_port": "0"}
    given: set[str] = set()
    for item in text.split(","):
        name, _, value = (part.strip() for part in item.partition("="))
        if name not in ("src_ip", "dst_ip", "src_port", "dst_port", "proto") or not value or name in given:
            raise InputError(f"--packet: {item!r} is not FIELD=VALUE with another field each time",
                             hint="fields: src_ip, dst_ip, src_port, dst_port, proto")  # fmt: skip
        given.add(name)
        values[name] = value
    if missing := [name for name in ("src_ip", "dst_ip") if name not in given]:
        raise InputError(f"--packet {text!r}: {' and '.join(missing)} missing", hint="both addresses are needed")
    src, dst = (_address(values[name], name) for name in ("src_ip", "dst_ip"))
    if len(src) != len(dst):
        raise InputError(f"--packet {text!r}: one address is IPv4, the other IPv6")
    ports = [_number(values[name], name, 0xFFFF) for name in ("src_port", "dst_port")]
    protocol = named.get(values["proto"]) or _number(values["proto"], "proto", 255)
    l4 = struct.pack("!HH", *ports).ljust(sizes[protocol], b"\0") if protocol in sizes else bytes(8)
    if protocol == TCP.number:
        l4 = l4[:12] + b"\x50" + l4[13:]  # data offset: 5 words
    if protocol == UDP.number:
        l4 = l4[:4] + struct.pack("!H", len(l4)) + l4[6:]
    if len(src) == 16:
        ipv6 = struct.pack("!IHBB", 6 << 28, len(l4), protocol, 64) + src + dst
        return bytes(12) + b"\x86\xdd" + ipv6 + l4
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(l4), 0, 0, 64, protocol, 0) + src + dst
    ip = ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:]
    return (bytes(12) + b"\x08\x00" + ip + l4).ljust(60, b"\0")


def _address(text: str, name: str) -> bytes:
    try:
        return ipaddress.ip_address(text).packed
    except ValueError:
        raise InputError(f"--packet: {name} must be an IP address, not {text!r}") from None


def _number(text: str, name: str, most: int) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > most:
        raise InputError(f"--packet: {name} must be a number up to {most}, not {text!r}")
    return int(text)


def _checksum(header: bytes) -> int:
    """Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
