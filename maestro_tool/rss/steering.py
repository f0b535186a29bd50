"""What each port hashes: by the NIC, and by this program for the classes that the NIC cannot be trusted with.

Steering (docs/architecture.md): ``any`` if no constraint reaches the class on that port; ``nic`` if the NIC
hashes all fields that constraints name from where the NF reads them; else ``software``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from maestro_tool.packet.classes import CLASSES, VIEWS_OF, View
from maestro_tool.packet.fields import HASHABLE, HASHABLE6, INPUT_BITS
from maestro_tool.rss.problem import ADDRESSES, HashSetup, Problem, reads
from maestro_tool.rss.symmetric import PARTNER, Function
from maestro_tool.sharding.plan import Constraint

#: Fields that only the l4 view of IPv4 has.
PORTS = frozenset({"src_port", "dst_port"})
#: Without IP options, a NIC finds L4 where the NF reads it.
_PLAIN = frozenset({"tcp4", "udp4", "sctp4"})
_PLAIN6 = frozenset({"tcp6", "udp6", "sctp6"})
_IPV4 = frozenset(c for c in CLASSES if "4" in c)


@dataclass(frozen=True, slots=True)
class Layout:
    """Hash inputs of one port.  ``setup`` None: the NIC does not hash.  ``l4``, ``l3``: software input per view.

    Software hashes by the NIC's function.
    """

    setup: HashSetup | None
    l4: tuple[str, ...]
    l3: tuple[str, ...]
    steering: tuple[tuple[str, str], ...]

    @property
    def function(self) -> Function:
        return self.setup.function if self.setup else "toeplitz"

    def software(self, view: View | None) -> tuple[Item, ...]:
        fields = self.l4 if view == "l4" else self.l3 if view == "l3" else ()
        return _mixed([Item(f, True) for f in fields], self.function)

    @property
    def traffic(self) -> tuple[str, ...]:
        """The hash input of ordinary traffic (TCP over IPv4)."""
        nic = self.setup.fields("tcp4") if self.setup and dict(self.steering)["tcp4"] != "software" else ()
        return nic or self.l4

    def traffic_positions(self) -> dict[str, list[tuple[int, ...]]]:
        """Per field of ordinary traffic and bit of it (most significant first) the input bits that it changes.

        Under ``sort`` those of traffic whose sources are the smaller.
        """
        found: dict[str, list[tuple[int, ...]]] = {f: [()] * INPUT_BITS[f] for f in self.traffic}
        start = 0
        for item in _mixed([Item(f, True) for f in self.traffic], self.function):
            width = INPUT_BITS[item.field]
            for field in item.sources if item.function == "xor" else (item.field,):
                found[field] = [(*places, start + i) for i, places in enumerate(found[field])]
            start += width
        return found


@dataclass(frozen=True, slots=True)
class Item:
    """A field of a hash input.  ``aligned``: its bytes are those that the NF reads under that name.

    ``gap``: zeros in its place.  ``function``: how it is mixed with its partner, if it is.
    """

    field: str
    aligned: bool
    gap: bool = False
    function: Function = "toeplitz"

    @property
    def sources(self) -> tuple[str, ...]:
        """The fields whose bits it has."""
        return (self.field,) if self.function == "toeplitz" else (self.field, PARTNER[self.field])


@dataclass(frozen=True, slots=True)
class Mode:
    """One way in which a port hashes; ``members`` are the (class, view) of frames that it is applied to."""

    port: int
    items: tuple[Item, ...]
    members: tuple[tuple[str, View | None], ...]


def is_aligned(packet_class: str, field: str) -> bool:
    """True if a NIC that parses a frame of this class takes ``field`` from where the NF reads it."""
    if field in ADDRESSES:
        return packet_class in _IPV4
    if packet_class in _PLAIN6:
        return field in HASHABLE6
    return field in HASHABLE and packet_class in _PLAIN


def _read_as(packet_class: str, field: str) -> str:
    """A NIC's name of a field -> the NF's: ports have another place in IPv6."""
    return f"{field}6" if packet_class in _PLAIN6 and field in ("src_port", "dst_port") else field


def nic_inputs(packet_class: str, setup: HashSetup) -> tuple[tuple[Item, ...], ...]:
    """The hash inputs that a NIC may take of frames of a class; more than one where its driver does not say which."""
    fields = setup.fields(packet_class)
    packed = _mixed([_item(packet_class, f) for f in fields], setup.function)
    if not setup.padded:
        return (packed,)
    whole = (*(("src_ip6", "dst_ip6") if fields[0].endswith("6") else ADDRESSES), "src_port", "dst_port")
    last = max(whole.index(f) for f in fields)
    gaps = tuple(replace(_item(packet_class, f), gap=f not in fields) for f in whole[: last + 1])
    return (packed,) if gaps == packed else (packed, gaps)


def _mixed(items: Sequence[Item], function: Function) -> tuple[Item, ...]:
    """The items as a hash function takes them: what has no partner stays as it is."""
    there = {i.field: i for i in items}

    def mixed(item: Item) -> Item:
        partner = there.get(PARTNER.get(item.field, ""))
        if partner is None:
            return item
        return replace(item, aligned=item.aligned and partner.aligned, function=function)

    return tuple(map(mixed, items))


def _item(packet_class: str, field: str) -> Item:
    name = _read_as(packet_class, field)
    return Item(name, is_aligned(packet_class, name))


def reached(problem: Problem, port: int) -> dict[str, frozenset[str]]:
    """Fields that constraints name, per class that any of them reaches on ``port``."""
    result: dict[str, frozenset[str]] = {}
    for c in problem.constraints:
        for side in (0, 1):
            if c.ports[side] == port:
                for name in c.classes[side]:
                    result[name] = result.get(name, frozenset()) | reads(c, side)
    return result


def layout(problem: Problem, port: int, setup: HashSetup | None, fields: tuple[str, ...] = HASHABLE) -> Layout:
    """The hash inputs of ``port`` under one set-up of its NIC; ``fields``: what software may hash."""
    needs = reached(problem, port)
    steering: list[tuple[str, str]] = []
    for name in CLASSES:
        if name not in needs:
            steering.append((name, "any"))
            continue
        hashed = {i.field for i in (_item(name, f) for f in (setup.fields(name) if setup else ())) if i.aligned}
        steering.append((name, "nic" if hashed and needs[name] <= hashed else "software"))
    # Software computes what the NIC would, so that packets of one flow meet however they are steered.
    like_nic = setup.fields("tcp4") if setup else ()
    l4 = tuple(f for f in like_nic if f in HASHABLE) or fields
    other = setup.fields("ipv4_other") if setup else ()
    l3 = tuple(f for f in other if f in ADDRESSES) or tuple(f for f in l4 if f in ADDRESSES)
    return Layout(setup, l4, l3, tuple(steering))


def views(constraint: Constraint, side: int, packet_class: str) -> tuple[View | None, ...]:
    """Views of the frames of a class that the constraint can concern.

    The plan proves that a side naming ports is reached with the l4 view only, one naming addresses with l4 or l3
    (sharding/derive.py); where a plan says something else, every view of the class counts.
    """
    names = reads(constraint, side)
    offered: tuple[View | None, ...] = ("l4",) if names & PORTS else ("l4", "l3")
    possible = tuple(v for v in VIEWS_OF[packet_class] if v in offered) if names else ()
    return possible or VIEWS_OF[packet_class]


def modes(constraint: Constraint, side: int, layout: Layout) -> Iterator[Mode]:
    """The modes that packets on one side of a constraint are hashed in; each input once."""
    port = constraint.ports[side]
    steering = dict(layout.steering)
    found: dict[tuple[Item, ...], list[tuple[str, View | None]]] = {}
    for name in constraint.classes[side]:
        for view in views(constraint, side, name):
            if steering[name] == "nic":
                assert layout.setup is not None
                inputs = nic_inputs(name, layout.setup)
            else:
                inputs = (layout.software(view),)
            for items in inputs:
                found.setdefault(items, []).append((name, view))
    for items, members in found.items():
        yield Mode(port, items, tuple(members))
