"""Re-checks a solution against its problem: what comes from a cache is never trusted.

Everything that soundness rests on is derived again from the problem; the key bits are then put into the equations.
Constraints with a relation are proved by z3 (``prove``), since their equations came from z3 in the first place.
"""

from __future__ import annotations

from collections.abc import Iterator

from maestro_tool.packet.classes import FAMILIES, FIELDS_OF_VIEW
from maestro_tool.packet.fields import field_of
from maestro_tool.rss import prove, quality
from maestro_tool.rss.equations import KeyBits, equations
from maestro_tool.rss.notes import is_note
from maestro_tool.rss.problem import HashSetup, Problem
from maestro_tool.rss.related import RelatedPairs
from maestro_tool.rss.solution import PortSolution, RssSolution
from maestro_tool.rss.steering import Layout, is_of_bytes, layout
from maestro_tool.rss.toeplitz import HASH_BITS


def check(problem: Problem, solution: RssSolution) -> list[str]:
    """What is wrong with ``solution``, in words; [] if it may be used.

    Balance and free dimensions are numbers that are not checked: nothing unsound follows from them.
    """
    if solution.problem != problem.digest:
        return ["the solution belongs to another problem"]
    if not solution.satisfiable:
        return [] if not solution.ports else ["a contradiction has no ports"]
    if [p.port for p in solution.ports] != list(range(len(problem.ports))):
        return [f"the solution has {len(solution.ports)} ports, the problem {len(problem.ports)}"]
    violations = [v for p in solution.ports for v in _port(problem, p)]
    if len({p.table_size for p in solution.ports}) > 1:
        violations.append("the ports' tables differ in size")
    if solution.reason or solution.conflict or not all(map(is_note, solution.notes)):
        violations.append("it says what no solver says")
    if solution.groups and (
        problem.full_hash
        or not _in_order(solution.groups)
        or len(solution.groups) != solution.ports[0].table_size
        or 1 << solution.agreeing_bits != len(solution.groups)
    ):
        violations.append("the groups are not those of the table's indices")
    least = solution.ports[0].table_size.bit_length() - 1 if solution.ports else 0
    if not least <= solution.agreeing_bits <= HASH_BITS or (problem.full_hash and solution.agreeing_bits < HASH_BITS):
        violations.append(f"{solution.agreeing_bits} bits of the hash are too few to agree")
    return violations or list(_constraints(problem, solution))


def _in_order(groups: tuple[int, ...]) -> bool:
    """Numbers from 0 on, in order of first occurrence: the program has arrays by them."""
    found = tuple(dict.fromkeys(groups))
    return found == tuple(range(len(found)))


def _port(problem: Problem, p: PortSolution) -> Iterator[str]:
    capability = problem.ports[p.port]
    if len(p.key) != capability.key_length or p.key_length_passed != capability.key_length_passed:
        yield f"port {p.port}: the key has {len(p.key)} bytes, the NIC wants {capability.key_length}"
    if p.table_size & (p.table_size - 1) or not 2 <= p.table_size <= max(capability.tables):
        yield f"port {p.port}: the NIC's table of {max(capability.tables)} entries cannot hold {p.table_size}"
    setup = _setup(problem, p)
    if p.setup is not None and setup is None:
        yield f"port {p.port}: the NIC cannot be set up as {p.setup!r}"
        return
    if setup is not None and (p.rss_hf, p.hashed, p.padded, p.function, p.rules) != (
        setup.rss_hf, setup.hashed, setup.padded, setup.function, setup.rules
    ):  # fmt: skip
        yield f"port {p.port}: flags, hashed fields or rules are not those of set-up {p.setup!r}"
    if setup is None and (p.rss_hf or p.hashed or p.rules or p.function != "toeplitz"):
        yield f"port {p.port}: flags, hashed fields or rules without a set-up of the NIC"
    fixed = capability.fixed_key if setup is not None else None
    if p.key_fixed != (fixed is not None) or (fixed is not None and p.key != fixed):
        yield f"port {p.port}: the NIC's own key is not taken as it is"
    if not all(
        _within(fields, FIELDS_OF_VIEW[view].fields, mixed=p.function != "toeplitz") for view, fields in p.software
    ):
        yield f"port {p.port}: software hashes fields that its view does not have"
    if any(len(places := _places(fields)) != len(set(places)) for _, fields in p.software):
        yield f"port {p.port}: software hashes a field twice"
    for family, balance in zip(FAMILIES, (p.balance, p.balance6), strict=True):
        if not {traffic for traffic, _, _ in balance} <= set(quality.TRAFFIC[family].reported):
            yield f"port {p.port}: the balance is of traffic that is not known"
    own = layout(problem, p.port, setup)
    if p.of_bytes != own.of_bytes:
        yield f"port {p.port}: software hashes other bytes than those that constraints name"
    allowed = dict(own.steering)
    for name, how in p.steering:
        if how != allowed[name] and (how, allowed[name]) != ("software", "nic"):
            yield f"port {p.port}: class {name} is steered by {how!r}, but must be by {allowed[name]!r}"


def _within(fields: tuple[str, ...], offered: tuple[str, ...], *, mixed: bool) -> bool:
    """Whether they are such fields, or, where nothing is mixed, bytes of them."""
    if set(fields) <= set(offered):
        return True
    return not mixed and all(map(is_of_bytes, fields)) and set(_places(fields)) <= set(_places(offered))


def _places(fields: tuple[str, ...]) -> list[int]:
    return [f.offset + n for f in map(field_of, fields) for n in range(f.size)]


def _setup(problem: Problem, p: PortSolution) -> HashSetup | None:
    return next((s for s in problem.ports[p.port].setups if s.name == p.setup), None)


def _constraints(problem: Problem, solution: RssSolution) -> Iterator[str]:
    layouts = [Layout(_setup(problem, p), p.software, p.steering, p.of_bytes) for p in solution.ports]
    bits = KeyBits.of(problem, solution.agreeing_bits)
    key = [int.from_bytes(p.key, "big") for p in solution.ports]
    lengths = [8 * len(p.key) for p in solution.ports]
    ones = {
        offset + i
        for offset, value, length in zip(bits.offsets, key, lengths, strict=True)
        for i in range(length)
        if value >> (length - 1 - i) & 1
    }
    for number, constraint in enumerate(problem.constraints):
        if constraint.relation is not None:
            broken = not prove.holds(constraint, solution)
        else:
            broken = any(len(e & ones) & 1 for e in equations(constraint, layouts, bits, RelatedPairs()))
        if broken:
            yield f"constraint {number}: related packets of ports {constraint.ports} can meet different cores"
