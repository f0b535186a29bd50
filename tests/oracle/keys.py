"""What generated NFs name entries by: header fields, parts of them, what is computed of them, and their mirror images."""

from __future__ import annotations

from random import Random

from .expressions import Choose, Expr, Field, Num, Op, Swap
from .program import parts, rewritten

#: What names the entries of an NF's objects: one of these, and perhaps more fields.
BASES = (
    ("src_ip",), ("dst_ip",), ("src_ip", "dst_ip"), ("src_ip", "src_port"), ("dst_ip", "dst_port"), ("src_port", "dst_port"),
    ("dst_port",), ("src_ip", "dst_ip", "src_port", "dst_port"), ("src_ip", "dst_ip", "src_port", "dst_port", "proto"),
)  # fmt: skip
FLIPPED = {"src_ip": "dst_ip", "dst_ip": "src_ip", "src_port": "dst_port", "dst_port": "src_port"}
#: Where IPv6 has them: words of the addresses.
IPV6 = {"src_ip": ("src6_0", "src6_3"), "dst_ip": ("dst6_0", "dst6_3"), "src_port": ("src6_port",), "dst_port": ("dst6_port",),
        "proto": ("next6",)}  # fmt: skip
FLIPPED |= {"src6_0": "dst6_0", "dst6_0": "src6_0", "src6_3": "dst6_3", "dst6_3": "src6_3",
            "src6_port": "dst6_port", "dst6_port": "src6_port"}  # fmt: skip
BITS = {"src_ip": 32, "dst_ip": 32, "src_port": 16, "dst_port": 16, "proto": 8}


def flip(e: Expr) -> Expr:
    """The same of packets in the other direction."""
    return rewritten(e, lambda x: Field(FLIPPED.get(x.name, x.name)) if isinstance(x, Field) else x)


def reads_ports(x: object) -> bool:
    return any(isinstance(y, Field) and y.name.endswith("_port") for y in parts(x))


def without_ports(e: Expr) -> Expr:
    return Num(0) if isinstance(e, Field) and e.name.endswith("_port") else e


def width(e: Expr) -> int:
    return BITS.get(e.name, 32) if isinstance(e, Field) else 32


def _computed(f: Expr, bits: int) -> list[Expr]:
    """What keys are made of instead of a field."""
    made: list[Expr] = [Op("&", f, Num(0xFFFFFF if bits == 32 else 0xFF)), Op("^", f, Num((1 << bits) - 1))]
    made += [Choose(Op("&", f, Num(0x10)), Num(2), Num(3)), Choose(Op("&", f, Num(1)), Num(1), f)]
    if bits == 32:
        made += [
            Op("&", f, Num(0x00FF00FF)),
            Op(">>", Swap(32, f), Num(8)),
            Op("^", f, Num(0x5A)),
            Op("/", Swap(32, f), Num(3)),
        ]
    if bits == 16:
        port = Swap(16, f)
        few = Choose(Op("<", port, Num(1024)), Num(0), Choose(Op("<", port, Num(4096)), Num(1), Num(2)))
        made += [Op("/", port, Num(1000)), Op("+", f, Num(7)), Choose(Op("<", port, Num(1024)), Num(0), f), few]
    return made


def draw_key(rng: Random) -> tuple[Expr, ...]:
    """Fields, or parts of them."""
    names = rng.choice(BASES)
    values: list[Expr] = [Field(n) for n in names]
    if rng.random() < 0.3:
        n = rng.randrange(len(values))
        values[n] = rng.choice(_computed(values[n], BITS[names[n]]))
    return tuple(values)
