"""``traffic``, ``run``, ``compare``: captures on the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from maestro_tool import canonical
from maestro_tool.diagnostics import InputError
from maestro_tool.traffic.spec import DISTRIBUTIONS, IMIX, MACS, OPENERS, TrafficSpec

DEFAULTS = TrafficSpec()


class _NfOptionsParser(argparse.ArgumentParser):
    """A parser that leaves what follows ``--`` to the NF; argparse would match it with its own positionals."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        words = list(args or ())
        cut = words.index("--") if "--" in words else len(words)
        result = argparse.Namespace() if namespace is None else namespace
        _, unknown = super().parse_known_args(words[:cut], result)
        result.nf_arguments = words[cut + 1 :]
        return result, unknown


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    _register_traffic(subparsers)
    _register_run(subparsers)

    p = subparsers.add_parser("compare", help="compare the outputs of two runs, flow by flow")
    p.add_argument("expected", type=Path, help="folder with the output of the sequential program")
    p.add_argument("actual", type=Path, help="folder with the output of the parallel program")
    p.add_argument("--plan", type=Path, metavar="PLAN", help="plan.json: what its relaxations permit is no difference")
    p.add_argument("--json", action="store_true", help="print all differences as JSON")
    p.add_argument("--limit", type=int, default=10, metavar="N", help="differences to print (default: 10)")
    p.set_defaults(run=_compare)


def _register_traffic(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = subparsers.add_parser(
        "traffic",
        help="generate captures for a two-port NF",
        description="Writes port0.pcap (LAN) and port1.pcap (WAN): the same bytes for the same options.",
    )
    p.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="folder for the captures")
    _number(p, "flows", int, DEFAULTS.flows, "flows that are opened")
    _number(p, "packets", int, DEFAULTS.packets, "frames over both ports")
    text = "hosts that open flows in 10/8, in one /16, in one /24; zipf: in 10/8, and few flows have most packets"
    p.add_argument("--distribution", choices=DISTRIBUTIONS, default=DEFAULTS.distribution, help=text)
    p.add_argument("--skew", type=float, metavar="S", help="Zipf exponent of the flows' popularity (zipf: 1.1, else 0)")
    p.add_argument("--sizes", default="60", metavar="BYTES,...",
                   help="frame sizes without frame check sequence, or 'imix' (default: 60)")  # fmt: skip
    _number(p, "replies", float, DEFAULTS.replies, "fraction of frames that answer a flow")
    _number(p, "unknown", float, DEFAULTS.unknown, "fraction of WAN frames of flows that nobody opened")
    _number(p, "scans", float, DEFAULTS.scans, "fraction of frames from hosts to any port of a server")
    _number(p, "odd", float, DEFAULTS.odd, "fraction of fragments, options, VLAN, IPv6, ARP, cut frames ...")
    _number(p, "ipv6", float, DEFAULTS.ipv6, "fraction of flows over IPv6")
    text = "where flows are opened; with wan, the LAN has the servers"
    p.add_argument("--opener", choices=OPENERS, default=DEFAULTS.opener, help=f"{text} (default: {DEFAULTS.opener})")
    _number(p, "servers", int, DEFAULTS.servers, "servers that flows lead to, 0: anywhere")
    p.add_argument("--macs", choices=MACS, default=DEFAULTS.macs,
                   help="a MAC address per port, or for each host and server (default: port)")  # fmt: skip
    p.add_argument("--sent", type=Path, metavar="DIR",
                   help="what an NF sent when it received this capture: replies answer that")  # fmt: skip
    _number(p, "rate", int, DEFAULTS.rate, "frames per second, at most 1000000")
    _number(p, "active", int, DEFAULTS.active, "flows in use at a time, 0: all; fewer make churn")
    _number(p, "gaps", int, DEFAULTS.gaps, "pauses, spread over the capture")
    _number(p, "gap-us", int, DEFAULTS.gap_us, "length of a pause in microseconds")
    _number(p, "seed", int, DEFAULTS.seed, "another seed, another capture")
    p.set_defaults(run=_traffic)


def _register_run(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    usage = "maestro run PROGRAM --in DIR --out DIR [--workers N] [--json] [-- NF options]"
    # Adds the line in the list of commands; its plain parser is then replaced.
    subparsers.add_parser("run", help="replay captures through a built program")
    p = _NfOptionsParser(prog="maestro run", usage=usage, description="Replays captures through a built program.")
    subparsers.choices["run"] = p
    p.add_argument("program", type=Path, metavar="PROGRAM", help="an executable, or its folder (plan.json)")
    p.add_argument("--in", type=Path, required=True, dest="captures", metavar="DIR", help="port0.pcap, port1.pcap ...")
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for what the NF sends")
    p.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="default: one per CPU but the one that deals packets out; a sequential program has 1",
    )
    p.add_argument("--timeout", type=float, default=300, metavar="SECONDS", help="give up after (default: 300)")
    p.add_argument("--json", action="store_true", help="print the counters as JSON")
    p.set_defaults(run=_run)


def _number(p: argparse.ArgumentParser, name: str, kind: type, default: object, text: str) -> None:
    p.add_argument(f"--{name}", type=kind, default=default, metavar="N", help=f"{text} (default: {default})")


def _traffic(args: argparse.Namespace) -> int:
    from maestro_tool.traffic.generate import generate

    spec = TrafficSpec(
        flows=args.flows, packets=args.packets, distribution=args.distribution, skew=args.skew,
        sizes=_sizes(args.sizes), replies=args.replies, unknown=args.unknown, odd=args.odd, rate=args.rate,
        ipv6=args.ipv6, active=args.active, gaps=args.gaps, gap_us=args.gap_us, seed=args.seed,
        scans=args.scans, opener=args.opener, servers=args.servers, macs=args.macs,
    )  # fmt: skip
    captures = generate(spec, None if args.sent is None else _outputs(args.sent))
    canonical.write_files({args.out / f"port{port}.pcap": content for port, content in captures.items()})
    print(f"{args.out}: {spec.packets} frames of {spec.flows} flows")
    return 0


def _sizes(text: str) -> tuple[int, ...]:
    if text == "imix":
        return IMIX
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError:
        raise InputError(f"frame sizes '{text}' are neither numbers with commas nor 'imix'") from None


def _run(args: argparse.Namespace) -> int:
    from maestro_tool.traffic.replay import replay

    result = replay(
        args.program, args.captures, args.out,
        workers=args.workers, nf_arguments=args.nf_arguments, timeout=args.timeout,
    )  # fmt: skip
    print(canonical.dumps(result.to_json()) if args.json else result.text(), end="" if args.json else "\n")
    return 0


def _compare(args: argparse.Namespace) -> int:
    from maestro_tool import plan_json
    from maestro_tool.traffic.compare import compare
    from maestro_tool.traffic.permitted import other_verdicts
    from maestro_tool.traffic.renaming import renamed_by

    expected, actual = _outputs(args.expected), _outputs(args.actual)
    if args.plan is None:
        comparison = compare(expected, actual)
    else:
        plan = plan_json.read(args.plan)
        verdicts, notes = other_verdicts(plan, args.expected, args.actual)
        comparison = compare(expected, actual, renamed_by(plan), verdicts)
        for note in notes if comparison.differences or comparison.permitted else ():
            print(f"note: {note}", file=sys.stderr)
    text = canonical.dumps(comparison.to_json()) if args.json else comparison.text(args.limit)
    print(text, end="" if args.json else "\n")
    return 0 if comparison.equal else 1


def _outputs(folder: Path) -> dict[int, list[bytes]]:
    from maestro_tool.traffic.capture import read_folder

    return {port: [frame.data for frame in frames] for port, frames in read_folder(folder).items()}
