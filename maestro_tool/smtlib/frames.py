"""Packet classes, what a port hashes of each, and the part of the table that a frame meets, as SMT-LIB text over the
bytes of a frame: docs/architecture.md again, and nothing of what the tool has for it elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from maestro_tool.smtlib.terms import Bit, Script, concat, conjunction, disjunction

#: In the order of the program's bits (``software_classes``).
CLASSES: Final = (
    "tcp4", "udp4", "sctp4", "ipv4_other", "tcp4_options", "udp4_options", "sctp4_options", "ipv4_options_other",
    "ipv4_fragment", "tcp6", "udp6", "sctp6", "ipv6_other", "ipv6_fragment", "vlan", "non_ip", "malformed",
)  # fmt: skip
#: Header field -> offset in the frame (None: only cards know) and size, in bytes.
FIELDS: Final = {
    "src_ip": (26, 4), "dst_ip": (30, 4), "src_port": (34, 2), "dst_port": (36, 2), "src_ip6": (22, 16),
    "dst_ip6": (38, 16), "src_port6": (54, 2), "dst_port6": (56, 2), "sctp_tag": (None, 4), "ip_id": (None, 2),
}  # fmt: skip
#: Bytes of the frame that software hashes as they are.
_BYTES: Final = re.compile(r"frame\[(\d{1,5})(?:\.\.(\d{1,5}))?\]", re.ASCII)
#: What frames are like that come first: ``if 84 36=12b5``, their least length and bytes at offsets; ``22=01/01``: what
#: the byte is behind a mask.
_SHAPE: Final = re.compile(r"if (\d{1,5})((?: \d{1,3}=(?:[0-9a-f]{2}/[0-9a-f]{2}|(?:[0-9a-f]{2})+))*)", re.ASCII)
#: Protocol -> its number, and the bytes of its shortest header.
_L4: Final = {"tcp": (6, 20), "udp": (17, 8), "sctp": (132, 12)}
#: The fields that are hashed: ``?field`` if a card reads it elsewhere than NFs do, ``0field`` for zeros in its place.
Items = tuple[str, ...]
#: A class; shapes that a frame fits, or not (``not if ...``); and of frames that software hashes by it the NF's view.
Kind = tuple[str, ...]


def predicate(script: Script, packet: str, name: str) -> str:
    """Whether the packet's frame is of a class, or has exactly that view."""
    if f"{packet}:{name}" not in script.defined and _SHAPE.fullmatch(name):
        script.define(f"{packet}:{name}", 0, lambda: _fits(script, packet, name))
    if f"{packet}:{name}" not in script.defined:
        for known, term in _predicates(script, packet).items():
            script.define(f"{packet}:{known}", 0, lambda term=term: term)  # type: ignore[misc]
    return f"|{packet}:{name}|"


def _fits(script: Script, packet: str, shape: str) -> str:
    match = _SHAPE.fullmatch(shape)
    assert match is not None
    tests = [asked for word in match[2].split() for asked in bytes_asked_for(word)]
    if any(at >= int(match[1]) for at, _, _ in tests):
        raise ValueError(f"a shape of frames that asks for bytes behind their end: {shape!r:.80}")
    equal = [
        f"(= (bvand {script.symbol(packet, f'pkt.{at}', 8)} (_ bv{mask} 8)) (_ bv{value} 8))"
        for at, value, mask in tests
    ]
    return conjunction([long_enough(script, packet, int(match[1])), *equal])


def bytes_asked_for(word: str) -> list[tuple[int, int, int]]:
    """Offset, value and mask of the bytes that a word of a shape asks for."""
    at, _, said = word.partition("=")
    values, _, mask = said.partition("/")
    return [(int(at) + n, value, int(mask or "ff", 16)) for n, value in enumerate(bytes.fromhex(values))]


def long_enough(script: Script, packet: str, least: int = 14) -> str:
    """Shorter frames than 14 bytes never reach an NF."""
    return f"(bvuge {script.symbol(packet, 'pkt_len', 16)} (_ bv{least} 16))"


def _predicates(script: Script, packet: str) -> dict[str, str]:
    def byte(n: int) -> str:
        return script.symbol(packet, f"pkt.{n}", 8)

    def word(n: int) -> str:
        return f"(concat {byte(n)} {byte(n + 1)})"

    def equal(term: str, value: int, width: int = 8) -> str:
        return f"(= {term} (_ bv{value} {width}))"

    def none_of(terms: Sequence[str]) -> str:
        return f"(not {disjunction(terms)})"

    def fits(term: str, start: int) -> str:
        return f"(bvule {term} (bvsub {script.symbol(packet, 'pkt_len', 16)} (_ bv{start} 16)))"

    ipv4, ipv6, *vlans = (
        f"(and {long_enough(script, packet)} {equal(word(12), t, 16)})" for t in (0x800, 0x86DD, 0x8100, 0x88A8, 0x9100)
    )
    header = f"((_ zero_extend 10) (concat ((_ extract 3 0) {byte(14)}) #b00))"
    version, plain = f"((_ extract 7 4) {byte(14)})", equal(f"((_ extract 3 0) {byte(14)})", 5, 4)
    sane4 = conjunction([ipv4, long_enough(script, packet, 34), equal(version, 4, 4), fits(word(16), 14),
                         f"(bvuge {header} (_ bv20 16))", f"(bvuge {word(16)} {header})"])  # fmt: skip
    sane6 = conjunction([ipv6, long_enough(script, packet, 54), equal(version, 6, 4), fits(word(18), 54)])
    whole, fragment6 = equal(f"(bvand {word(20)} #x3fff)", 0, 16), equal(byte(20), 44)
    other4, other6 = (none_of([equal(byte(at), number) for number, _ in _L4.values()]) for at in (23, 20))
    found = {
        "ipv4_fragment": f"(and {sane4} (not {whole}))",
        "ipv4_other": conjunction([sane4, whole, other4, plain]),
        "ipv4_options_other": conjunction([sane4, whole, other4, f"(not {plain})"]),
        "ipv6_fragment": f"(and {sane6} {fragment6})",
        "ipv6_other": conjunction([sane6, other6, f"(not {fragment6})"]),
        "vlan": disjunction(vlans),
        "non_ip": f"(and {long_enough(script, packet)} {none_of([ipv4, ipv6, *vlans])})",
    }
    for name, (number, least) in _L4.items():
        room = f"(bvuge {word(16)} (bvadd {header} (_ bv{least} 16)))"
        l4 = conjunction([sane4, whole, equal(byte(23), number), room])
        found |= {f"{name}4": f"(and {l4} {plain})", f"{name}4_options": f"(and {l4} (not {plain}))"}
        found[f"{name}6"] = conjunction([sane6, equal(byte(20), number), f"(bvuge {word(18)} (_ bv{least} 16))"])
    found["malformed"] = none_of(list(found.values()))
    views = {}
    for v, ip, at, l3, l4_length in (("", ipv4, 23, 34, 38), ("v6", ipv6, 20, 54, 58)):
        tcp_or_udp = disjunction([equal(byte(at), 6), equal(byte(at), 17)])
        ports = f"(and {long_enough(script, packet, l4_length)} {tcp_or_udp})"
        views[f"l3{v}"] = conjunction([ip, long_enough(script, packet, l3), f"(not {ports})"])
        views[f"l4{v}"] = conjunction([ip, long_enough(script, packet, l3), ports])
    return found | views | {"none": none_of(list(views.values()))}


def modes(port: dict[str, Any]) -> dict[Items | None, list[Kind]]:
    """What is hashed -> the kinds of frames of which it is.  None: any worker may have such a frame."""
    found: dict[Items | None, list[Kind]] = {}
    for name in CLASSES:
        how, *inputs = port["classes"][name]
        for kind, items in _parted(name, inputs) if how == "software" else ():
            if items:
                found.setdefault(items, []).append(kind)
                continue
            for view in ("l4", "l3", "l4v6", "l3v6", "none"):
                found.setdefault(tuple(port["software"].get(view, ())), []).append((*kind, view))
        for items in inputs if how == "nic" else ():
            found.setdefault(tuple(_read(name, i) for i in items), []).append((name,))
        if how != "software" and not (how == "nic" and inputs):
            found.setdefault(None, []).append((name,))
    return found


def _parted(name: str, inputs: Sequence[Sequence[str]]) -> list[tuple[Kind, Items]]:
    """The kinds of a class that software steers, and the bytes that it hashes of each; () if it goes by views."""
    found: list[tuple[Kind, Items]] = []
    before: Kind = (name,)
    rest = True
    for items in inputs:
        shape, of = (items[0], items[1:]) if items and _SHAPE.fullmatch(items[0]) else ("", items)
        if not all(map(_BYTES.fullmatch, of)):  # fields are hashed as the port's function mixes them, bytes are not
            raise ValueError(f"no bytes: {items!r:.80}")
        if not rest:
            raise ValueError(f"no frames are left for these bytes: {items!r:.80}")
        found.append(((*before, shape) if shape else before, tuple(of)))
        before, rest = (*before, f"not {shape}"), shape != ""
    return [*found, (before, ())] if rest else found


def _read(name: str, item: str) -> str:
    """A hashed field of a class, marked if cards, which follow options and extension headers, read it elsewhere."""
    field, family = item.lstrip("?0"), "6" if item.endswith("6") else "4"
    plain = name in (f"tcp{family}", f"udp{family}", f"sctp{family}")
    alike = FIELDS[field][0] is not None and (plain or (field in ("src_ip", "dst_ip") and "4" in name))
    return item if item[0] in "?0" or alike else f"?{item}"


def place(item: str) -> tuple[int | None, int]:
    """As in `FIELDS`, of bytes too."""
    if (match := _BYTES.fullmatch(item)) is None:
        return FIELDS[item.lstrip("?0")]
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise ValueError(f"no bytes: {item!r:.40}")
    return first, last - first + 1


def is_one_of(script: Script, packet: str, kinds: Sequence[Kind]) -> str:
    """Whether the packet's frame is of one of these kinds; the constant ``class`` says which."""
    which = script.constant(f"{packet}.class", 8)
    known = [
        conjunction([f"(= {which} (_ bv{n} 8))", *(_is(script, packet, x) for x in kind)])
        for n, kind in enumerate(kinds)
    ]
    return f"(and {long_enough(script, packet)} {disjunction(known)})"


def _is(script: Script, packet: str, what: str) -> str:
    """Whether the frame is of a class, has a view, or fits a shape or does not."""
    found = predicate(script, packet, what.removeprefix("not "))
    return f"(not {found})" if what.startswith("not ") else found


def part(script: Script, packet: str, port: dict[str, Any], items: Items | None) -> str:
    """The part of the table, as a number of 16 bits, that a frame meets of which ``items`` are hashed."""
    if items is None:
        return script.constant(f"{packet}.worker", 16)
    size, known = len(port["parts"]), dict[tuple[int, ...], str]()
    index = _index(script, packet, port, items, size.bit_length() - 1)

    def look_up(column: tuple[int, ...], depth: int) -> str:
        """What a bit of the number is, by the index's bits from ``depth`` on."""
        if len(set(column)) == 1:
            return f"#b{column[0]}"
        if column not in known:
            half = len(column) // 2
            low, high = look_up(column[:half], depth + 1), look_up(column[half:], depth + 1)
            decided = f"(ite (= {index[depth]} #b1) {high} {low})"
            known[column] = low if low == high else index[depth] if (low, high) == ("#b0", "#b1") else decided
        return known[column]

    return concat([look_up(tuple(p >> bit & 1 for p in port["parts"]), 0) for bit in range(15, -1, -1)])


def _index(script: Script, packet: str, port: dict[str, Any], items: Items, bits: int) -> list[str]:
    """The index, most significant bit first: bit j of the hash is the XOR of the input bits i with key bit i + j."""
    data = [bit for item in items for bit in _input(script, packet, item, items, port["function"])]
    key = "".join(f"{byte:08b}" for byte in bytes.fromhex(port["key"]))
    if len(key) < len(data) + 31:
        raise ValueError("a key that is too short for what is hashed")
    index = []
    for j in range(32 - bits, 32):
        count = Counter(term for i, terms in enumerate(data) if key[i + j] == "1" for term in terms)
        term = f"(bvxor #b0 #b0 {' '.join(sorted(term for term, n in count.items() if n % 2))})"
        index.append(script.define(f"{packet}!{j}.{','.join(items)}", 1, lambda term=term: term))  # type: ignore[misc]
    return index


def _input(script: Script, packet: str, item: str, items: Items, function: str) -> list[list[str]]:
    """The bits of a hashed field in order, each as the terms whose XOR it is."""
    field, own = item.lstrip("?0"), _bits(script, packet, item)
    partner = {"src": "dst", "dst": "src"}.get(field[:3], "-") + field[3:]
    mixed = next((i for i in items if i.lstrip("?0") == partner), None) if function != "toeplitz" else None
    if mixed is None:
        return [[bit] for bit in own]
    other = _bits(script, packet, mixed)
    if function == "xor":
        return [[x, y] for x, y in zip(own, other, strict=True)]
    if function != "sort":
        raise ValueError(f"no hash function: {function!r:.40}")
    first, second = (own, other) if field.startswith("src") else (other, own)
    swap = f"(bvult {concat(second)} {concat(first)})"  # the smaller is the source
    low, high = (second, first), (first, second)
    return [[f"(ite {swap} {low[field[0] == 'd'][i]} {high[field[0] == 'd'][i]})"] for i in range(len(own))]


def _bits(script: Script, packet: str, item: str) -> list[str]:
    """The bits of a field, first on the wire first; what a card reads elsewhere may be anything."""
    offset, size = place(item)
    if item[0] == "0":
        return ["#b0"] * 8 * size
    if item[0] == "?" or offset is None:
        unknown: list[Bit] = [(packet, f"nic.{item.lstrip('?')}", 8 * size, i) for i in range(8 * size - 1, -1, -1)]
        return [script.bit(b) for b in unknown]
    return [script.bit((packet, f"pkt.{n}", 8, i)) for n in range(offset, offset + size) for i in range(7, -1, -1)]
