"""Constraints + NIC capabilities -> the best correct keys, or the constraints that contradict each other.

1. Keys under which related packets have equal indices, for the size of table that balances best (``keysearch``).
2. If there are none, keys for which a table can send different but related indices to one core (``tables``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from maestro_tool.nic.profile import NicProfile
from maestro_tool.rss import quality, tables
from maestro_tool.rss.keysearch import KeySearch
from maestro_tool.rss.notes import note
from maestro_tool.rss.problem import Problem
from maestro_tool.rss.problem import problem as make_problem
from maestro_tool.rss.related import RelatedPairs
from maestro_tool.rss.solution import RssSolution
from maestro_tool.sharding.plan import Constraint

#: max/mean load of tables in which every worker has about as many entries as any other.
WELL_DIVIDED = 1.01


def solve(
    constraints: tuple[Constraint, ...],
    profile: NicProfile | Sequence[NicProfile],
    ports: int,
    *,
    full_hash: bool = False,
) -> RssSolution:
    """``profile``: of all ports, or one per port; ``conflict`` of the result numbers ``constraints`` as given.

    Deterministic.  ResourceLimitError if z3 gives up on a relation.
    """
    problem = make_problem(constraints, profile, ports, full_hash=full_hash)
    solution = solve_problem(problem)
    given = [next(n for n, c in enumerate(constraints) if c is problem.constraints[i]) for i in solution.conflict]
    return replace(solution, conflict=tuple(sorted(given)))


def solve_problem(problem: Problem) -> RssSolution:
    """Solves a canonical problem; ``conflict`` numbers its constraints.  See `solve`."""
    related = RelatedPairs()
    size = table_size(problem)
    solution = KeySearch(problem, size, related).run()
    if solution.satisfiable:
        best, best_size = solution, size
        for other_size in filter(None, (larger_table(problem), *smaller_tables(problem, solution))):
            other = KeySearch(problem, other_size, related).run()
            if other.satisfiable and _unevenness(other) < _unevenness(best):
                best, best_size = other, other_size
        return _limited(best, best_size) if best_size < size else best
    if size <= 2:
        return solution
    # Any table that tells two indices apart can be had with one index bit (by another key), so that size 2 decides
    # whether there is a plan at all; if there is, take the largest table that it allows.
    smallest = KeySearch(problem, 2, related).run()
    while smallest.satisfiable and not solution.satisfiable:
        size //= 2
        solution = KeySearch(problem, size, related).run()
    if not solution.satisfiable:
        return tables.merging(problem, smallest, related)
    return _limited(solution, size)


def _limited(solution: RssSolution, size: int) -> RssSolution:
    return replace(solution, notes=(*solution.notes, note("few indices", size, size)))


def table_size(problem: Problem) -> int:
    """One table for all ports, of the smallest NIC's default size; a NIC's larger table repeats it (index mod size)."""
    return min((p.tables[0] for p in problem.ports), default=1)


def larger_table(problem: Problem) -> int | None:
    """Where the default cannot be divided well: the smallest table that can, or else the largest that is offered."""
    usual, most = table_size(problem), min((max(p.tables) for p in problem.ports), default=1)
    sizes = sorted({t for p in problem.ports for t in p.tables if usual < t <= most})
    if not sizes or quality.granularity(usual) <= WELL_DIVIDED:
        return None
    return next((t for t in sizes if quality.granularity(t) <= WELL_DIVIDED), sizes[-1])


def smaller_tables(problem: Problem, solution: RssSolution) -> tuple[int, ...]:
    """As many entries as the bits tell apart that the narrowest constraint leaves, or that decide under the solution.

    None of the index is then wasted on other bits, whose columns, which overlap their neighbours, must be zero.
    """
    constrained = {p for c in problem.constraints for p in c.ports}
    named = [sum(a.high - a.low + 1 for a, _ in c.equal) for c in problem.constraints if c.equal and c.relation is None]
    deciding = [max(rank for _, rank in p.field_ranks) for p in solution.ports if p.port in constrained]
    index_bits = table_size(problem).bit_length() - 1
    counts = {max(1, min(bits)) for bits in (named, deciding) if bits}
    return tuple(1 << n for n in sorted(counts) if n < index_bits)


def _unevenness(solution: RssSolution) -> float:
    """max/mean load, summed over ports, traffic and numbers of workers; those beyond a table's size have no work."""
    known = [{(t, n): ratio for t, n, ratio in p.balance if t != "zipf"} for p in solution.ports]
    kinds = {t for balance in known for t, _ in balance}
    return sum(
        balance.get((t, n), n / p.table_size)
        for p, balance in zip(solution.ports, known, strict=True)
        for t in kinds
        for n in quality.WORKERS
    )
