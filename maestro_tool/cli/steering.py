"""``table`` and ``queue``: where packets go, by the tool's own software model of a plan."""

from __future__ import annotations

import argparse
import ipaddress
import struct
import sys
from pathlib import Path

from maestro_tool import canonical
from maestro_tool.diagnostics import InputError

TABLE_SCHEMA = "maestro-table/1"
QUEUE_SCHEMA = "maestro-queue/1"


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
