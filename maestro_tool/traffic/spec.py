"""What a generated capture is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from maestro_tool.diagnostics import InputError

Distribution = Literal["uniform", "zipf", "one-slash-16", "one-slash-24"]
DISTRIBUTIONS: tuple[Distribution, ...] = get_args(Distribution)

Opener = Literal["lan", "wan"]
OPENERS: tuple[Opener, ...] = get_args(Opener)

Macs = Literal["port", "host"]
MACS: tuple[Macs, ...] = get_args(Macs)

#: Shortest and longest frame, in bytes without the frame check sequence.
MIN_FRAME = 60
MAX_FRAME = 1514

#: Simple IMIX: 7 small, 4 middle, 1 large frame.
IMIX: tuple[int, ...] = (60,) * 7 + (590,) * 4 + (1514,)

#: Servers that can be told apart when there are not servers everywhere.
MAX_SERVERS = 1 << 16

#: Timestamps are whole microseconds and all different, so this is the highest rate in frames per second.
MAX_RATE = 1_000_000


@dataclass(frozen=True, slots=True)
class TrafficSpec:
    """A two-port capture: port 0 is the LAN, port 1 the WAN.

    ``flows`` flows are opened by hosts on the port of ``opener``, each at least once, to servers on the other one.
    ``active`` of them (0: all) are in use at a time; the window of active flows slides from the first to the last flow
    over the capture (churn).  ``distribution`` says where the hosts are: anywhere in 10/8 ("uniform", "zipf"), in one
    /16 or one /24; there are ``servers`` servers (0: anywhere).  Flows are equally popular, or by Zipf's law with
    exponent ``skew`` ("zipf": 1.1 unless given).  ``ipv6``: fraction of flows over IPv6 (`ipv6.over_ipv6`), with
    frames that are 20 bytes longer, up to `MAX_FRAME`.  ``replies``, ``unknown``, ``scans`` and ``odd`` are fractions
    of ``packets``: replies to flows opened before, frames from servers that belong to no flow, frames from hosts to any
    port of a server, and frames that are not plain TCP/UDP over IPv4 (`odd.KINDS`).
    ``macs``: each port has one MAC address (a router is there), or each host and server has its own.
    ``sizes`` are drawn uniformly, in bytes without frame check sequence.  ``rate`` in frames per second;
    ``gaps`` pauses of ``gap_us`` microseconds are spread over the capture.
    """

    flows: int = 1000
    packets: int = 10000
    distribution: Distribution = "uniform"
    skew: float | None = None
    sizes: tuple[int, ...] = (60,)
    replies: float = 0.5
    unknown: float = 0.0
    scans: float = 0.0
    odd: float = 0.0
    ipv6: float = 0.0
    opener: Opener = "lan"
    servers: int = 0
    macs: Macs = "port"
    rate: int = 100_000
    active: int = 0
    gaps: int = 0
    gap_us: int = 0
    seed: int = 1

    def __post_init__(self) -> None:
        """Raises `InputError` for values that make no capture."""
        if self.distribution not in DISTRIBUTIONS:
            raise InputError(f"unknown distribution '{self.distribution}'", hint="known: " + ", ".join(DISTRIBUTIONS))
        if self.opener not in OPENERS or self.macs not in MACS:
            raise InputError(f"opener '{self.opener}' must be lan or wan, macs '{self.macs}' must be port or host")
        _within("flows", self.flows, 1, 10_000_000)
        _within("packets", self.packets, 1, 100_000_000)
        _within("rate", self.rate, 1, MAX_RATE)
        _within("active", self.active, 0, self.flows)
        _within("gaps", self.gaps, 0, self.packets - 1)
        _within("servers", self.servers, 0, MAX_SERVERS)
        _within("gap_us", self.gap_us, 0, 10**12)
        if not self.sizes:
            raise InputError("no frame size given")
        for size in self.sizes:
            _within("size", size, MIN_FRAME, MAX_FRAME)
        fractions = {name: getattr(self, name) for name in ("replies", "unknown", "scans", "odd")}
        for name, value in fractions.items():
            _within(name, value, 0, 1)
        if sum(fractions.values()) > 1:
            raise InputError("the fractions of replies, unknown, scanning and odd frames add up to more than 1")
        _within("ipv6", self.ipv6, 0, 1)
        _within("skew", self.exponent, 0, 10)

    @property
    def exponent(self) -> float:
        """Exponent of the popularity of flows; 0: all are equally popular."""
        if self.skew is not None:
            return self.skew
        return 1.1 if self.distribution == "zipf" else 0.0


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # also refuses NaN
        raise InputError(f"{name} is {value}, but must be between {low} and {high}")
