"""Plans whose table sends different but related indices to one worker, where no key makes the indices equal.

Searched are keys whose index is a row of bits of one field per port (``ranges``); the table merges the indices that
related packets meet (``groups``).  Where that finds nothing, what is said is what was searched, or why nothing exists.
"""

from __future__ import annotations

from dataclasses import replace

from maestro_tool.diagnostics import ResourceLimitError
from maestro_tool.packet.fields import Family
from maestro_tool.rss import gf2, quality
from maestro_tool.rss.bit_ranges import BitRanges, Candidate, candidates, relations
from maestro_tool.rss.connected import connects_all
from maestro_tool.rss.groups import grouped, range_columns, traffic_columns
from maestro_tool.rss.keysearch import KeySearch
from maestro_tool.rss.notes import note
from maestro_tool.rss.problem import Problem
from maestro_tool.rss.related import RelatedPairs
from maestro_tool.rss.solution import PortSolution, RssSolution
from maestro_tool.rss.table import entries

#: max/mean load of workers over all indices with which the search is content.
EVEN = 1.1
#: Places of the range that are tried in each field: for the usual table, and for the largest that the cards offer
#: (whose ranges contain those of the usual one at the same end).
PLACES, PLACES_OF_LARGEST = 3, 2


def merging(problem: Problem, contradiction: RssSolution, related: RelatedPairs) -> RssSolution:
    """A plan whose table merges indices; or ``contradiction``, which no plan without it escapes, with what more it
    means."""
    conflict = [problem.constraints[n] for n in contradiction.conflict]
    if not any(c.relation is not None for c in conflict):
        return contradiction  # a table that merges indices would be another key's: see docs/rss.md
    if any(connects_all(c) for c in conflict):
        return _with(contradiction, "nor can a table part them: related packets connect all of them (proved)")
    if problem.full_hash:
        return _with(contradiction, "a table that sends different indices to one core is no way to agree in all bits")
    search = _Search(problem, related)
    usual, largest = min(p.tables[0] for p in problem.ports), min(max(p.tables) for p in problem.ports)
    found = search.best(usual, PLACES)
    if found is None and largest > usual:
        found = search.best(largest, PLACES_OF_LARGEST)
    return found or _with(contradiction, search.failure())


def _with(contradiction: RssSolution, more: str) -> RssSolution:
    return replace(contradiction, reason=f"{contradiction.reason}; {more}")


class _Search:
    def __init__(self, problem: Problem, related: RelatedPairs) -> None:
        self._problem = problem
        self._related = related
        self._tried: list[BitRanges] = []
        self._impossible = False
        self._gave_up = 0

    def best(self, size: int, places: int) -> RssSolution | None:
        """The most even plan for a table of at most ``size`` entries."""
        found: list[tuple[float, int, RssSolution]] = []
        for n, candidate in enumerate(candidates(self._problem, size.bit_length() - 1, places)):
            solution = self._plan(candidate)
            if solution is not None:
                found.append((_unevenness(solution.groups), n, solution))
                if found[-1][0] <= EVEN:
                    break
            if self._impossible:
                break
        return min(found)[2] if found else None

    def _plan(self, candidate: Candidate) -> RssSolution | None:
        ranges = candidate.ranges
        size = 1 << next(iter(ranges.values())).width
        solution = KeySearch(self._problem, size, self._related, ranges).run()
        if not solution.satisfiable or not _distinguishes(solution, ranges):
            return None
        self._tried.append(ranges)
        try:
            found = grouped(relations(self._problem), solution, ranges)
        except ResourceLimitError:
            self._gave_up += 1
            return None
        if found is None:
            self._impossible |= candidate.complete
            return None
        return _reported(found)

    def failure(self) -> str:
        """What the search found out in vain."""
        if self._impossible:
            return (
                "nor can a table part them: related packets connect all indices, of which each value has one (proved)"
            )
        tried = dict.fromkeys(str(w) for ranges in self._tried for w in ranges.values())
        gave_up = f" (z3 gave up on {self._gave_up})" if self._gave_up else ""
        return (
            "tables that send different indices to one core were searched for keys whose index is "
            f"{', '.join(tried) or 'a row of bits of one field (no key is)'}: none parts those packets{gave_up}; "
            "other keys were not searched"
        )


def _distinguishes(solution: RssSolution, ranges: BitRanges) -> bool:
    """All values of the range have indices of their own."""
    for p in solution.ports:
        bits = ranges.get(p.port)
        if bits is not None and gf2.rank(range_columns(p, bits)) < bits.width:
            return False
    return True


def _reported(solution: RssSolution) -> RssSolution:
    """With the balance of the table that the groups make, and a note that says so."""
    ports = []
    for p in solution.ports:
        balance = _balance(p, 4, solution.groups)
        ports.append(replace(p, balance=balance, balance6=p.balance6 and _balance(p, 6, solution.groups)))
    count = len(set(solution.groups))
    return replace(solution, ports=tuple(ports), notes=(note("groups", count, count),))


def _balance(p: PortSolution, family: Family, groups: tuple[int, ...]) -> tuple[tuple[str, int, float], ...]:
    report = quality.report(traffic_columns(p, family), p.table_size, family, groups)
    return tuple((traffic, n, ratio) for traffic, by in sorted(report.items()) for n, ratio in by.items())


def _unevenness(groups: tuple[int, ...]) -> float:
    """max/mean load if all indices are met alike, for the number of workers that these groups serve worst."""
    worst = 1.0
    for workers in quality.WORKERS:
        table = entries(len(groups), workers, groups=groups)
        worst = max(worst, max(table.count(w) for w in range(workers)) * workers / len(table))
    return worst
