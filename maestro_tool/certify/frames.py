"""Packet classes, what a port hashes of each, and the part of the table that a packet meets: docs/architecture.md, again.

All of it is SMT-LIB text over the bytes of a frame; nothing is taken from the tool's own classes and hashes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from maestro_tool.certify.terms import Bit, Script, concat, conjunction, disjunction

_VLAN, _L4 = (0x8100, 0x88A8, 0x9100), {"tcp": (6, 20), "udp": (17, 8), "sctp": (132, 12)}
#: In the order of the program's bits (``software_classes``).
CLASSES: Final = (
    "tcp4", "udp4", "sctp4", "ipv4_other", "tcp4_options", "udp4_options", "sctp4_options", "ipv4_options_other",
    "ipv4_fragment", "tcp6", "udp6", "sctp6", "ipv6_other", "ipv6_fragment", "vlan", "non_ip", "malformed",
)  # fmt: skip
VIEWS: Final = ("l4", "l3", "l4v6", "l3v6", "none")
#: Header field -> offset in the frame and size, in bytes, where NFs read it.
FIELDS: Final = {
    "src_ip": (26, 4), "dst_ip": (30, 4), "src_port": (34, 2), "dst_port": (36, 2),
    "src_ip6": (22, 16), "dst_ip6": (38, 16), "src_port6": (54, 2), "dst_port6": (56, 2),
}  # fmt: skip
#: What cards hash besides, in bytes.
_OTHERS: Final = {"sctp_tag": 4, "ip_id": 2}


def predicate(script: Script, packet: str, name: str) -> str:
    """Whether the packet's frame is of a class, or has a view (exactly)."""
    if f"{packet}:{name}" not in script.defined:
        for known, term in _predicates(script, packet).items():
            script.define(f"{packet}:{known}", 0, lambda term=term: term)  # type: ignore[misc]
    return f"|{packet}:{name}|"


def _predicates(script: Script, packet: str) -> dict[str, str]:
    length = script.symbol(packet, "pkt_len", 16)

    def byte(n: int) -> str:
        return script.byte(packet, n)

    def word(n: int) -> str:
        return f"(concat {byte(n)} {byte(n + 1)})"

    def at_least(n: int) -> str:
        return f"(bvuge {length} (_ bv{n} 16))"

    def is_(term: str, value: int, width: int) -> str:
        return f"(= {term} (_ bv{value} {width}))"

    def room(n: int) -> str:
        return f"(bvsub {length} (_ bv{n} 16))"

    ipv4, ipv6 = (conjunction([at_least(14), is_(word(12), t, 16)]) for t in (0x0800, 0x86DD))
    vlan = conjunction([at_least(14), disjunction(is_(word(12), t, 16) for t in _VLAN)])
    header = f"((_ zero_extend 10) (concat ((_ extract 3 0) {byte(14)}) #b00))"
    version = f"((_ extract 7 4) {byte(14)})"
    plain = is_(f"((_ extract 3 0) {byte(14)})", 5, 4)
    sane = [ipv4, at_least(34), is_(version, 4, 4), f"(bvuge {header} (_ bv20 16))", f"(bvuge {word(16)} {header})",
            f"(bvule {word(16)} {room(14)})"]  # fmt: skip
    whole = is_(f"(bvand {word(20)} #x3fff)", 0, 16)
    found = {"ipv4_fragment": conjunction([*sane, f"(not {whole})"])}
    other = [*sane, whole, *(f"(not {is_(byte(23), number, 8)})" for number, _ in _L4.values())]
    found |= {"ipv4_other": conjunction([*other, plain]), "ipv4_options_other": conjunction([*other, f"(not {plain})"])}
    sane6 = [ipv6, at_least(54), is_(version, 6, 4), f"(bvule {word(18)} {room(54)})"]
    fragment = is_(byte(20), 44, 8)
    found["ipv6_fragment"] = conjunction([*sane6, fragment])
    known6 = (fragment, *(is_(byte(20), number, 8) for number, _ in _L4.values()))
    found["ipv6_other"] = conjunction([*sane6, *(f"(not {k})" for k in known6)])
    for name, (number, least) in _L4.items():
        enough = f"(bvuge {word(16)} (bvadd {header} (_ bv{least} 16)))"
        l4 = conjunction([*sane, whole, is_(byte(23), number, 8), enough])
        found |= {f"{name}4": f"(and {l4} {plain})", f"{name}4_options": f"(and {l4} (not {plain}))"}
        enough6 = f"(bvuge {word(18)} (_ bv{least} 16))"
        found[f"{name}6"] = conjunction([*sane6, is_(byte(20), number, 8), enough6])
    found |= {"vlan": vlan, "non_ip": conjunction([at_least(14), *(f"(not {t})" for t in (ipv4, ipv6, vlan))])}
    found["malformed"] = f"(not {disjunction(list(found.values()))})"
    views = {}
    for kind, ip, protocol, l3, l4 in (("", ipv4, 23, 34, "38"), ("v6", ipv6, 20, 54, "58")):
        ports = conjunction([at_least(int(l4)), disjunction(is_(byte(protocol), n, 8) for n in (6, 17))])
        views[f"l4{kind}"] = conjunction([ip, at_least(l3), ports])
        views[f"l3{kind}"] = conjunction([ip, at_least(l3), f"(not {ports})"])
    return found | views | {"none": f"(not {disjunction(list(views.values()))})"}


Items = tuple[str, ...]


def modes(port: dict[str, Any]) -> dict[Items | None, list[tuple[str, str | None]]]:
    """What is hashed -> the frames of which it is: (class, view).  None: any worker may have such a frame."""
    found: dict[Items | None, list[tuple[str, str | None]]] = {}
    for name in CLASSES:
        how, *inputs = port["classes"][name]
        if how == "software":
            for view in VIEWS:
                found.setdefault(tuple(port["software"].get(view, ())), []).append((name, view))
        elif how == "nic" and inputs:
            for items in inputs:
                found.setdefault(tuple(items), []).append((name, None))
        else:
            found.setdefault(None, []).append((name, None))
    return found


def is_one_of(script: Script, packet: str, frames: Sequence[tuple[str, str | None]]) -> str:
    """Whether the packet's frame is one of these; the constant ``class`` says which."""
    which = script.constant(f"{packet}.class", 8)
    return disjunction(
        conjunction([f"(= {which} (_ bv{n} 8))", *(predicate(script, packet, x) for x in frame if x is not None)])
        for n, frame in enumerate(frames)
    )


def part(script: Script, packet: str, port: dict[str, Any], items: Items | None) -> str:
    """The part of the table, as a number of 16 bits, that a frame meets of which ``items`` are hashed."""
    parts = [int(p) for p in port["parts"]]
    size = len(parts)
    if not size or size & (size - 1) or max(parts) >= 1 << 16 or min(parts) < 0:
        raise ValueError("a table whose size is no power of two")
    if items is None:
        return script.constant(f"{packet}.worker", 16)
    index = _index(script, packet, port, items, size.bit_length() - 1)
    known: dict[tuple[int, ...], str] = {}

    def look_up(column: tuple[int, ...], depth: int) -> str:
        """What a bit of the number is, by the index's bits from ``depth`` on; equal subterms once."""
        if len(set(column)) == 1:
            return f"#b{column[0]}"
        if column not in known:
            half = len(column) // 2
            low, high = look_up(column[:half], depth + 1), look_up(column[half:], depth + 1)
            term = low if low == high else index[depth] if (low, high) == ("#b0", "#b1") else None
            known[column] = term or f"(ite (= {index[depth]} #b1) {high} {low})"
        return known[column]

    return concat([look_up(tuple(p >> bit & 1 for p in parts), 0) for bit in range(15, -1, -1)])


def _index(script: Script, packet: str, port: dict[str, Any], items: Items, bits: int) -> list[str]:
    """The index, most significant bit first: bit j of the hash is the XOR of the input bits i with key bit i + j."""
    data = _input(script, packet, items, port["function"])
    key = "".join(f"{byte:08b}" for byte in bytes.fromhex(port["key"]))
    if len(key) < len(data) + 31:
        raise ValueError("a key that is too short for what is hashed")
    index = []
    for j in range(32 - bits, 32):
        count = Counter(term for i, terms in enumerate(data) if key[i + j] == "1" for term in terms)
        odd = sorted(term for term, n in count.items() if n % 2)
        term = f"(bvxor #b0 {' '.join(odd)})" if odd else "#b0"
        index.append(script.define(f"{packet}!{j}.{','.join(items)}", 1, lambda term=term: term))  # type: ignore[misc]
    return index


def _input(script: Script, packet: str, items: Items, function: str) -> list[list[str]]:
    """The input bits in order, each as the terms whose XOR it is."""
    data: list[list[str]] = []
    for item in items:
        field = item.lstrip("?0")
        partner = {"src": "dst", "dst": "src"}.get(field[:3], "") + field[3:]
        own = _field(script, packet, item)
        mixed = next((i for i in items if i.lstrip("?0") == partner), None) if function != "toeplitz" else None
        if mixed is None or item[0] == "0":
            data += [[bit] for bit in own]
        elif function == "xor":
            data += [[x, y] for x, y in zip(own, _field(script, packet, mixed), strict=True)]
        elif function == "sort":
            other = _field(script, packet, mixed)
            smaller = f"(bvult {concat(own)} {concat(other)})"
            first, second = (own, other) if field.startswith("src") else (other, own)
            data += [[f"(ite {smaller} {x} {y})"] for x, y in zip(first, second, strict=True)]
        else:
            raise ValueError(f"no hash function: {function!r:.40}")
    return data


def _field(script: Script, packet: str, item: str) -> list[str]:
    """The bits of a field, first on the wire first; what a card reads elsewhere may be anything."""
    field = item.lstrip("?0")
    offset, size = FIELDS.get(field) or (0, _OTHERS[field])
    if item[0] == "0":
        return ["#b0"] * 8 * size
    if item[0] == "?" or field in _OTHERS:
        unknown: list[Bit] = [(packet, f"nic.{field}", 8 * size, i) for i in range(8 * size - 1, -1, -1)]
        return [script.bit(b) for b in unknown]
    return [script.bit((packet, f"pkt.{n}", 8, i)) for n in range(offset, offset + size) for i in range(7, -1, -1)]
