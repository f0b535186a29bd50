"""The rules R1-R4 of the design, one function each (R5: ``interchange.py``); no rule knows an NF by name.

R1 key equality, R2 subsumption, R3 disjoint dependencies, R4 incompatible dependencies
(Pereira et al., NSDI 2024, section 3.4; DESIGN, "Soundness").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import TRUE, eq, land, lor, substitute, symbols
from maestro_tool.expr.symbols import InputPort, Now, Option, Packet, PacketByte, PacketLength, of_packet
from maestro_tool.operations.row import Effect
from maestro_tool.packet import classes
from maestro_tool.packet.fields import ALL_FIELDS, FIELDS, FIELDS_OF, HASHABLE_OF, PORTS_OF, Family
from maestro_tool.sharding.bits import PacketBit, field_bit, pair_fields, show_field
from maestro_tool.sharding.plan import Constraint, FieldBits, Obstacle, Rule
from maestro_tool.sharding.reach import Reach, bytes_of
from maestro_tool.sharding.wording import field_text
from maestro_tool.symex.callpath import Analysis, CallPath, StateObject

T = TypeVar("T")

#: Words of `dependencies`.
_OPTION, _FUNCTION, _UNKNOWN = "the option ", "what a function makes of ", "a value that is not known"
_HASHED = frozenset(name for names in HASHABLE_OF.values() for name in names)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a pair of accesses: a path, the entry's name there, and who gets there.

    ``family``: what header fields are read by (`Reach.family`).  ``when``: what they are then (`Reach.told`); TRUE:
    anything, or not asked.  ``ties``: fields that have one value then (`Reach.ties`).
    """

    path: CallPath
    name: tuple[Expr, ...]
    classes: tuple[str, ...]
    loc: int
    family: Family
    when: Expr = TRUE
    ties: tuple[tuple[str, str], ...] = ()

    @property
    def port(self) -> int:
        return self.path.port


def key_equality(analysis: Analysis, obj: int, a: Side, b: Side) -> Constraint | Obstacle | None:
    """R1: packets that name one entry of ``obj`` meet.  None: the two sides can never name the same entry.

    R4 if nothing of the key is hashable: an obstacle that names what the key depends on.
    """
    pairs: list[tuple[FieldBits, FieldBits]] = []
    complete = True
    for x, y in zip(a.name, b.name, strict=True):
        found, whole, possible = pair_fields(x, y, (a.family, b.family))
        if not possible:
            return None
        pairs += found
        complete &= whole
    pairs += [(other, y) for x, y in pairs for other in _tied(x, a.ties)]
    pairs += [(x, other) for x, y in pairs for other in _tied(y, b.ties)]
    if a.port > b.port:
        a, b = b, a
        pairs = [(y, x) for x, y in pairs]
    ports, classes = (a.port, b.port), (a.classes, b.classes)
    locs = tuple(dict.fromkeys((a.loc, b.loc)))
    if pairs:
        # A key may say more (the protocol, say): sharding on the rest is coarser, hence sound.
        return Constraint(ports, tuple(dict.fromkeys(pairs)), classes, "R1", (obj,), locs)
    relation = _relation(a, b)
    named = {d for s in (a, b) for e in (*s.name, s.when) for d in dependencies(analysis, s.path, e, s.family)}
    depends = tuple(sorted(named))
    if relation is not None and (a.family, b.family) != (4, 4):
        text = (
            f"{analysis.objects[obj].name} is keyed by what packets compute of {', '.join(depends)}; "
            "could not decide how to steer IPv6 by that"
        )
        return Obstacle(None, text, (obj,), locs, depends, "name its entries by the addresses and ports themselves")
    if relation is not None:
        return Constraint(ports, (), classes, "R1", (obj,), locs, relation)
    name = analysis.objects[obj].name
    text = f"{name} is keyed by {', '.join(depends)}: no NIC hashes {_unhashable(depends)}"
    if not depends:
        text = f"{name} is keyed by a constant, whatever the packet's addresses and ports are"
    return Obstacle("R4", text, (obj,), locs, depends, remedy_for(depends))


def _tied(bits: FieldBits, ties: tuple[tuple[str, str], ...]) -> Iterable[FieldBits]:
    """Bits of other fields that have the same value."""
    for x, y in ties:
        if bits.field in (x, y):
            yield replace(bits, field=y if bits.field == x else x)


def few_keys(analysis: Analysis, few: Mapping[int, tuple[int, ...]], constraints: list[Constraint]) -> list[Obstacle]:
    """R4: objects that packets find under a few constants (``few``, with places) leave work for as few cores.

    Where they are all that parts packets, that is the best there is; not where others part them better.
    """
    others = {o for c in constraints if few.keys().isdisjoint(c.objects) for o in c.objects}
    found = []
    for obj, locs in few.items() if others else ():
        read = (named_bytes(c, side) for c in constraints if obj in c.objects for side in (0, 1))
        fields = tuple(sorted(frozenset[str]().union(*read)))
        if not fields:
            continue
        names = [analysis.objects[o].name for o in sorted(others)]
        text = (
            f"{analysis.objects[obj].name} is keyed by constants, of which {', '.join(fields)} selects one: "
            f"for its sake all packets would go to a few cores, those of {', '.join(names)}, too"
        )
        remedy = f"beside the constant, put what names entries of {names[0]} into its key"
        found.append(Obstacle("R4", text, (obj,), locs, fields, remedy))
    return found


def outside_view(
    reach: Reach, constraint: Constraint, paths: tuple[set[int], set[int]], obj: StateObject
) -> Iterable[Obstacle]:
    """A field is only what its name says if the frame is IPv4, or IPv6, (and TCP/UDP) on every path of either side."""
    for side, mine in enumerate(paths):
        fields = {pair[side].field for pair in constraint.equal} | named_bytes(constraint, side)
        family: Family = 4 if fields & frozenset(HASHABLE_OF[4]) or not fields else 6
        ports = fields & PORTS_OF[family]
        l4 = classes.view_predicate(classes.L4[family])
        if reach.always(mine, l4 if ports else lor(l4, classes.view_predicate(classes.L3[family]))):
            continue
        what = f"TCP or UDP over IPv{family}" if ports else f"IPv{family}"
        text = (
            f"{obj.name}: {', '.join(sorted(fields))} would also be read from frames that are not {what}; "
            "could not decide how to steer such frames"
        )
        remedy = f"leave alone what is not {what} before this"
        yield Obstacle(None, text, (obj.id,), constraint.locs, tuple(sorted(fields)), remedy)


def named_bytes(constraint: Constraint, side: int) -> frozenset[str]:
    """The fields that a relation, if there is one, reads of the packet on ``side``."""
    found: set[str] = set()
    for s in symbols(constraint.relation) if constraint.relation is not None else ():
        byte = s.value
        if isinstance(byte, PacketByte) and byte.packet == "ab"[side]:
            found |= {f.name for f in FIELDS.values() if f.offset <= byte.offset < f.offset + f.size}
    return frozenset(found)


def _relation(a: Side, b: Side) -> Expr | None:
    """The equality as a formula, when it is about hashable fields but not bit by bit: arithmetic, or constants that the
    fields' values select.  Parts of the key that say anything else are left out, which relates more packets."""
    result = land(_renamed(a.when, "a"), _renamed(b.when, "b"))
    for x, y in zip(a.name, b.name, strict=True):
        if all(symbols(e) <= bytes_of(HASHABLE_OF[side.family]) for e, side in ((x, a), (y, b))):
            result = land(result, eq(_renamed(x, "a"), _renamed(y, "b")))
    return result if symbols(result) else None


def _renamed(e: Expr, packet: Packet) -> Expr:
    return substitute(e, {s: of_packet(s, packet) for s in symbols(e)})


def dependencies(analysis: Analysis, path: CallPath, e: Expr, family: Family) -> set[str]:
    """What an expression of ``path``, whose frames are of ``family``, depends on, in a network engineer's words."""
    found: set[str] = set()
    for s in symbols(e):
        match s.value:
            case PacketByte(offset):
                f = field_bit(PacketBit(offset, 0), family)
                found.add(f[0] if f else f"frame byte {offset}")
            case Now():
                found.add("the time")
            case InputPort():
                found.add("the input port")
            case PacketLength():
                found.add("the frame length")
            case Option(place):
                found.add(f"{_OPTION}{place}")
            case _:
                found |= _made(analysis, path, s, family)
    return found


def _made(analysis: Analysis, path: CallPath, s: Expr, family: Family) -> set[str]:
    """What a symbol that an event of the path produced depends on."""
    origin = path.producer(s)
    if origin is None:
        return {_UNKNOWN}
    if origin.op.effect is Effect.CALCULATE:
        operands = {d for operand in origin.operands for d in dependencies(analysis, path, operand, family)}
        if any(o.startswith(_FUNCTION) for o in operands):
            return operands
        return {f"{_FUNCTION}{' and '.join(sorted(operands))}"} if operands else {_UNKNOWN}
    kind = "an index of" if origin.op.effect is Effect.ALLOCATE else "what is stored in"
    return {f"{kind} {analysis.objects[origin.objects[0]].name}"}


def remedy_for(depends: tuple[str, ...]) -> str:
    """What would help where an entry is named by something that no NIC hashes."""
    if any(d.startswith(("what is stored in", "an index of")) for d in depends):
        return "keep it per flow; entries that other state names may be wanted by any packet"
    if not depends:
        return "let an IP address or a port name the entry, too"
    if any(d.startswith(_OPTION) for d in depends):
        return "name its entries without options, or write a constant for them"
    by_address = "name its entries by IP addresses or ports"
    if any(d.startswith(_FUNCTION) or d in (_UNKNOWN, *_HASHED) for d in depends):
        return f"{by_address} as they are, or by what C's operators make of them alone"
    hashed = ", ".join(d for d in depends if d in ALL_FIELDS or d.startswith("frame byte"))
    return f"{by_address}; or a NIC that hashes {hashed} (no profile has one)" if hashed else by_address


def _unhashable(depends: tuple[str, ...]) -> str:
    """Which of these are to blame."""
    blamed = [d for d in depends if d not in _HASHED]
    return "any of that" if len(blamed) == len(depends) else " or ".join(blamed) or "what is made of that"


def subsume(constraints: list[Constraint]) -> list[Constraint]:
    """R2: of constraints on the same ports the coarser one wins; equal ones are merged.

    Also dropped: "equal fields on port p meet" where p is already tied to another port by these or fewer fields
    (a packet of the other port stands between the two: there is one if no field is tied to several).
    """
    merged: dict[tuple[object, ...], Constraint] = {}
    for c in constraints:
        key = (c.ports, frozenset(c.equal), c.relation)
        merged[key] = _absorb(merged[key], c, merged[key].rule) if key in merged else c
    kept: list[Constraint] = []
    for c in sorted(merged.values(), key=lambda c: (len(_bits(c)), c.relation is not None, c.ports, repr(c.equal))):
        for i, k in enumerate(kept):
            if c.relation is None and k.relation is None and k.ports == c.ports and _bits(k) <= _bits(c):
                kept[i] = _absorb(k, c, "R2")
                break
        else:
            kept.append(c)
    for c in [c for c in kept if c.ports[0] == c.ports[1] and c.relation is None and all(x == y for x, y in c.equal)]:
        for t in [k for k in kept if k.ports[0] != k.ports[1] and _one_to_one(k)]:
            side = t.ports.index(c.ports[0]) if c.ports[0] in t.ports else None
            if side is None or t.relation is not None or not {p[side] for p in _bits(t)} <= {x for x, _ in _bits(c)}:
                continue
            if set(c.classes[0]) | set(c.classes[1]) <= set(t.classes[side]):
                kept[kept.index(t)] = replace(t, objects=_union(t.objects, c.objects), locs=_union(t.locs, c.locs))
                kept.remove(c)
                break
    return sorted(kept, key=lambda c: (c.ports, repr(c.equal)))


def _bits(c: Constraint) -> frozenset[tuple[tuple[str, int], tuple[str, int]]]:
    """The pairs of equal bits: (field, number) on either side."""
    return frozenset(
        ((x.field, x.low + i), (y.field, y.low + i)) for x, y in c.equal for i in range(x.high - x.low + 1)
    )


def _one_to_one(c: Constraint) -> bool:
    """Whether each bit that is named on either side is tied to one bit of the other."""
    bits = _bits(c)
    return all(len({pair[side] for pair in bits}) == len(bits) for side in (0, 1))


def _absorb(kept: Constraint, other: Constraint, rule: Rule) -> Constraint:
    return replace(
        kept,
        rule=rule,
        objects=_union(kept.objects, other.objects),
        locs=_union(kept.locs, other.locs),
        classes=(_union(kept.classes[0], other.classes[0]), _union(kept.classes[1], other.classes[1])),
    )


def _union(a: tuple[T, ...], b: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*a, *b)))


def choose(analysis: Analysis, constraints: list[Constraint], fate: dict[int, frozenset[int]]) -> list[Obstacle]:
    """R3: together, the constraints may leave no header bit that decides the core.  Then some groups of objects must be
    shared (`fate`); the obstacle names those.

    Of all ways to part them, the one that keeps most objects sharded is taken; of several such, the one that keeps
    what set-up allocates first.
    """
    if not _starved(_linear(constraints)):
        return []
    groups = sorted({fate[o] for c in constraints for o in c.objects}, key=min)
    kept = next(kept for kept in _largest(groups) if not _starved(_linear(_within(constraints, kept))))
    lost = [g for g in groups if g not in kept]
    cores = ((_smallest([*_within(constraints, kept), *_within(constraints, [g])]), g) for g in lost)
    return [_disjoint(analysis, core, g) for core, g in cores]


def _largest(groups: list[frozenset[int]]) -> Iterable[list[frozenset[int]]]:
    """Sets of groups, those with most objects first.  Beyond a dozen groups not all sets are looked at: only those that
    leave out the groups from some on."""
    if len(groups) > 12:
        return (groups[:n] for n in range(len(groups), -1, -1))
    places = range(len(groups) - 1, -1, -1)
    chosen = [[g for g, n in zip(groups, places, strict=True) if bits >> n & 1] for bits in range(1 << len(groups))]
    chosen.reverse()
    return sorted(chosen, key=lambda found: sum(map(len, found)), reverse=True)


def _within(constraints: list[Constraint], groups: list[frozenset[int]]) -> list[Constraint]:
    return [c for c in constraints if any(not g.isdisjoint(c.objects) for g in groups)]


def _linear(constraints: list[Constraint]) -> list[Constraint]:
    return [c for c in constraints if c.relation is None]


def _smallest(constraints: list[Constraint]) -> list[Constraint]:
    """The smallest set of the constraints that starves a port, after leaving out what others imply."""
    core = _linear(subsume(constraints))
    for c in list(core):
        rest = [k for k in core if k is not c]
        if _starved(rest):
            core = rest
    return core


def _disjoint(analysis: Analysis, core: list[Constraint], group: frozenset[int]) -> Obstacle:
    names = " and ".join(
        f"port {c.ports[0]} ({', '.join(field_text(x) for x, _ in c.equal)}) = "
        f"port {c.ports[1]} ({', '.join(field_text(y) for _, y in c.equal)})"
        for c in core
    )
    keyed = [analysis.objects[o].name for o in sorted({o for c in core for o in c.objects})]
    text = f"the constraints {names} have no field in common: all packets would meet on one core"
    if len(core) == 1:
        text = f"the constraint {names} has no field in common on both sides: all packets would meet on one core"
    remedy = f"let the keys of {' and '.join(keyed)} have a field in common"
    if len(keyed) == 1:
        remedy = f"put and look up in {keyed[0]} under the same field of each port's packets"
    return Obstacle(
        "R3",
        text,
        tuple(sorted(group)),
        tuple(dict.fromkeys(x for c in core for x in c.locs)),
        tuple(dict.fromkeys(show_field(f) for c in core for pair in c.equal for f in pair)),
        remedy,
    )


def disjoint_keys(obj: StateObject, pairs: list[tuple[Side, Side]]) -> Obstacle | None:
    """R3 for keys that no NIC hashes: whether hashing them would help at all."""
    everything: Mapping[Family, tuple[str, ...]] = {family: tuple(FIELDS_OF[family]) for family in FIELDS_OF}
    constraints = []
    for a, b in pairs:
        families, fields = (a.family, b.family), tuple(ALL_FIELDS)
        equal = [p for x, y in zip(a.name, b.name, strict=True) for p in pair_fields(x, y, families, fields)[0]]
        if equal:
            constraints.append(
                Constraint((a.port, b.port), tuple(equal), (a.classes, b.classes), "R1", (obj.id,), (a.loc, b.loc))
            )
    if not _starved(constraints, everything):
        return None
    names = sorted({show_field(x) for c in constraints for pair in c.equal for x in pair})
    locs = tuple(dict.fromkeys(loc for c in constraints if any(x != y for x, y in c.equal) for loc in c.locs))
    text = f"{obj.name} is keyed by {' here, by '.join(names)} there: even if they were hashed, packets would all meet"
    remedy = "none by hashing: a packet looks for what others have put under another field"
    return Obstacle("R3", text, (obj.id,), locs, tuple(names), remedy)


def _starved(constraints: list[Constraint], fields: Mapping[Family, tuple[str, ...]] = HASHABLE_OF) -> bool:
    """The packets of a port over one version of IP, as far as these constraints are about them, all meet."""
    parent: dict[object, object] = {}

    def find(x: object) -> object:
        while parent.setdefault(x, x) != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    zero = "zero"
    for c in constraints:
        named: tuple[set[object], set[object]] = (set(), set())
        for x, y in c.equal:
            for i in range(x.high - x.low + 1):
                a, b = (c.ports[0], x.field, x.low + i), (c.ports[1], y.field, y.low + i)
                parent[find(a)] = find(b)
                named[0].add(a)
                named[1].add(b)
        for side, mine in enumerate(named):
            for bit in _bits_of(*_packets(c, side), fields):
                if bit not in mine:
                    parent[find(bit)] = find(zero)
    packets = {_packets(c, side) for c in constraints for side in (0, 1)}
    return any(all(find(b) == find(zero) for b in _bits_of(*p, fields)) for p in packets)


def _packets(c: Constraint, side: int) -> tuple[int, Family]:
    """The packets on one side of a constraint: their port, and the version of IP that its fields are of."""
    named = {pair[side].field for pair in c.equal}
    return c.ports[side], 4 if named.issubset(FIELDS) else 6


def _bits_of(port: int, family: Family, fields: Mapping[Family, tuple[str, ...]]) -> list[tuple[int, str, int]]:
    return [(port, f, i) for f in fields[family] for i in range(ALL_FIELDS[f].bits)]
