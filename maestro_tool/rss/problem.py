"""The RSS problem: all that a solution depends on, and nothing else; its digest is the key of the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from maestro_tool import canonical
from maestro_tool.expr import text
from maestro_tool.expr.nodes import symbols
from maestro_tool.nic.profile import NicProfile
from maestro_tool.packet.classes import CLASSES
from maestro_tool.packet.fields import FIELDS, HASHABLE, HASHABLE6
from maestro_tool.sharding.plan import Constraint

ADDRESSES: tuple[str, ...] = ("src_ip", "dst_ip")


@dataclass(frozen=True, slots=True)
class HashSetup:
    """One way to set up a NIC's hash: flags for ``rss_hf``, and what each class is hashed over (input order).

    ``padded``: the NIC may also hash zeros where it leaves a field out; keys must be right either way.
    """

    name: str
    rss_hf: tuple[str, ...]
    hashed: tuple[tuple[str, tuple[str, ...]], ...]
    padded: bool = False

    def fields(self, packet_class: str) -> tuple[str, ...]:
        """() if the NIC does not hash the class."""
        return dict(self.hashed).get(packet_class, ())


@dataclass(frozen=True, slots=True)
class PortCapability:
    """What matters of a port's NIC.  ``setups`` is empty if the NIC cannot hash with a key of ours.

    Lengths in bytes; ``tables`` in entries, the default first.
    """

    key_length: int
    key_length_passed: int
    tables: tuple[int, ...]
    setups: tuple[HashSetup, ...]


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
    ports_of = tuple(capability(p) for p in profiles)
    if software:
        ports_of = tuple(replace(p, setups=()) for p in ports_of)
    return Problem(ordered, ports_of, full_hash)


def capability(profile: NicProfile) -> PortCapability:
    """The part of a profile that RSS solutions depend on."""
    rss = profile.rss
    tables = (rss.tables.default, *(t for t in sorted(rss.tables.choices) if t != rss.tables.default))
    setups: list[HashSetup] = []
    if rss.kind == "hardware" and rss.settable.key == rss.settable.table == "always" and rss.classes:
        used = {flag for c in rss.classes.values() for flag in c.flags}
        base = tuple((name, rss.classes[name].fields) for name in CLASSES if name in rss.classes)
        setups.append(HashSetup("default", tuple(f for f in rss.flags_programmed if f in used), base))
        for s in rss.selections:
            hashed = tuple((name, s.classes[name]) for name in CLASSES if name in s.classes)
            setups.append(HashSetup(s.name, s.flags, hashed, s.placement == "unknown"))
    return PortCapability(rss.key_length or 40, rss.passed, tables, tuple(setups))


def named_fields(constraint: Constraint, side: int) -> frozenset[str]:
    """Fields that the constraint reads from the packet on ``side`` (0: a, 1: b)."""
    names = {pair[side].field for pair in constraint.equal}
    if constraint.relation is not None:
        prefix = "ab"[side] + ".pkt."
        for s in symbols(constraint.relation):
            if str(s.value).startswith(prefix):
                offset = int(str(s.value)[len(prefix) :])
                names |= {f.name for f in FIELDS.values() if f.offset <= offset < f.offset + f.size}
    return frozenset(names)


def reads(constraint: Constraint, side: int) -> frozenset[str]:
    """The hashable ones among `named_fields`."""
    return named_fields(constraint, side) & frozenset((*HASHABLE, *HASHABLE6))


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
                "setups": [[s.name, list(s.rss_hf), [[c, list(f)] for c, f in s.hashed], s.padded] for s in p.setups],
            }
            for p in value.ports
        ],
    }
