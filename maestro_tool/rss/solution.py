"""What a port is to be set up with, and how good that is; the JSON forms of plan.json and of the cache."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from maestro_tool.packet.classes import CLASSES, VIEWS, View
from maestro_tool.packet.fields import INPUT_BITS
from maestro_tool.rss.symmetric import FUNCTIONS, Function

STEERINGS = ("nic", "software", "any")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PortSolution:
    """Set-up of one port.

    ``hashed``: what the NIC hashes per class, in input order; ``padded``: perhaps with zeros for fields left out.
    ``software``: what this program hashes for frames with each view.  Key lengths in bytes, ``table_size`` in entries.
    ``free_dimensions``: how many bits of this port's key could be chosen freely.  ``field_ranks``: index bits that each
    field decides.  ``balance``: (traffic, workers, max/mean load); ``balance6``: of IPv6, where constraints name it.
    ``function``: how NIC and software hash.  ``rules``: types of the rte_flow RSS rule of each class, if the set-up is
    made of them.  ``key_fixed``: the NIC has this key, and no other.
    """

    port: int
    key: bytes
    key_length_passed: int
    table_size: int
    setup: str | None
    padded: bool
    rss_hf: tuple[str, ...]
    hashed: tuple[tuple[str, tuple[str, ...]], ...]
    steering: tuple[tuple[str, str], ...]
    software: tuple[tuple[View, tuple[str, ...]], ...]
    free_dimensions: int
    field_ranks: tuple[tuple[str, int], ...]
    balance: tuple[tuple[str, int, float], ...]
    balance6: tuple[tuple[str, int, float], ...] = ()
    function: Function = "toeplitz"
    rules: tuple[tuple[str, tuple[str, ...]], ...] = ()
    key_fixed: bool = False


@dataclass(frozen=True, slots=True)
class RssSolution:
    """``satisfiable`` False: only degenerate keys exist, which send all packets of a port to one core.

    Then ``ports`` is empty, ``conflict`` numbers the constraints (of `Problem.constraints`) of an irreducible
    contradiction, and ``reason`` says it in words.  ``problem``: digest of the problem.  ``agreeing_bits``: hash
    bits that related packets share.  ``groups``: () if they share the index; or else the number of a group for each
    index of the (common) table, from 0 on in order of first occurrence.  Related packets then meet indices of one
    group, which must have one worker.
    """

    satisfiable: bool
    problem: str
    agreeing_bits: int
    ports: tuple[PortSolution, ...] = ()
    conflict: tuple[int, ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()


def ports_json(solution: RssSolution) -> list[dict[str, Any]]:
    """The ``ports`` of plan.json."""
    return [_port_json(p) for p in solution.ports]


def to_json(solution: RssSolution) -> dict[str, Any]:
    """The form that is cached; `from_json` reads it."""
    return {
        "satisfiable": solution.satisfiable,
        "problem": solution.problem,
        "agreeing_bits": solution.agreeing_bits,
        "conflict": list(solution.conflict),
        "reason": solution.reason,
        "notes": list(solution.notes),
        "groups": list(solution.groups),
        "ports": [
            _port_json(p) | {"nic_hashed": {c: list(f) for c, f in p.hashed}, "setup": p.setup, "padded": p.padded}
            for p in solution.ports
        ],
    }


def _port_json(p: PortSolution) -> dict[str, Any]:
    return {
        "port": p.port,
        "key": p.key.hex(),
        "key_length": len(p.key),
        "key_length_passed": p.key_length_passed,
        "table_size": p.table_size,
        "key_fixed": p.key_fixed,
        "function": p.function,
        "rss_hf": list(p.rss_hf),
        "rules": {c: list(types) for c, types in p.rules},
        "hashed": {c: list(f) for c, f in effective_hash(p)},
        "steering": dict(p.steering),
        "software_input": {view: list(fields) for view, fields in p.software},
        "free_dimensions": p.free_dimensions,
        "field_ranks": dict(p.field_ranks),
        "balance": by_traffic(p.balance),
        "balance6": by_traffic(p.balance6),
    }


def by_traffic(balance: Iterable[tuple[str, int, float]]) -> dict[str, dict[str, float]]:
    """Kind of traffic -> number of workers -> max/mean load."""
    found: dict[str, dict[str, float]] = {}
    for traffic, workers, ratio in balance:
        found.setdefault(traffic, {})[str(workers)] = ratio
    return found


def effective_hash(p: PortSolution) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What is hashed for each class, by whom its steering says.

    Classes whose frames have more than one view are left out where software hashes: see ``software_input``.
    """
    steering, result = dict(p.steering), []
    nic, software = dict(p.hashed), dict(p.software)
    for name in CLASSES:
        if nic and steering[name] != "software":
            fields = nic.get(name, ())
        else:
            [view, *others] = CLASSES[name].views
            fields = software[view] if view is not None and not others else ()
        if fields:
            result.append((name, fields))
    return tuple(result)


def from_json(data: Any) -> RssSolution:
    """Inverse of `to_json`; ValueError on anything else.  What it says is not to be trusted before `verify.check`."""
    try:
        ports = tuple(_port_from_json(p) for p in data["ports"])
        solution = RssSolution(
            satisfiable=_of(bool, data["satisfiable"]),
            problem=_of(str, data["problem"]),
            agreeing_bits=_of(int, data["agreeing_bits"]),
            ports=ports,
            conflict=tuple(_of(int, c) for c in data["conflict"]),
            reason=_of(str, data["reason"]),
            notes=tuple(_of(str, n) for n in data["notes"]),
            groups=tuple(_of(int, g) for g in data["groups"]),
        )
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"not an RSS solution: {error}") from None
    if to_json(solution) != data:
        raise ValueError("not an RSS solution: unknown or inconsistent entries")
    return solution


def _port_from_json(data: Any) -> PortSolution:
    return PortSolution(
        port=_of(int, data["port"]),
        key=bytes.fromhex(data["key"]),
        key_length_passed=_of(int, data["key_length_passed"]),
        table_size=_of(int, data["table_size"]),
        setup=None if data["setup"] is None else _of(str, data["setup"]),
        padded=_of(bool, data["padded"]),
        rss_hf=tuple(_of(str, f) for f in data["rss_hf"]),
        hashed=tuple((c, _fields(data["nic_hashed"][c])) for c in CLASSES if c in data["nic_hashed"]),
        steering=tuple((c, _of(str, data["steering"][c])) for c in CLASSES),
        software=tuple((v, _fields(data["software_input"][v])) for v in VIEWS if v is not None),
        free_dimensions=_of(int, data["free_dimensions"]),
        field_ranks=tuple((f, _of(int, data["field_ranks"][f])) for f in INPUT_BITS if f in data["field_ranks"]),
        balance=_balance(data["balance"]),
        balance6=_balance(data["balance6"]),
        function=_one_of(FUNCTIONS, data["function"]),
        rules=tuple((c, tuple(_of(str, t) for t in data["rules"][c])) for c in CLASSES if c in data["rules"]),
        key_fixed=_of(bool, data["key_fixed"]),
    )


def _balance(data: Any) -> tuple[tuple[str, int, float], ...]:
    return tuple(
        (traffic, int(workers), float(ratio))
        for traffic, by_workers in sorted(data.items())
        for workers, ratio in sorted(by_workers.items(), key=lambda kv: int(kv[0]))
    )


def _of(kind: type[T], value: Any) -> T:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not of type {kind.__name__}")
    return value


def _one_of(known: Sequence[T], value: Any) -> T:
    if value not in known:
        raise TypeError(f"{value!r} is none of {known}")
    return known[known.index(value)]


def _fields(names: Any) -> tuple[str, ...]:
    for name in names:
        if name not in INPUT_BITS:
            raise TypeError(f"{name!r} is no field of a hash input")
    return tuple(names)
