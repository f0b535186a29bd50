"""Expressions in C: short, in the byte order of the wire, and never another number than they say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import binary as op
from maestro_tool.expr.nodes import bv_not, compare, concat, const, eq, extract, ite, lnot, substitute, zext
from maestro_tool.expr.symbols import packet_byte
from maestro_tool.packet.fields import FIELDS
from maestro_tool.packet.terms import Terms, most, swapped

TERMS = Terms({(f.offset, f.size): f.name for f in FIELDS.values()})


def field(name: str) -> Expr:
    f = FIELDS[name]
    return concat(*(packet_byte(f.offset + n) for n in range(f.size)))


SRC, DST, SPORT, DPORT = map(field, ("src_ip", "dst_ip", "src_port", "dst_port"))
WIDE, WIDE_DST = zext(SPORT, 32), zext(DPORT, 32)


@pytest.mark.parametrize(
    ("e", "value", "in_key"),
    [
        (SRC, "src_ip", "src_ip"),
        (swapped(SRC), "htonl(src_ip)", "src_ip"),
        (op("xor", swapped(SRC), swapped(DST)), "htonl(src_ip ^ dst_ip)", "src_ip ^ dst_ip"),
        (swapped(op("sdiv", WIDE, const(3, 32))), "htonl(src_port / 3)", "src_port / 3"),
        (op("add", SPORT, const(3, 16)), "src_port + 3", "src_port + 3"),
        (op("sub", WIDE, const(3, 32)), "src_port - 3", "src_port - 3"),
        (op("add", swapped(SPORT), const(3, 16)), "htons(src_port) + 3", "htons(src_port) + 3"),
        (op("and", SRC, const(0xFFFFFF00, 32)), "src_ip & 0xffffff00", "src_ip/24"),
        (op("and", SRC, const(0xFFF0FF00, 32)), "src_ip & 0xfff0ff00", "src_ip & 0xfff0ff00"),
        (op("and", SRC, const(0xF0F0F0F0, 32)), "src_ip & 0xf0f0f0f0", "src_ip & 0xf0f0f0f0"),
        (extract(SRC, 15, 8), "src_ip >> 8 & 0xff", "src_ip >> 8 & 0xff"),
        (op("xor", extract(SRC, 31, 12), extract(DST, 31, 12)), "(src_ip >> 12) ^ (dst_ip >> 12)", None),
        (ite(compare("ult", SRC, DST), SRC, DST), "min(src_ip, dst_ip)", "min(src_ip, dst_ip)"),
        (ite(compare("ule", WIDE, WIDE_DST), WIDE_DST, WIDE), "max(src_port, dst_port)", None),
        (swapped(ite(compare("ult", SRC, DST), SRC, DST)), "htonl(min(src_ip, dst_ip))", "min(src_ip, dst_ip)"),
        (ite(compare("ult", swapped(SRC), swapped(DST)), SRC, DST), "ntohl(min(htonl(src_ip), htonl(dst_ip)))", "min(htonl(src_ip), htonl(dst_ip))"),
        (ite(compare("ult", SPORT, const(5, 16)), SRC, DST), "(src_port < 5) ? src_ip : dst_ip", None),
        (concat(SPORT, DPORT), "src_port << 16 | dst_port", "src_port, dst_port"),
        (concat(swapped(SPORT), const(0, 16)), "htonl(src_port)", "src_port"),
        (op("mul", op("add", WIDE, WIDE_DST), const(7, 32)), "(src_port + dst_port) * 7", None),
        (extract(op("mul", SRC, DST), 15, 0), "(uint16_t)(src_ip * dst_ip)", None),
        (extract(op("udiv", SRC, const(3, 32)), 31, 20), "(src_ip / 3) >> 20", None),
        (bv_not(SRC), "~src_ip", "~src_ip"),
        (compare("ult", packet_byte(6), const(3, 8)), "src_mac[0] < 3", None),
        (concat(*(packet_byte(n) for n in (0, 1, 2))), "dst_mac[0..2]", "dst_mac[0..2]"),
        (eq(op("xor", SRC, DST), const(1, 32)), "(src_ip ^ dst_ip) == 1", None),
        (lnot(eq(swapped(SPORT), swapped(DPORT))), "src_port != dst_port", None),
        (compare("ult", swapped(SPORT), const(5, 16)), "htons(src_port) < 5", None),
        (const(1 << 24, 32), "16'777'216", "1"),
        (const(80, 16), "80", "htons(80)"),
        (concat(packet_byte(60), packet_byte(61)), "frame[60..61]", "frame[60..61]"),
    ],
)  # fmt: skip
def test_as_a_programmer_writes_it(e: Expr, value: str, in_key: str | None) -> None:
    """``in_key`` None: as ``value``."""
    assert TERMS.value(e) == value
    if e.width:
        assert TERMS.bytes(e) == (in_key or value)


def test_shared_terms_do_not_explode() -> None:
    e = SRC
    for _ in range(200):
        e = op("add", op("mul", e, const(3, 32)), e)
    assert len(TERMS.value(e)) < 5000 and "..." in TERMS.value(e)


# --------------------------------------------------------------------------- the number is the one that is meant


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> Expr:
    """Without what wraps around, since Python's numbers do not."""
    width = draw(st.sampled_from([16, 32]))
    if depth == 0:
        leaves = [SPORT, DPORT, const(draw(st.integers(0, 9)), 16)] if width == 16 else [SRC, DST, WIDE, swapped(SRC)]
        return draw(st.sampled_from(leaves))
    a = draw(expressions(depth - 1))
    b = draw(expressions(depth - 1))
    wide = max(a.width, b.width)
    x, y = zext(a, wide), zext(b, wide)
    match draw(st.integers(0, 8)):
        case 0:
            return swapped(a)
        case 1:
            return op("lshr", x, const(draw(st.integers(0, 15)), wide))
        case 2:
            return op("and", x, const(draw(st.integers(0, 0xFFFF)), wide))
        case 3:
            return ite(compare("ult", x, y), x, y)
        case 4:
            return op("udiv", x, const(draw(st.integers(1, 99)), wide))
        case 5:
            return extract(x, 15, 0)
        case 6 if a.width == b.width == 16:
            return concat(a, b)
    return op(draw(st.sampled_from(["and", "or", "xor"])), x, y)


@settings(max_examples=300, deadline=None)
@given(expressions(), st.binary(min_size=12, max_size=12))
def test_the_text_has_the_value(e: Expr, frame: bytes) -> None:
    values = {packet_byte(26 + n): const(byte, 8) for n, byte in enumerate(frame)}

    def turned(size: int):  # type: ignore[no-untyped-def]
        return lambda n: int.from_bytes((n & ((1 << 8 * size) - 1)).to_bytes(size, "little"), "big")

    names = {n: substitute(field(n), values).const for n in ("src_ip", "dst_ip", "src_port", "dst_port")}
    calls = {"htons": turned(2), "ntohs": turned(2), "htonl": turned(4), "ntohl": turned(4), "min": min, "max": max}
    text = TERMS.value(e).replace("/", "//").replace("'", "")
    value = substitute(e, values).const
    assert value <= most(e)
    if not any(mark in text for mark in ("uint", "bswap", "?")):  # these are not Python
        assert eval(text, {"__builtins__": {}}, names | calls) == value
