"""The RSS problem: all that a solution depends on, and nothing else; its digest is the key of the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from maestro_tool import canonical
from maestro_tool.expr import text
from maestro_tool.expr.nodes import symbols
from maestro_tool.expr.symbols import PACKETS, PacketByte
from maestro_tool.nic.profile import NicProfile, RssCapability
from maestro_tool.packet.classes import CLASSES
from maestro_tool.packet.fields import FIELDS, is_hashable
from maestro_tool.packet.kinds import base
from maestro_tool.rss import symmetric
from maestro_tool.rss.symmetric import Function
from maestro_tool.sharding.plan import Constraint


@dataclass(frozen=True, slots=True)
class HashSetup:
    """One way to set up a NIC's hash: flags for ``rss_hf``, and what each class is hashed over (input order).

    ``padded``: the NIC may also hash zeros where it leaves a field out; keys must be right either way.
    ``function``: see `rss.symmetric`.  ``rules``: types of an rte_flow RSS rule for each class, if that is how.
    """

    name: str
    rss_hf: tuple[str, ...]
    hashed: tuple[tuple[str, tuple[str, ...]], ...]
    padded: bool = False
    function: Function = "toeplitz"
    rules: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def fields(self, packet_class: str) -> tuple[str, ...]:
        """() if the NIC does not hash the class."""
        return dict(self.hashed).get(packet_class, ())


@dataclass(frozen=True, slots=True)
class PortCapability:
    """What matters of a port's NIC.  ``setups`` is empty if the NIC cannot hash with a known key.

    Lengths in bytes; ``tables`` in entries, those that a program can choose from, the default first.
    ``fixed_key``: the only key that the NIC hashes with.  ``unreliable``: classes that constraints reach and that the
    NIC perhaps hashes otherwise than its set-ups say.
    """

    key_length: int
    key_length_passed: int
    tables: tuple[int, ...]
    setups: tuple[HashSetup, ...]
    fixed_key: bytes | None = None
    unreliable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """``constraints`` in canonical order, so that equal problems have equal solutions.

    ``full_hash``: all 32 bits of the hashes of related packets agree, not just those that index the table.
    """

    constraints: tuple[Constraint, ...]
    ports: tuple[PortCapability, ...]
    full_hash: bool = False

    @property
    def digest(self) -> str:
        return canonical.digest(to_json(self))


def problem(
    constraints: tuple[Constraint, ...],
    profile: NicProfile | Sequence[NicProfile],
    ports: int,
    *,
    full_hash: bool = False,
    software: bool = False,
) -> Problem:
    """``profile``: of all ports, or one for each.  ``software``: the NICs are not asked to hash (hand-off).

    ValueError if a constraint names a port that is not there.
    """
    profiles = [profile] * ports if isinstance(profile, NicProfile) else list(profile)
    if len(profiles) != ports:
        raise ValueError(f"{len(profiles)} profiles for {ports} ports")
    for c in constraints:
        if not all(0 <= p < ports for p in c.ports):
            raise ValueError(f"a constraint names ports {c.ports}; there are {ports}")
        for a, b in c.equal:
            if a.high - a.low != b.high - b.low:
                raise ValueError(f"a constraint equates {a} and {b}, of different widths")
    ordered = tuple(sorted(constraints, key=lambda c: canonical.compact(_constraint_json(c))))
    ports_of = tuple(_needed(capability(p), n, constraints) for n, p in enumerate(profiles))
    if software:
        ports_of = tuple(replace(p, setups=(), fixed_key=None) for p in ports_of)
    return Problem(ordered, ports_of, full_hash)


def _needed(port: PortCapability, number: int, constraints: Sequence[Constraint]) -> PortCapability:
    """Without doubts about classes that no constraint reaches, which change no solution."""
    reached = {
        base(name) for c in constraints for side in (0, 1) if c.ports[side] == number for name in c.classes[side]
    }
    return replace(port, unreliable=tuple(name for name in port.unreliable if name in reached))


def capability(profile: NicProfile) -> PortCapability:
    """The part of a profile that RSS solutions depend on."""
    rss = profile.rss
    others = (t for t in sorted(rss.tables.choices) if t != rss.tables.default)
    tables = (rss.tables.default, *(others if rss.tables.selectable else ()))
    fixed = None if rss.fixed_key is None else bytes.fromhex(rss.fixed_key)
    known = rss.settable.key == "always" or fixed is not None
    usable = rss.kind == "hardware" and known and rss.settable.table == "always"
    return PortCapability(
        key_length=rss.key_length or 40,
        key_length_passed=rss.passed,
        tables=tables,
        setups=tuple(_setups(rss)) if usable else (),
        fixed_key=fixed if usable else None,
        unreliable=tuple(name for name in CLASSES if name in rss.classes and not rss.classes[name].reliable),
    )


def _setups(rss: RssCapability) -> Iterator[HashSetup]:
    """The default first; what a driver does only by rte_flow, or for another hash function, after all else."""
    used = {flag for c in rss.classes.values() for flag in c.flags}
    flags = tuple(f for f in rss.flags_programmed if f in used)
    default = tuple((name, rss.classes[name].fields) for name in CLASSES if name in rss.classes)
    if default:
        yield HashSetup("default", flags, default)
    for s in rss.selections:
        hashed = tuple((name, s.classes[name]) for name in CLASSES if name in s.classes)
        rules = tuple((name, s.rules[name]) for name in CLASSES if name in s.rules)
        yield HashSetup(s.name, s.flags, hashed, s.placement == "unknown", rules=rules)
    both = tuple((name, symmetric.paired(fields)) for name, fields in default if symmetric.paired(fields))
    if both and rss.symmetric.port != "none":
        yield HashSetup("symmetric", flags, both, function=rss.symmetric.port)
    elif both and rss.symmetric.flow != "none":
        rules = tuple((name, rss.classes[name].flags) for name, _ in both)
        yield HashSetup("symmetric", flags, both, function=rss.symmetric.flow, rules=rules)


def named_fields(constraint: Constraint, side: int) -> frozenset[str]:
    """Fields that the constraint reads from the packet on ``side`` (0: a, 1: b), but for what tells which packets it is
    about."""
    names = {pair[side].field for pair in constraint.equal}
    if constraint.relation is not None:
        for byte in (s.value for s in symbols(constraint.relation)):
            if isinstance(byte, PacketByte) and byte.packet == PACKETS[side]:
                # Relations are about IPv4 only (sharding/rules/key_equality.py).
                mine = (f for f in FIELDS.values() if f.offset <= byte.offset < f.offset + f.size)
                names |= {f.name for f in mine if is_hashable(f.name)}
    return frozenset(names)


def reads(constraint: Constraint, side: int) -> frozenset[str]:
    """The hashable ones among `named_fields`."""
    return frozenset(filter(is_hashable, named_fields(constraint, side)))


def _constraint_json(c: Constraint) -> dict[str, Any]:
    return {
        "ports": list(c.ports),
        "equal": [[[f.field, f.high, f.low] for f in pair] for pair in c.equal],
        "classes": [list(names) for names in c.classes],
        "relation": None if c.relation is None else text.to_json(c.relation),
    }


def to_json(value: Problem) -> dict[str, Any]:
    """Canonical: constraints without rules, objects and locations (which change no solution)."""
    return {
        "constraints": [_constraint_json(c) for c in value.constraints],
        "full_hash": value.full_hash,
        "ports": [
            {
                "key_length": p.key_length,
                "key_length_passed": p.key_length_passed,
                "tables": list(p.tables),
                "fixed_key": None if p.fixed_key is None else p.fixed_key.hex(),
                "setups": [
                    {
                        "name": s.name,
                        "rss_hf": list(s.rss_hf),
                        "hashed": [[c, list(f)] for c, f in s.hashed],
                        "padded": s.padded,
                        "function": s.function,
                        "rules": [[c, list(f)] for c, f in s.rules],
                    }
                    for s in p.setups
                ],
            }
            | ({"unreliable": list(p.unreliable)} if p.unreliable else {})
            for p in value.ports
        ],
    }
