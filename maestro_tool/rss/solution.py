"""What a port is to be set up with, and how good that is; also as the ``ports`` of plan.json."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from maestro_tool.forms import Hexadecimal, Natural, checked
from maestro_tool.meaning import Means
from maestro_tool.packet.classes import CLASSES, VIEWS, ClassName, View
from maestro_tool.packet.fields import INPUT_BITS, InputName, field_of
from maestro_tool.packet.kinds import KindName, base, order
from maestro_tool.rss.symmetric import Function

Steering = Literal["nic", "software", "any"]

#: What strings mean; `verify` compares all of them with the problem, or with what a solver can say.
Flags = tuple[Annotated[str, Means("flag")], ...]
Traffic = Annotated[str, Means("traffic")]
Words = Annotated[str, Means("note")]


@dataclass(frozen=True, slots=True)
class PortSolution:
    """Set-up of one port.

    ``hashed``: what the NIC hashes per class, in input order; ``padded``: perhaps with zeros for fields left out.
    ``software``: what this program hashes for frames with each view.  Key lengths in bytes, ``table_size`` in entries.
    ``free_dimensions``: how many bits of this port's key could be chosen freely.  ``field_ranks``: index bits that each
    field decides.  ``balance``: (traffic, workers, max/mean load); ``balance6``: of IPv6, where constraints name it.
    ``function``: how NIC and software hash.  ``rules``: types of the rte_flow RSS rule of each class, if the set-up is
    made of them.  ``key_fixed``: the NIC has this key, and no other.  ``of_bytes``: what this program hashes of frames
    that it steers by bytes, whatever their view; nothing of parts of such a class that go by their views.
    """

    port: Natural
    key: Hexadecimal
    key_length_passed: Natural
    table_size: Natural
    setup: Annotated[str, Means("set-up")] | None
    padded: bool
    rss_hf: Flags
    hashed: tuple[tuple[ClassName, tuple[InputName, ...]], ...]
    steering: tuple[tuple[ClassName, Steering], ...]
    software: tuple[tuple[View, tuple[InputName, ...]], ...]
    free_dimensions: Natural
    field_ranks: tuple[tuple[InputName, Natural], ...]
    balance: tuple[tuple[Traffic, Natural, float], ...]
    balance6: tuple[tuple[Traffic, Natural, float], ...] = ()
    function: Function = "toeplitz"
    rules: tuple[tuple[ClassName, Flags], ...] = ()
    key_fixed: bool = False
    of_bytes: tuple[tuple[KindName, tuple[InputName, ...]], ...] = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return checked(handler(source), _check)


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
    problem: Annotated[str, Means("problem")]
    agreeing_bits: Natural
    ports: tuple[PortSolution, ...] = ()
    conflict: tuple[Natural, ...] = ()
    reason: Words = ""
    notes: tuple[Words, ...] = ()
    groups: tuple[Natural, ...] = ()


def _check(p: PortSolution) -> None:
    """What is there for each class, view or field is there once, and in order."""
    if [c for c, _ in p.steering] != [*CLASSES] or [v for v, _ in p.software] != [v for v in VIEWS if v is not None]:
        raise ValueError("not one entry for each class or view")
    if (parts := [order(name) for name, _ in p.of_bytes]) != sorted(set(parts)):
        raise ValueError("entries that are not in order")
    for entries in (p.hashed, p.rules):
        found = [name for name, _ in entries]
        if found != [name for name in CLASSES if name in found]:
            raise ValueError("entries that are not in order")
    fields = [name for name, _ in p.field_ranks]
    if fields != sorted(set(fields), key=place):
        raise ValueError("entries that are not in order")
    for balance in (p.balance, p.balance6):
        measured = [(traffic, workers) for traffic, workers, _ in balance]
        if measured != sorted(set(measured)):
            raise ValueError("entries that are not in order")


def place(name: str) -> int:
    """Fields that NICs hash, then bytes as they are in the frame."""
    return [*INPUT_BITS].index(name) if name in INPUT_BITS else len(INPUT_BITS) + field_of(name).offset


def ports_json(solution: RssSolution) -> list[dict[str, Any]]:
    """The ``ports`` of plan.json."""
    return [_port_json(p) for p in solution.ports]


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
    } | ({"software_bytes": {c: list(fields) for c, fields in p.of_bytes}} if p.of_bytes else {})


def by_traffic(balance: Iterable[tuple[str, int, float]]) -> dict[str, dict[str, float]]:
    """Kind of traffic -> number of workers -> max/mean load."""
    found: dict[str, dict[str, float]] = {}
    for traffic, workers, ratio in balance:
        found.setdefault(traffic, {})[str(workers)] = ratio
    return found


def effective_hash(p: PortSolution) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What is hashed for each class, by whom its steering says.

    Classes whose frames have more than one view are left out where software hashes: see ``software_input``; and those
    of which parts are hashed apart: see ``software_bytes``.
    """
    steering, result = dict(p.steering), []
    nic, software, of_bytes = dict(p.hashed), dict(p.software), dict(p.of_bytes)
    parted = {base(name) for name in of_bytes}
    for name in CLASSES:
        if name in parted:
            fields = of_bytes.get(name, ())
        elif nic and steering[name] != "software":
            fields = nic.get(name, ())
        else:
            [view, *others] = CLASSES[name].views
            fields = software[view] if view is not None and not others else ()
        if fields:
            result.append((name, fields))
    return tuple(result)
