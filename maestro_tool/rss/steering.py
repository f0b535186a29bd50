"""What each port hashes: by the NIC, and by this program for the classes that the NIC cannot be trusted with.

Steering (docs/architecture.md): ``any`` if no constraint reaches the class on that port; ``nic`` if the NIC
hashes all fields that constraints name from where the NF reads them; else ``software``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from maestro_tool.packet.classes import CLASSES, FAMILIES, L3, L4, TCP, PacketClass, View, plain
from maestro_tool.packet.fields import (
    ADDRESSES_OF,
    HASHABLE,
    HASHABLE6,
    HASHABLE_OF,
    INPUT_BITS,
    PORTS_OF,
    PROFILE_NAMES_OF,
    Family,
    field_of,
    input_bits,
)
from maestro_tool.packet.kinds import base
from maestro_tool.rss.byte_inputs import PORTS_AT, OfBytes, byte_inputs
from maestro_tool.rss.problem import HashSetup, Problem, reads
from maestro_tool.rss.solution import Steering
from maestro_tool.rss.symmetric import PARTNER, Function, paired
from maestro_tool.rss.toeplitz import HASH_BITS
from maestro_tool.sharding.plan import Constraint

#: The fields that this program hashes of frames with each view; () where no constraint wants any.
Software = tuple[tuple[View, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Hash inputs of one port.  ``setup`` None: the NIC does not hash.  ``inputs``: of software, by its function.

    ``of_bytes``: see `byte_inputs`; of bytes none are mixed.
    """

    setup: HashSetup | None
    inputs: Software
    steering: tuple[tuple[str, Steering], ...]
    of_bytes: OfBytes = ()

    @property
    def function(self) -> Function:
        return self.setup.function if self.setup else "toeplitz"

    def fields(self, view: View | None) -> tuple[str, ...]:
        """What software hashes of a frame with this view."""
        return next((fields for v, fields in self.inputs if v == view), ())

    def software(self, view: View | None) -> tuple[Item, ...]:
        return _mixed([Item(f, True) for f in self.fields(view)], self.function)

    def bytes_of(self, name: str) -> tuple[Item, ...]:
        """What software hashes of all frames of a kind, whatever their view; (): it goes by views."""
        return next((tuple(Item(f, True) for f in fields) for c, fields in self.of_bytes if c == name), ())

    def traffic(self, family: Family = 4) -> tuple[str, ...]:
        """The hash input of ordinary traffic (TCP) over this version of IP, as the NF names fields."""
        tcp = plain(family, TCP)
        parts = [fields for name, fields in self.of_bytes if base(name) == tcp.name]
        if parts and parts[-1]:
            return parts[-1]
        nic = self.setup.fields(tcp.name) if self.setup and dict(self.steering)[tcp.name] != "software" else ()
        return tuple(_read_as(tcp, f) for f in nic) or self.fields(L4[family])

    def traffic_positions(self, family: Family = 4) -> dict[str, list[tuple[int, ...]]]:
        """Per field of ordinary traffic and bit of it (most significant first) the input bits that it changes.

        Under ``sort`` those of traffic whose sources are the smaller.
        """
        traffic = self.traffic(family)
        found: dict[str, list[tuple[int, ...]]] = {f: [()] * input_bits(f) for f in traffic}
        start = 0
        for item in _mixed([Item(f, True) for f in traffic], self.function):
            width = input_bits(item.field)
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
    """One way in which a port hashes; ``members`` are the (kind, view) of frames that it is applied to."""

    port: int
    items: tuple[Item, ...]
    members: tuple[tuple[str, View | None], ...]

    @property
    def of_bytes(self) -> bool:
        """Whether bytes are hashed, not fields: then a bit of the frame has one name, be it that of a field or not."""
        return any(is_of_bytes(item.field) for item in self.items)


def is_of_bytes(name: str) -> bool:
    """Whether an item is bytes of the frame."""
    return name not in INPUT_BITS


def is_aligned(kind: PacketClass, field: str) -> bool:
    """True if a NIC that parses a frame of this class takes ``field`` from where the NF reads it.

    Of IPv6 with extension headers nothing is: a NIC may hash the home address, or ports behind them, instead.
    """
    if kind.family is None or field not in HASHABLE_OF[kind.family]:
        return False
    return kind.plain or (kind.family == 4 and field in ADDRESSES_OF[4])


def _read_as(kind: PacketClass, field: str) -> str:
    """A NIC's name of a field -> the NF's: ports have another place in IPv6."""
    if kind.family is None or not kind.plain:
        return field
    return dict(zip(PROFILE_NAMES_OF[kind.family], HASHABLE_OF[kind.family], strict=True)).get(field, field)


def nic_inputs(name: str, setup: HashSetup) -> tuple[tuple[Item, ...], ...]:
    """The hash inputs that a NIC may take of frames of a class; more than one where its driver does not say which."""
    fields, kind = setup.fields(name), CLASSES[name]
    packed = _mixed([_item(kind, f) for f in fields], setup.function)
    if not setup.padded:
        return (packed,)
    assert kind.family is not None, "profiles list only classes with headers"
    whole = PROFILE_NAMES_OF[kind.family]
    last = max(whole.index(f) for f in fields)
    gaps = tuple(replace(_item(kind, f), gap=f not in fields) for f in whole[: last + 1])
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


def _item(kind: PacketClass, field: str) -> Item:
    name = _read_as(kind, field)
    return Item(name, is_aligned(kind, name))


def reached(problem: Problem, port: int) -> dict[str, frozenset[str]]:
    """Fields that constraints name, per class that any of them reaches on ``port``."""
    result: dict[str, frozenset[str]] = {}
    for c in problem.constraints:
        for side in (0, 1):
            if c.ports[side] == port:
                for name in map(base, c.classes[side]):
                    result[name] = result.get(name, frozenset()) | reads(c, side)
    return result


def families(problem: Problem, port: int) -> tuple[Family, ...]:
    """The versions of IP that constraints on ``port`` name fields of."""
    named = frozenset[str]().union(*reached(problem, port).values())
    return tuple(f for f in FAMILIES if not named.isdisjoint(HASHABLE_OF[f]))


def layout(
    problem: Problem,
    port: int,
    setup: HashSetup | None,
    fields: tuple[str, ...] = HASHABLE,
    fields6: tuple[str, ...] | None = None,
) -> Layout:
    """The hash inputs of ``port`` under one set-up of its NIC; ``fields``: what software may hash, or bytes of these.

    ``fields6``: software steers all of IPv6, by these; None: what the NIC can it does.
    """
    needs = reached(problem, port)
    steering: list[tuple[str, Steering]] = []
    of_bytes = byte_inputs(problem, port)
    by_bytes = {base(name) for name, _ in of_bytes}
    for name in CLASSES:
        if name in by_bytes:
            steering.append((name, "software"))
            continue
        if name not in needs:
            steering.append((name, "any"))
            continue
        doubtful = name in problem.ports[port].unreliable or (fields6 is not None and CLASSES[name].family == 6)
        by_nic = setup.fields(name) if setup and not doubtful else ()
        hashed = {i.field for i in (_item(CLASSES[name], f) for f in by_nic) if i.aligned}
        steering.append((name, "nic" if hashed and needs[name] <= hashed else "software"))
    inputs = _software(4, setup, fields)
    if 6 in families(problem, port):
        like_nic = setup if fields6 is None else None
        inputs += _software(6, like_nic, _fitting(problem.ports[port].key_length, setup, fields6 or HASHABLE6))
    else:
        inputs += ((L4[6], ()), (L3[6], ()))
    return Layout(setup, inputs, tuple(steering), of_bytes)


def _software(family: Family, setup: HashSetup | None, fields: tuple[str, ...]) -> Software:
    """Software computes what the NIC would, so that packets of one flow meet however they are steered."""
    tcp = plain(family, TCP)
    like_nic = [_read_as(tcp, f) for f in setup.fields(tcp.name)] if setup else []
    l4 = tuple(f for f in like_nic if f in HASHABLE_OF[family]) or fields
    other = setup.fields(plain(family, None).name) if setup else ()
    addresses = ADDRESSES_OF[family]
    l3 = tuple(f for f in other if f in addresses) or tuple(f for f in l4 if field_of(f).offset < PORTS_AT[family])
    return (L4[family], l4), (L3[family], l3)


def _fitting(key_length: int, setup: HashSetup | None, fields: tuple[str, ...]) -> tuple[str, ...]:
    """As many of the fields as a key of so many bytes can hash; a symmetric function takes them in pairs."""
    if setup is not None and setup.function != "toeplitz":
        fields = paired(fields)
    while sum(input_bits(f) for f in fields) + HASH_BITS - 1 > 8 * key_length:
        fields = fields[: -2 if setup is not None and setup.function != "toeplitz" else -1]
    return fields


def views(constraint: Constraint, side: int, name: str) -> tuple[View | None, ...]:
    """Views of the frames of a class that the constraint can concern.

    The plan proves that a side naming ports is reached with the l4 view only, one naming addresses with l4 or l3
    (sharding/rules/key_equality.py), and so for IPv6; where a plan says something else, every view of the class counts.
    """
    names = reads(constraint, side)
    offered: set[View | None] = set()
    for family in FAMILIES:
        if names & PORTS_OF[family]:
            offered.add(L4[family])
        elif not names.isdisjoint(ADDRESSES_OF[family]):
            offered |= {L4[family], L3[family]}
    possible = CLASSES[base(name)].views
    return tuple(v for v in possible if v in offered) or possible


def modes(constraint: Constraint, side: int, layout: Layout) -> Iterator[Mode]:
    """The modes that packets on one side of a constraint are hashed in; each input once."""
    port = constraint.ports[side]
    steering = dict(layout.steering)
    found: dict[tuple[Item, ...], list[tuple[str, View | None]]] = {}
    for name in constraint.classes[side]:
        by_bytes = layout.bytes_of(name)
        if by_bytes:
            found.setdefault(by_bytes, []).extend((name, view) for view in CLASSES[base(name)].views)
            continue
        for view in views(constraint, side, name):
            if steering[base(name)] == "nic":
                assert layout.setup is not None
                inputs = nic_inputs(base(name), layout.setup)
            else:
                inputs = (layout.software(view),)
            for items in inputs:
                found.setdefault(items, []).append((name, view))
    for items, members in found.items():
        yield Mode(port, items, tuple(members))
