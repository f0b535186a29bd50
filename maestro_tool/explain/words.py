"""Conditions and values in the words of a network engineer: "IPv4", "TCP or UDP", "dst_port == 80".

What a byte of the frame is called depends on what is known of the frame: byte 36 is only dst_port if it is TCP or UDP
over IPv4.  `Facts` is that knowledge; without it, bytes are called ``frame[36..37]``.

Conditions are written from the top, as `packet.terms` writes values: what has a name is not looked into.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

from maestro_tool.dialects import DIALECTS
from maestro_tool.explain.steps import Origin, origin_of
from maestro_tool.explain.tree import conjuncts
from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import FALSE, TRUE, compare, const, ite, lnot, substitute, symbols
from maestro_tool.expr.operators import OPERATORS
from maestro_tool.expr.symbols import (
    PACKET_LENGTH,
    InputPort,
    Now,
    Option,
    PacketByte,
    PacketLength,
    is_packet_byte,
    packet_byte,
)
from maestro_tool.expr.text import packet_span
from maestro_tool.expr.walk import beneath, operands
from maestro_tool.operations.row import Effect
from maestro_tool.packet.classes import ETHERNET_LENGTH
from maestro_tool.packet.fields import ADDRESSES_OF, MACS
from maestro_tool.packet.terms import Terms, swapped
from maestro_tool.symex.callpath import Analysis, StateObject

#: Longer texts are said by what they depend on.
_LONG = 160

_ETHERTYPES = {0x0800: "IPv4", 0x86DD: "IPv6", 0x0806: "ARP", 0x8100: "VLAN tag", 0x88A8: "QinQ tag"}
_PROTOCOLS = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 58: "ICMPv6", 132: "SCTP"}

#: (first byte, bytes) -> name, by what must be known of the frame.
_ETHERNET = {(0, 6): "dst_mac", (6, 6): "src_mac", (12, 2): "EtherType"}
_IPV4 = {
    (14, 1): "version and IHL", (15, 1): "TOS", (16, 2): "total_length", (18, 2): "identification",
    (20, 2): "fragment", (22, 1): "TTL", (23, 1): "protocol", (24, 2): "header checksum",
    (26, 4): "src_ip", (30, 4): "dst_ip",
}  # fmt: skip
_IPV6 = {
    (18, 2): "payload_length",
    (20, 1): "next_header",
    (21, 1): "hop limit",
    (22, 16): "src_ip6",
    (38, 16): "dst_ip6",
}
_TCP_UDP6 = {(54, 2): "src_port6", (56, 2): "dst_port6"}
_TCP_UDP = {(34, 2): "src_port", (36, 2): "dst_port"}
_TCP = {(38, 4): "TCP sequence number", (42, 4): "TCP acknowledgement number", (46, 1): "TCP data offset",
        (47, 1): "TCP flags", (48, 2): "TCP window", (50, 2): "TCP checksum"}  # fmt: skip
_UDP = {(38, 2): "UDP length", (40, 2): "UDP checksum"}
_ICMP = {(34, 1): "ICMP type", (35, 1): "ICMP code", (36, 2): "ICMP checksum"}

#: Bits of byte 14.
_NIBBLES = {(7, 4): "IP version", (3, 0): "IHL"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the frame: IPv4 or IPv6, which protocols it may have (empty: neither), its least length."""

    ipv4: bool = False
    protocols: frozenset[int] = frozenset()
    length: int = 0
    ipv6: bool = False

    @staticmethod
    def of(conditions: Iterable[Expr]) -> Facts:
        """From all that holds."""
        return _facts(tuple(conditions))

    def fields(self) -> dict[tuple[int, int], str]:
        """Names of the header fields of such a frame."""
        found = dict(_ETHERNET)
        if self.ipv6:
            found |= _IPV6 | (_TCP_UDP6 if self.protocols and self.protocols <= {6, 17} else {})
        elif self.ipv4:
            found |= _IPV4
            for names, protocols in ((_TCP_UDP, {6, 17}), (_TCP, {6}), (_UDP, {17}), (_ICMP, {1})):
                if self.protocols and self.protocols <= protocols:
                    found |= names
        return found


@lru_cache(maxsize=4096)
def _facts(conditions: tuple[Expr, ...]) -> Facts:
    """Asked of each operation and each condition: many have the same before them."""
    parts = [p for c in conditions for p in _parts(c)]
    length = 0
    for p in parts:
        bound = _length_bound(p, length)
        length = max(length, bound[1]) if bound is not None and bound[0] else length
    ipv4, ipv6 = (any(_ether_type(p) == t for p in parts) for t in (0x0800, 0x86DD))
    if not ipv4 and not ipv6:
        return Facts(length=length)
    byte = _PROTOCOL[ipv6]
    protocols = frozenset(range(256)).intersection(*(_bytes_for(p) for p in parts if symbols(p) == {byte}))
    return Facts(ipv4, protocols, length, ipv6)


#: Where the protocol is, in IPv4 and in IPv6.
_PROTOCOL = (packet_byte(23), packet_byte(20))


@lru_cache(maxsize=256)
def _bytes_for(test: Expr) -> frozenset[int]:
    """The values of the only symbol of ``test``, a byte, for which that holds."""
    (byte,) = symbols(test)
    return frozenset(n for n in range(256) if substitute(test, {byte: const(n, 8)}) is TRUE)


@lru_cache(maxsize=4096)
def _ether_type(e: Expr) -> int | None:
    """Which one ``e`` says that the frame has."""
    if e.op != "eq" or not e.args[1].is_const or e.args[1].width != 16:
        return None
    left, right = _BARE.equality(*e.args)
    return right.const if packet_span(left) == (12, 14) else None


#: Of a frame of which nothing is known.
_BARE = Terms({})


class Words:
    """Says expressions of one analysis."""

    def __init__(self, analysis: Analysis) -> None:
        self._objects = {o.id: o for o in analysis.objects}
        #: What a value that packets determine means where it is no port.
        self.other_verdicts = DIALECTS[analysis.dialect].otherwise
        self._stored = {
            event.key_home[0]: self._objects[event.objects[0]].key or ()
            for path in analysis.paths
            for event in path.events
            if event.key_home is not None
        }

    def object(self, number: int) -> StateObject:
        return self._objects[number]

    # ----------------------------------------------------------------- conditions

    def condition(self, e: Expr, known: Sequence[Expr] = ()) -> str:
        """``e``, where ``known`` holds; what it depends on, where it is too long to be said."""
        facts = Facts.of([*known, e])
        parts = _without_weaker_lengths(_parts(e), facts.length)
        text = ", ".join(self._atom(p, facts) for p in parts)
        return text if len(text) <= _LONG else "depending on " + self.inputs(symbols(e), known)

    def inputs(self, inputs: Iterable[Expr], known: Sequence[Expr] = ()) -> str:
        """What values are of: header fields, the frame's length, the time, the configuration, objects of the state."""
        facts = Facts.of(known)
        words: dict[str, None] = {}
        for s in sorted(self._calculated_from(inputs), key=_order):
            words.setdefault(self._input(s, facts))
        return ", ".join(words) or "values"

    def _calculated_from(self, inputs: Iterable[Expr]) -> set[Expr]:
        """``inputs``, with what functions that are not followed were given in place of what they gave."""
        found: set[Expr] = set()
        work = list(inputs)
        while work:
            s = work.pop()
            origin = origin_of(s)
            if origin is not None and not origin.objects and origin.key:
                work += [x for k in origin.key for x in symbols(k)]
            else:
                found.add(s)
        return found

    def _input(self, s: Expr, facts: Facts) -> str:
        origin = origin_of(s)
        if origin is not None:
            return self._objects[origin.objects[0]].name if origin.objects else "a function that is not followed"
        if isinstance(s.value, PacketByte):
            return _field_of(s.value.offset, facts)
        return self._symbol(s)

    def _atom(self, e: Expr, facts: Facts) -> str:
        match e.op:
            case "lnot":
                return self._negated(e.args[0], facts)
            case "eq" | "ult" | "ule" | "slt" | "sle":
                return self._comparison(e, facts)
            case "lor":
                return self._either(e, facts)
            case "land":
                return " and ".join(self._atom(p, facts) for p in conjuncts(e))
        return self.value(e, facts)

    def _negated(self, e: Expr, facts: Facts) -> str:
        if e.op == "lor":
            return ", ".join(self._atom(lnot(p), facts) for p in _alternatives(e))
        if e.op == "eq":
            left, right = self._terms(facts).equality(*e.args)
            if (name := _kind(left, facts, lnot_of=right)) is not None:
                return name
            if _about_frame(right) and not _about_frame(left):
                left, right = right, left
            return f"{self._side(left, facts)} != {self._constant(right, left, facts)}"
        return f"not ({self._atom(e, facts)})"

    def _either(self, e: Expr, facts: Facts) -> str:
        """``TCP or UDP``; ``dst_port == 80 or dst_port == 443``."""
        return " or ".join(
            f"({self._atom(p, facts)})" if p.op == "land" else self._atom(p, facts) for p in _alternatives(e)
        )

    def _comparison(self, e: Expr, facts: Facts) -> str:
        left, right = self._terms(facts).equality(*e.args) if e.op == "eq" else e.args
        sign = OPERATORS[e.op].in_c
        if sign == "==":
            if (name := _kind(left, facts, right) or self._prefix(left, right, facts)) is not None:
                return name
            if _about_frame(right) and not _about_frame(left):
                left, right = right, left
            return f"{self._side(left, facts)} == {self._constant(right, left, facts)}"
        if (bound := _length_bound(e, facts.length)) is not None:
            return f"at least {bound[1]} bytes" if bound[0] else f"less than {bound[1]} bytes"
        if left.is_const or (_about_frame(right) and not _about_frame(left)):
            left, right, sign = right, left, {"<": ">", "<=": ">="}[sign]
        return f"{self._side(left, facts)} {sign} {self._constant(right, left, facts)}"

    def _prefix(self, left: Expr, right: Expr, facts: Facts) -> str | None:
        """``src_ip in 10.0.0.0/8``."""
        if not right.is_const:
            return None
        low = 0
        if left.op == "extract" and left.bounds[0] == left.args[0].width - 1:
            left, low = left.args[0], left.bounds[1]
        span = packet_span(left)
        for (first, size), name in facts.fields().items():
            bits = 8 * (span[1] - first) - low if span is not None else 0
            if name in ADDRESSES_OF[4] and span is not None and span[0] == first and 0 < bits < 8 * size:
                return f"{name} in {IPv4Address(right.const << 8 * size - bits)}/{bits}"
        return None

    # ----------------------------------------------------------------- values

    def value(self, e: Expr, facts: Facts) -> str:
        """A value: a header field, an entry of the state, or what is made of them."""
        return self._terms(facts).value(e)

    def _side(self, e: Expr, facts: Facts) -> str:
        """A value as a side of a comparison."""
        return self._terms(facts).side(e)

    def _terms(self, facts: Facts) -> Terms:
        return Terms(facts.fields(), lambda e: self._named(e, facts), lambda e: self._atom(e, facts))

    def _named(self, e: Expr, facts: Facts) -> str | None:
        """What is no field of the frame: its byte order is not known."""
        if e.op == "sym":
            return None if is_packet_byte(e) else self._symbol(e)
        if facts.ipv4 and e.op == "extract" and packet_span(e.args[0]) == (14, 15):
            return _NIBBLES.get(e.bounds)
        if e.op != "concat" or _begins_with_frame(e):
            return None
        turned = swapped(e) if e.width % 8 == 0 else e
        if turned.op == "sym":
            return self._symbol(turned)
        return self._run(e) or (self._run(turned) if turned.op == "concat" else None)

    def _constant(self, e: Expr, beside: Expr, facts: Facts) -> str:
        """A value that is compared with ``beside``: constants as the field is written."""
        span = packet_span(beside)
        if e.is_const and span is not None:
            name = facts.fields().get((span[0], span[1] - span[0]), "")
            if name in ADDRESSES_OF[4]:
                return str(IPv4Address(e.const))
            if name in ADDRESSES_OF[6]:
                return str(IPv6Address(e.const))
            if name in MACS:
                return e.const.to_bytes(6, "big").hex(":")
        return self._side(e, facts)

    def _run(self, e: Expr) -> str | None:
        """Consecutive bytes of one entry."""
        origins = [origin_of(a) for a in e.args if a.op == "sym" and a.width == 8]
        first = origins[0] if origins else None
        if first is None or len(origins) != len(e.args) or not isinstance(first.part, int):
            return None
        offset = first.part
        if origins != [replace(first, part=offset + n) for n in range(len(origins))]:
            return None
        return self._bytes(first, offset, len(origins))

    def _bytes(self, origin: Origin, first: int, count: int) -> str:
        obj = self._objects[origin.objects[0]]
        for part in self._stored.get(obj.id, ()):  # the vector holds a map's keys
            if (part.offset, part.size, part.bits) == (first, count, None):
                return f"{part.name} in {obj.name}"
        if obj.element_size == count or (obj.kind == "global" and first == 0):
            return obj.name
        return f"{obj.name}[{first}..{first + count - 1}]" if count > 1 else f"{obj.name}[{first}]"

    def _symbol(self, s: Expr) -> str:
        match s.value:
            case Option(where):
                return where
            case PacketLength():
                return "frame length"
            case Now():
                return "time"
            case InputPort():
                return "port"
        origin = origin_of(s)
        if origin is None:
            return str(s.value)
        if not origin.objects:
            return f"a value of ({self.inputs([s])})" if origin.key else "an unknown value"
        if isinstance(origin.part, int):
            return self._bytes(origin, origin.part, 1)
        obj = self._objects[origin.objects[0]].name
        gives = origin.op.wording.gives
        return gives.format(first=obj) if gives else f"{origin.part} of {obj}"

    # ----------------------------------------------------------------- entries

    def key(self, key: Sequence[Expr] | None, known: Sequence[Expr]) -> str:
        """The values that name an entry: ``(src_ip, dst_ip)``."""
        if key is None:
            return "(unknown key)"
        facts = Facts.of(known)
        text = ", ".join(self._terms(facts).bytes(k) for k in key)
        return f"({text})" if " " in text else text

    def port(self, e: Expr, facts: Facts) -> str:
        """An output port that packets determine."""
        while e.op in ("zext", "sext") or (e.op == "extract" and e.bounds[1] == 0):
            e = e.args[0]
        text = self.value(e, facts)
        origins = {origin_of(s) for s in symbols(e)}
        if None in origins or any(e.op not in ("sym", "concat") for _ in origins):
            return f"port {text}"
        origin = origin_of(e) if e.op == "sym" else None
        if origin is not None and origin.objects and origin.op.wording.gives_port:
            return origin.op.wording.gives_port.format(first=self._objects[origin.objects[0]].name)
        return f"the port stored in {text}"

    def protocol(self, condition: Expr, below: Sequence[Expr]) -> str | None:
        """After a test of the protocol: the only other one that is left."""
        facts = Facts.of(below)
        if symbols(condition) != {_PROTOCOL[facts.ipv6]} or len(facts.protocols) != 1:
            return None
        (number,) = facts.protocols
        return _PROTOCOLS.get(number, f"protocol {number}")

    def entry(self, index: Expr | None, known: Sequence[Expr]) -> str:
        """Which entry an index names, as seen from a vector: "of the entry found in flows"; "" where unknown."""
        if index is None:
            return ""
        inner = beneath(index, "zext", "sext")
        origin = origin_of(inner) if inner.op == "sym" else None
        if origin is not None and origin.objects:
            match origin.op.effect:
                case Effect.GET if origin.key is not None and len(origin.key) == 1:
                    return f"entry of {self.key(origin.key, known)}"
                case Effect.GET:
                    return f"entry found in {self._objects[origin.objects[0]].name}"
                case Effect.ALLOCATE:
                    return "new entry"
                case Effect.CHOOSE:
                    return "chosen entry"
                case Effect.FREE:
                    return "expired entry"
        return f"entry {self.value(index, Facts.of(known))}"


# --------------------------------------------------------------------------- fields


def rewritten(offsets: Sequence[int], facts: Facts) -> list[str]:
    """Names of the fields that hold these bytes."""
    return list(dict.fromkeys(_field_of(n, facts) for n in sorted(offsets)))


def place(offset: int, facts: Facts) -> str:
    """Where in the frame something is inserted."""
    field = next((name for (first, _), name in facts.fields().items() if first == offset), f"frame[{offset}]")
    return f"before {field}"


def _field_of(offset: int, facts: Facts) -> str:
    """The field that a byte belongs to."""
    for (first, count), name in facts.fields().items():
        if first <= offset < first + count:
            return name
    return f"frame[{offset}]"


def _begins_with_frame(e: Expr) -> bool:
    return is_packet_byte(e.args[0])


#: Bytes whose lowest bit says that the address is a group's (IEEE 802).
_GROUP_BITS = {0: "dst_mac", 6: "src_mac"}


def _kind(left: Expr, facts: Facts, right: Expr | None = None, *, lnot_of: Expr | None = None) -> str | None:
    """``IPv4``, ``TCP``, ``no IP options``: equalities that have a name; ``lnot_of``: their negations."""
    constant = right if right is not None else lnot_of
    assert constant is not None
    if not constant.is_const:
        return None
    names = _names(left, constant.const, facts)
    return None if names is None else names[lnot_of is not None]


def _names(left: Expr, value: int, facts: Facts) -> tuple[str, str] | None:
    """What ``left == value`` and ``left != value`` are called."""
    span = packet_span(left)
    if span == (12, 14):
        name = _ETHERTYPES.get(value, f"EtherType {value:#06x}")
        return name, f"not {name}"
    if span == ((20, 21) if facts.ipv6 else (23, 24)) and value in _PROTOCOLS:
        return _PROTOCOLS[value], f"not {_PROTOCOLS[value]}"
    if span == (14, 15) and value == 0x45:
        return "no IP options", "IP options"
    if left.op == "and" and value == 0 and (masked := _masked(left)) is not None:
        field, mask = masked
        if packet_span(field) == (20, 22) and mask in (0x3FFF, 0x1FFF):
            return ("no fragment", "fragment") if mask == 0x3FFF else ("fragment offset 0", "fragment offset not 0")
    if value == 0 and (origin := origin_of(left)) is not None and origin.part == "room":
        return "no room in front of the frame", "room in front of the frame"
    if left.op == "extract" and left.bounds == (0, 0) and (byte := packet_span(left.args[0])) is not None:
        name = _GROUP_BITS.get(byte[0], "") if byte[1] == byte[0] + 1 else ""
        if name:
            names = f"{name} is unicast", f"{name} is a group address"
            return names if value == 0 else (names[1], names[0])
    return None


def _masked(e: Expr) -> tuple[Expr, int] | None:
    """Bytes of the frame and a constant beside them, both in the order of the wire."""
    field, mask = e.args
    field = field.args[0] if field.op == "zext" else field
    if not mask.is_const or field.width % 8 or _span_any_order(field) is None:
        return None
    if packet_span(field) is not None:
        return field, mask.const
    return swapped(field), int.from_bytes(mask.const.to_bytes(mask.width // 8, "little")[: field.width // 8], "big")


def _span_any_order(e: Expr) -> tuple[int, int] | None:
    return packet_span(e) or (packet_span(swapped(e)) if e.op == "concat" and e.width % 8 == 0 else None)


def _about_frame(e: Expr) -> bool:
    """A header field, or part of one."""
    e = beneath(e, "extract", "zext", "sext")
    return _span_any_order(e) is not None or e is PACKET_LENGTH


def _alternatives(e: Expr) -> list[Expr]:
    return list(operands(e, "lor"))


def _length_bound(e: Expr, least: int) -> tuple[bool, int] | None:
    """(True, n) for "the frame has at least n bytes", (False, n) for "less than n"; it has ``least`` bytes anyway."""
    if e.op not in ("ult", "ule", "slt", "sle"):
        return None
    (left, less_left), (right, less_right) = (_less_header(a, least) for a in e.args)
    strict = e.op.endswith("lt")
    if left.is_const and right is PACKET_LENGTH:
        return True, left.const + strict + less_right
    if right.is_const and left is PACKET_LENGTH:
        return False, right.const + (not strict) + less_left
    return None


def _less_header(e: Expr, least: int) -> tuple[Expr, int]:
    """``pkt_len - n``, which does not wrap around, as (pkt_len, n)."""
    e = beneath(e, "zext")
    if e.op == "add" and e.args[1].is_const:
        inner = e.args[0].args[0] if e.args[0].op == "zext" else e.args[0]
        less = (1 << e.width) - e.args[1].const
        if inner is PACKET_LENGTH and less <= max(least, ETHERNET_LENGTH):
            return inner, less
    return e, 0


def _parts(e: Expr) -> list[Expr]:
    """The parts of a conjunction; ``(c ? a : 0) >= 4`` is ``c`` and ``a >= 4``."""
    return [q for p in conjuncts(e) for q in conjuncts(_without_choice(p))]


def _without_choice(e: Expr) -> Expr:
    if e.op in ("eq", "ult", "ule", "slt", "sle"):
        for n, choice in enumerate(e.args):
            if choice.op == "ite" and e.args[1 - n].is_const:
                sides = ((e.args[0], v) if n else (v, e.args[1]) for v in choice.args[1:])
                yes, no = (compare(e.op, *s) for s in sides)
                if FALSE in (yes, no):
                    return ite(choice.args[0], yes, no)
    return e


def _without_weaker_lengths(parts: list[Expr], known: int) -> list[Expr]:
    """Of several "at least n bytes", the last word only."""
    bounds = {p: b[1] for p in parts if (b := _length_bound(p, known)) is not None and b[0]}
    most = max(bounds.values(), default=0)
    kept = [p for p in parts if bounds.get(p, most) == most]
    return sorted(dict.fromkeys(kept), key=lambda p: p in bounds)


def _order(s: Expr) -> tuple[object, ...]:
    """The packet first, then the state, the configuration, the time."""
    return isinstance(s.value, Now | Option), _natural(str(s.value))


def _natural(name: str) -> tuple[object, ...]:
    return tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in name.split("."))
