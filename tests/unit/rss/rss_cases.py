"""Constraints of known NFs, written out, and the profiles they are solved for."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import binary, compare, concat, eq, ite, land
from maestro_tool.expr.symbols import packet_byte
from maestro_tool.nic import NicProfile, load_profile
from maestro_tool.packet.fields import FIELDS
from maestro_tool.sharding.plan import Constraint, FieldBits

CONFIGS = Path(__file__).parents[3] / "configs"

L4 = ("tcp4", "udp4", "tcp4_options", "udp4_options", "ipv4_fragment", "malformed")
L3 = (
    "tcp4", "udp4", "sctp4", "ipv4_other", "tcp4_options", "udp4_options", "sctp4_options", "ipv4_options_other",
    "ipv4_fragment", "malformed",
)  # fmt: skip


@cache
def profile(name: str) -> NicProfile:
    return load_profile(CONFIGS / f"{name}.yaml")


def bits(field: str, high: int | None = None, low: int = 0) -> FieldBits:
    return FieldBits(field, FIELDS[field].bits - 1 if high is None else high, low)


def equal(a: int, b: int, *pairs: tuple[str, str], classes: tuple[str, ...] = L4) -> Constraint:
    """Packets on ports a and b whose paired fields are equal must meet."""
    return Constraint((a, b), tuple((bits(x), bits(y)) for x, y in pairs), (classes, classes), "R1", (0,), (1,))


def related(a: int, b: int, relation: Expr, classes: tuple[str, ...] = L4) -> Constraint:
    return Constraint((a, b), (), (classes, classes), "R1", (0,), (1,), relation)


SAME = (("src_ip", "src_ip"), ("dst_ip", "dst_ip"), ("src_port", "src_port"), ("dst_port", "dst_port"))
SWAPPED = (("src_ip", "dst_ip"), ("dst_ip", "src_ip"), ("src_port", "dst_port"), ("dst_port", "src_port"))

NOP: tuple[Constraint, ...] = ()
FW = (equal(0, 0, *SAME), equal(0, 1, *SWAPPED))
POL = (equal(1, 1, ("dst_ip", "dst_ip"), classes=L3),)
PSD = (equal(0, 0, ("src_ip", "src_ip")),)
NAT = (
    equal(0, 0, ("dst_ip", "dst_ip"), ("dst_port", "dst_port")),
    equal(0, 1, ("dst_ip", "src_ip"), ("dst_port", "src_port")),
)
HHH = (Constraint((1, 1), ((bits("src_ip", 31, 4), bits("src_ip", 31, 4)),), (L3, L3), "R1", (0,), (1,)),)
SYMMETRIC = (equal(0, 0, *SAME), equal(0, 0, *SWAPPED))
CASES = {"nop": NOP, "fw": FW, "pol": POL, "psd": PSD, "nat": NAT, "hhh": HHH, "symmetric": SYMMETRIC}


def field(side: str, name: str) -> Expr:
    f = FIELDS[name]
    return concat(*(packet_byte(f.offset + i, side) for i in range(f.size)))


def ordered_pairs() -> Expr:
    """a and b have the same {source, destination} as unordered pairs, spelt with min and max."""
    result = None
    for x, y in (("src_ip", "dst_ip"), ("src_port", "dst_port")):
        low, high = {}, {}
        for side in "ab":
            less = compare("ult", field(side, x), field(side, y))
            low[side] = ite(less, field(side, x), field(side, y))
            high[side] = ite(less, field(side, y), field(side, x))
        same = land(eq(low["a"], low["b"]), eq(high["a"], high["b"]))
        result = same if result is None else land(result, same)
    assert result is not None
    return result


def equal_xor() -> Expr:
    """src_ip ^ dst_ip is the same in a and b."""
    a, b = (binary("xor", field(s, "src_ip"), field(s, "dst_ip")) for s in "ab")
    return eq(a, b)
