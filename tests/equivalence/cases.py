"""Traffic that exercises each NF, options that go with it, and the model that says what should come out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import nf_models
from nf_runs import Case

from maestro_tool.traffic.spec import IMIX, TrafficSpec


def case(nf: str, traffic: TrafficSpec, converses: bool = False, **options: int) -> Case:
    """Options of the NF and of its model have the same names, but for the unit of times."""
    arguments = " ".join(f"--{name.removesuffix('_us').replace('_', '-')} {value}" for name, value in options.items())
    return Case(nf, traffic, arguments, partial(getattr(nf_models, nf), **options), converses)


#: Packets of all kinds in three bursts.  At this rate many flows pause for longer than 20 ms even within a burst.
MIX = TrafficSpec(
    flows=1500, packets=8000, sizes=IMIX, replies=0.4, unknown=0.1, odd=0.15, active=500, gaps=2, gap_us=30_000, seed=7
)
#: The same for an NF whose replies are found in rounds (`converse`).
SMALL_MIX = replace(MIX, flows=700, packets=3000, active=200)
#: The same from the WAN: few hosts of one /24 to few servers.
WAN_HOSTS = TrafficSpec(
    flows=1500, packets=8000, sizes=IMIX, replies=0.2, unknown=0.05, odd=0.15, active=500, gaps=2, gap_us=30_000,
    opener="wan", distribution="one-slash-24", servers=12, macs="host", seed=8,
)  # fmt: skip
SMALL_WAN_HOSTS = replace(WAN_HOSTS, flows=700, packets=3000, active=200)
SCANS = TrafficSpec(
    flows=1500, packets=8000, replies=0.1, scans=0.4, odd=0.1, active=700, gaps=2, gap_us=30_000, opener="wan",
    distribution="one-slash-16", seed=9,
)  # fmt: skip
STATIONS = TrafficSpec(
    flows=1500, packets=8000, replies=0.4, unknown=0.1, odd=0.15, active=500, gaps=2, gap_us=30_000, macs="host",
    distribution="one-slash-24", servers=12, seed=10,
)  # fmt: skip

FOREVER = 60_000_000


def sbridge_entries() -> dict[bytes, int]:
    """Half of the hosts; most of the servers, one of them on the wrong side."""
    hosts = {b"\x02\x00\x0a\x01\x02" + bytes([n]): 0 for n in range(0, 256, 2)}
    servers = {b"\x02\x00\x10\x00\x00" + bytes([n]): 1 for n in range(1, 9)}
    return hosts | servers | {b"\x02\x00\x10\x00\x00\x09": 0}


def sbridge(traffic: TrafficSpec) -> Case:
    entries = sbridge_entries()
    arguments = " ".join(f"--entry {port},{address.hex(':')}" for address, port in entries.items())
    arguments += " --entry 0,01:80:c2:00:00:00"  # counts for nothing: the table has it already
    return Case("sbridge", traffic, arguments, partial(nf_models.sbridge, entries=entries))


#: Tables with room for all, so that only time makes room; then full ones; then other numbers.
SEQUENTIAL = {
    "sbridge": sbridge(STATIONS),
    "sbridge-no-entry": Case("sbridge", STATIONS, "", partial(nf_models.sbridge, entries={})),
    "bridge-forever": case("bridge", STATIONS, expire_us=FOREVER, capacity=65536),
    "bridge-expiry": case("bridge", STATIONS, expire_us=5_000, capacity=65536),
    "bridge-full": case("bridge", STATIONS, expire_us=5_000, capacity=64),
    "bridge-one": case("bridge", STATIONS, expire_us=1, capacity=1),
    "nat-forever": case("nat", SMALL_MIX, True, expire_us=FOREVER, max_flows=32768),
    "nat-expiry": case("nat", SMALL_MIX, True, expire_us=20_000, max_flows=32768),
    "nat-full": case("nat", SMALL_MIX, True, expire_us=20_000, max_flows=256),
    "nat-ports": case("nat", SMALL_MIX, True, expire_us=10_000, max_flows=512, start_port=65024),
    "psd-forever": case("psd", SCANS, expire_us=FOREVER, max_ports=3, capacity=65536),
    "psd-expiry": case("psd", SCANS, expire_us=15_000, max_ports=2, capacity=65536),
    "psd-full": case("psd", SCANS, expire_us=15_000, max_ports=2, capacity=256),
    "psd-one": case("psd", SCANS, expire_us=1, max_ports=1, capacity=1),
    "psd-all-ports": case(
        "psd",
        TrafficSpec(flows=30, packets=8000, scans=0.9, replies=0, opener="wan"),
        expire_us=5_000,
        max_ports=64,
        capacity=32,
    ),
    "cl-forever": case("cl", WAN_HOSTS, expire_us=FOREVER, max_flows=65536, max_connections=2, sketch_capacity=65536),
    "cl-expiry": case("cl", WAN_HOSTS, expire_us=10_000, max_flows=65536, max_connections=3, sketch_capacity=65536),
    "cl-full": case("cl", WAN_HOSTS, expire_us=10_000, max_flows=128, max_connections=3, sketch_capacity=65536),
    "cl-collisions": case("cl", WAN_HOSTS, expire_us=10_000, max_flows=65536, max_connections=4, sketch_capacity=101),
    "cl-full-sketch": case("cl", WAN_HOSTS, expire_us=FOREVER, max_flows=65536, max_connections=9, sketch_capacity=7),
    "hhh-slow": case("hhh", WAN_HOSTS, rate=20_000, burst=1514, capacity=65536),
    "hhh-small": case("hhh", WAN_HOSTS, rate=333, burst=600, capacity=65536),
    "hhh-full": case("hhh", SCANS, rate=20_000, burst=1514, capacity=256),
    "hhh-fractions": case("hhh", WAN_HOSTS, rate=7, burst=3_000, capacity=65536),
    "hhh-largest": case("hhh", WAN_HOSTS, rate=100_000_000_000, burst=9_223_372_036, capacity=65536),
    "hhh-lengths": Case(
        "hhh",
        SCANS,
        "--rate 9000 --burst 2000 --prefixes 8,17,22,31",
        partial(nf_models.hhh, rate=9_000, burst=2_000, capacity=65536, lengths=(8, 17, 22, 31)),
    ),
    "lb-forever": case("lb", SMALL_WAN_HOSTS, True, expire_us=FOREVER, max_flows=65536),
    "lb-expiry": case("lb", SMALL_WAN_HOSTS, True, expire_us=10_000, max_flows=65536, backend_expire_us=4_000),
    "lb-full": case("lb", SMALL_WAN_HOSTS, True, expire_us=10_000, max_flows=128, backend_expire_us=4_000),
    "lb-many-backends": case(
        "lb",
        WAN_HOSTS,
        True,
        expire_us=FOREVER,
        max_flows=65536,
        max_backends=4,
        cht_height=13,
        backend_expire_us=2_000,
    ),
}

# --------------------------------------------------------------------------- for parallel programs

UNIFORM = replace(MIX, flows=1500, packets=6000, sizes=(60,), seed=21)
ZIPF = replace(UNIFORM, distribution="zipf", replies=0.5, odd=0.05, seed=22)
#: 256 hosts that open some connections each to one of two servers; frames that are limited are those from the WAN.
CLIENTS = replace(WAN_HOSTS, packets=6000, sizes=(60,), servers=2, seed=23)
CLIENTS_ZIPF = replace(CLIENTS, skew=1.1, seed=28)
SCANS_ZIPF = replace(SCANS, packets=6000, distribution="zipf", seed=25)
BALANCED = replace(WAN_HOSTS, packets=6000, sizes=(60,), distribution="uniform", seed=26)
BALANCED_ZIPF = replace(BALANCED, distribution="zipf", seed=27)

#: Churn, expiry, replies and malformed frames are in all of these; tables have room, for their capacity is split.
PARALLEL = {
    "sbridge": (sbridge(STATIONS),),
    "bridge": tuple(case("bridge", t, expire_us=5_000, capacity=8192) for t in (STATIONS, replace(ZIPF, macs="host"))),
    "nat": tuple(
        case("nat", t, True, expire_us=20_000, max_flows=32768)
        for t in (SMALL_MIX, replace(ZIPF, packets=3000, flows=700, active=200))
    ),
    "fw": tuple(case("fw", t, expire_us=20_000, max_flows=32768) for t in (UNIFORM, ZIPF)),
    "pol": tuple(case("pol", t, rate=4_000, burst=200, capacity=32768) for t in (UNIFORM, ZIPF)),
    "psd": tuple(case("psd", t, expire_us=15_000, max_ports=2, capacity=8192) for t in (SCANS, SCANS_ZIPF)),
    "cl": tuple(
        case("cl", t, expire_us=10_000, max_flows=32768, max_connections=4, sketch_capacity=200_000)
        for t in (CLIENTS, CLIENTS_ZIPF)
    ),
    "hhh": tuple(case("hhh", t, rate=4_000, burst=200, capacity=8192) for t in (SCANS, SCANS_ZIPF)),
    "lb": tuple(
        case("lb", t, expire_us=10_000, max_flows=32768, backend_expire_us=4_000) for t in (BALANCED, BALANCED_ZIPF)
    ),
}


def full(nf: str, n: float = 1) -> Case:
    """Full tables, and sketches full of collisions: the options of the sequential NF that is one worker out of ``n``."""
    return {
        "bridge": case("bridge", STATIONS, expire_us=5_000, capacity=int(64 / n)),
        "lb": case(
            "lb", SMALL_WAN_HOSTS, expire_us=10_000, max_flows=int(64 / n), max_backends=8, backend_expire_us=4_000
        ),
        "nat": case("nat", SMALL_MIX, True, expire_us=20_000, max_flows=int(128 / n)),
        "fw": case("fw", UNIFORM, expire_us=20_000, max_flows=int(256 / n)),
        "pol": case("pol", UNIFORM, rate=4_000, burst=200, capacity=int(256 / n)),
        "psd": case("psd", SCANS, expire_us=15_000, max_ports=2, capacity=int(256 / n)),
        "cl": case("cl", CLIENTS, expire_us=10_000, max_flows=int(128 / n), max_connections=3, sketch_capacity=101),
        "hhh": case("hhh", SCANS, rate=4_000, burst=200, capacity=int(256 / n)),
    }[nf]
