"""Which core a packet goes to: everything that a plan's constraints leave open, and what the keys of `nic=soft` do.

Written from docs/architecture.md ("Packet classes and views") and Microsoft's definition of RSS, not from the code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

from maestro_tool.rss.solution import RssSolution
from maestro_tool.sharding.plan import Constraint, FieldBits

from .machine import Arrival
from .relations import holds, symbols_of

#: offset and size of the fields that RSS hashes, where the NF's view has them
PLACES = {"src_ip": (26, 4), "dst_ip": (30, 4), "src_port": (34, 2), "dst_port": (36, 2),
          "src_ip6": (22, 16), "dst_ip6": (38, 16), "src_port6": (54, 2), "dst_port6": (56, 2)}  # fmt: skip
#: Bytes that only software hashes.
ETHERNET = {"dst_mac": (0, 6), "src_mac": (6, 6), "ether_type": (12, 2)}
VIEWS = {
    "l4": ("src_ip", "dst_ip", "src_port", "dst_port"), "l3": ("src_ip", "dst_ip"),
    "l4v6": ("src_ip6", "dst_ip6", "src_port6", "dst_port6"), "l3v6": ("src_ip6", "dst_ip6"),
}  # fmt: skip
#: Views that frames of a class may have.
VIEWS_OF = {
    **dict.fromkeys(("tcp4", "udp4", "tcp4_options", "udp4_options"), ("l4",)),
    **dict.fromkeys(("sctp4", "ipv4_other", "sctp4_options", "ipv4_options_other"), ("l3",)),
    "ipv4_fragment": ("l4", "l3"),
    "malformed": tuple(VIEWS),
    **dict.fromkeys(("tcp6", "udp6"), ("l4v6",)),
    **dict.fromkeys(("sctp6", "ipv6_other", "ipv6_fragment"), ("l3v6",)),
}


def view_of(frame: bytes) -> str | None:
    if frame[12:14] == b"\x86\xdd" and len(frame) >= 54:
        return "l4v6" if frame[20] in (6, 17) and len(frame) >= 58 else "l3v6"
    if frame[12:14] != b"\x08\x00" or len(frame) < 34:
        return None
    return "l4" if frame[23] in (6, 17) and len(frame) >= 38 else "l3"


def class_of(frame: bytes) -> str:
    """The packet class."""
    ether_type = frame[12:14]
    if ether_type in (b"\x81\x00", b"\x88\xa8", b"\x91\x00"):
        return "vlan"
    if ether_type == b"\x86\xdd":
        return _class_of_ipv6(frame)
    if ether_type != b"\x08\x00":
        return "non_ip"
    header, total = 4 * (frame[14] & 15) if len(frame) > 14 else 0, int.from_bytes(frame[16:18], "big")
    if len(frame) < 34 or frame[14] >> 4 != 4 or header < 20 or total < header or total + 14 > len(frame):
        return "malformed"
    if int.from_bytes(frame[20:22], "big") & 0x3FFF:
        return "ipv4_fragment"
    name, shortest = {6: ("tcp4", 20), 17: ("udp4", 8), 132: ("sctp4", 12)}.get(frame[23], ("", 0))
    if total < header + shortest:
        return "malformed"
    if header == 20:
        return name or "ipv4_other"
    return f"{name}_options" if name else "ipv4_options_other"


def is_of(frame: bytes, class_: str, names: Sequence[str]) -> bool:
    """Whether a frame of the class is of a kind with one of these names: ``vlan``, ``vlan[not 42 16=8100; 38 16=0800]``."""
    return any(
        base == class_
        and all(_fits(frame, s.removeprefix("not ")) != s.startswith("not ") for s in said.split("; ") if s)
        for base, _, said in (name.removesuffix("]").partition("[") for name in names)
    )


def _fits(frame: bytes, shape: str) -> bool:
    length, *tests = shape.split()
    wanted = ((int(at), bytes.fromhex(values)) for at, _, values in (t.partition("=") for t in tests))
    return len(frame) >= int(length) and all(frame[at : at + len(values)] == values for at, values in wanted)


def _class_of_ipv6(frame: bytes) -> str:
    payload = int.from_bytes(frame[18:20], "big")
    if len(frame) < 54 or frame[14] >> 4 != 6 or payload > len(frame) - 54:
        return "malformed"
    if frame[20] == 44:
        return "ipv6_fragment"
    name, shortest = {6: ("tcp6", 20), 17: ("udp6", 8), 132: ("sctp6", 12)}.get(frame[20], ("ipv6_other", 0))
    return name if payload >= shortest else "malformed"


def place_of(name: str) -> tuple[int, int]:
    """Offset and size of a field, or of ``frame[30..33]``, ``frame[15]``."""
    if name.startswith("frame["):
        first, _, last = name.removeprefix("frame[").removesuffix("]").partition("..")
        return int(first), int(last or first) - int(first) + 1
    return PLACES[name] if name in PLACES else ETHERNET[name]


def field_of(frame: bytes, name: str) -> int:
    offset, size = place_of(name)
    return int.from_bytes(frame[offset : offset + size], "big")


def has(frame: bytes, names: set[str]) -> bool:
    """Whether a constraint that names these fields, or bytes, of one side can be about the frame."""
    if names <= set(PLACES):
        view = view_of(frame)
        return view is not None and names <= set(VIEWS[view])
    return len(frame) >= max(map(sum, map(place_of, names)))


def _bits(frame: bytes, part: FieldBits) -> int:
    return field_of(frame, part.field) >> part.low & (1 << part.high - part.low + 1) - 1


class Sets:
    """Disjoint sets of anything."""

    def __init__(self) -> None:
        self.parent: dict[Any, Any] = {}

    def find(self, x: Any) -> Any:
        root = x
        while (above := self.parent.get(root, root)) != root:
            root = above
        while x != root:
            self.parent[x], x = root, self.parent[x]
        return root

    def join(self, x: Any, y: Any) -> None:
        self.parent[self.find(x)] = self.find(y)


Assignment = Callable[[Sequence[Arrival]], list[int]]


def by_classes(constraints: Sequence[Constraint], cores: int, seed: int) -> Assignment:
    """Any core for any class of packets that the constraints want to meet: the most that any key can part."""

    def assigned(arrivals: Sequence[Arrival]) -> list[int]:
        sets, chosen, rng = Sets(), dict[Any, int](), Random(seed)
        seen = [class_of(a.frame) for a in arrivals]
        for n, c in enumerate(constraints):
            sides: tuple[list[int], list[int]] = ([], [])
            for i, (a, class_) in enumerate(zip(arrivals, seen, strict=True)):
                for side in (0, 1):
                    names = {pair[side].field for pair in c.equal}
                    if a.device == c.ports[side] and is_of(a.frame, class_, c.classes[side]) and has(a.frame, names):
                        sides[side].append(i)
            if c.relation is None:
                for side, mine in enumerate(sides):
                    for i in mine:
                        sets.join(i, (n, *(_bits(arrivals[i].frame, pair[side]) for pair in c.equal)))
            else:
                for i, j in _related(c, arrivals, sides):
                    sets.join(i, j)
        return [chosen.setdefault(sets.find(i), rng.randrange(cores)) for i in range(len(arrivals))]

    return assigned


def _related(
    c: Constraint, arrivals: Sequence[Arrival], sides: tuple[list[int], list[int]]
) -> Iterable[tuple[int, int]]:
    """Pairs of which the relation says that they must meet; of frames with the same fields one speaks for all."""
    assert c.relation is not None
    named = {text: text.replace(".pkt_", ".pkt.").split(".pkt.") for text in symbols_of(c.relation)}
    firsts: list[dict[bytes, int]] = []
    for name, mine in zip("ab", sides, strict=True):
        ports = any(side == name and n != "len" and int(n) >= 34 for side, n in named.values())
        first: dict[bytes, int] = {}
        for i in mine:
            if ports and view_of(arrivals[i].frame) != "l4":
                continue  # has not what the relation is about
            same = first.setdefault(arrivals[i].frame[12:38], i)
            yield i, same
        firsts.append(first)
    for i in firsts[0].values():
        for j in firsts[1].values():
            frames = {"a": arrivals[i].frame, "b": arrivals[j].frame}
            if holds(c.relation, {text: _asked(frames[side], n) for text, (side, n) in named.items()}):
                yield i, j


def _asked(frame: bytes, what: str) -> int:
    """A byte, 0 behind the end, or how many there are."""
    return len(frame) if what == "len" else int.from_bytes(frame[int(what) : int(what) + 1], "big")


def _tied(c: Constraint) -> bool:
    """Whether a bit of one side is equal to several of the other: then its column is the sum of theirs."""
    named = [[(f.field, n) for f in (p[side] for p in c.equal) for n in range(f.low, f.high + 1)] for side in (0, 1)]
    return any(len(set(bits)) < len(bits) for bits in named)


def by_linear_function(constraints: Sequence[Constraint], cores: int, seed: int) -> Assignment | None:
    """The linear function that parts most of what constraints allow; None if they are no equalities of fields that cards hash."""
    if any(c.relation is not None or c.in_software or _tied(c) for c in constraints):
        return None
    sets = Sets()
    for c in constraints:
        views = [
            {
                v
                for cl in c.classes[s]
                for v in VIEWS_OF.get(cl.partition("[")[0], ())
                if {p[s].field for p in c.equal} <= set(VIEWS[v])
            }
            for s in (0, 1)
        ]
        for a in views[0]:
            for b in views[1]:
                named: list[set[Any]] = [set(), set()]
                for x, y in c.equal:
                    for n in range(x.high - x.low + 1):
                        bits = (c.ports[0], a, x.field, x.low + n), (c.ports[1], b, y.field, y.low + n)
                        sets.join(*bits)
                        for side in (0, 1):
                            named[side].add(bits[side])
                for side, view in enumerate((a, b)):
                    for f in VIEWS[view]:
                        for n in range(8 * PLACES[f][1]):
                            if (bit := (c.ports[side], view, f, n)) not in named[side]:
                                sets.join(bit, "zero")
    rng, columns, chosen = Random(seed), dict[Any, int](), dict[int, int]()
    columns[sets.find("zero")] = 0

    def core(a: Arrival) -> int:
        view = view_of(a.frame)
        if view is None:
            return 0
        value = 0
        for f in VIEWS[view]:
            bits = field_of(a.frame, f)
            for n in range(8 * PLACES[f][1]):
                if bits >> n & 1:
                    root = sets.find((a.device, view, f, n))
                    value ^= columns.get(root) if root in columns else columns.setdefault(root, rng.getrandbits(64))
        return chosen.setdefault(value, rng.randrange(cores))

    return lambda arrivals: [core(a) for a in arrivals]


def toeplitz(key: bytes, data: bytes) -> int:
    """For each bit of the input that is set, from the first on: XOR of the 32 bits of the key that start there."""
    bits = int.from_bytes(key, "big")
    hashed = 0
    for n, byte in enumerate(data):
        for bit in range(8):
            if byte & 0x80 >> bit:
                hashed ^= bits >> (8 * len(key) - 32 - 8 * n - bit)
    return hashed & 0xFFFFFFFF


def table(size: int, cores: int, groups: Sequence[int]) -> list[int]:
    """Core per index: ranges of the same length, or groups, the largest first, to whom has least."""
    if not groups:
        return [index * cores // size for index in range(size)]
    sizes, load, owner = [groups.count(g) for g in range(max(groups) + 1)], [0] * cores, {}
    for g in sorted(range(len(sizes)), key=lambda g: (-sizes[g], g)):
        owner[g] = load.index(min(load))
        load[owner[g]] += sizes[g]
    return [owner[g] for g in groups]


def by_keys(solution: RssSolution, cores: int) -> Assignment:
    """What the program does for `nic=soft`: Toeplitz over the bytes of the frame's kind, else over the fields of the view;
    the table by the index."""
    ports = {p.port: p for p in solution.ports}
    tables = {n: table(p.table_size, cores, solution.groups) for n, p in ports.items()}

    def core(a: Arrival) -> int:
        port, view, class_ = ports[a.device], view_of(a.frame), class_of(a.frame)
        assert port.function == "toeplitz"
        by_bytes = next((named for kind, named in port.of_bytes if is_of(a.frame, class_, (kind,))), ())
        fields = by_bytes or (dict(port.software)[view] if view else ())
        places = [place_of(f) for f in fields]
        data = b"".join(a.frame[at : at + size].ljust(size, b"\0") for at, size in places)
        index = toeplitz(port.key, data) & port.table_size - 1 if data else 0
        return tables[a.device][index]

    return lambda arrivals: [core(a) for a in arrivals]
