"""Linear algebra over GF(2); a vector is a Python integer, coordinate v is bit v."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class Span:
    """A subspace that grows by `add`; rows are kept with distinct leading (highest) bits."""

    def __init__(self, vectors: Iterable[int] = ()) -> None:
        self.rows: dict[int, int] = {}
        for v in vectors:
            self.add(v)

    def reduce(self, vector: int) -> int:
        """``vector`` modulo the subspace: 0 if it lies inside."""
        rows = self.rows
        rest = vector
        done = 0
        while rest:
            lead = rest.bit_length() - 1
            row = rows.get(lead)
            if row is None:
                done |= 1 << lead
                rest ^= 1 << lead
            else:
                rest ^= row
        return done

    def add(self, vector: int) -> bool:
        """True if ``vector`` was not in the subspace before."""
        rows = self.rows
        while vector:
            lead = vector.bit_length() - 1
            row = rows.get(lead)
            if row is None:
                rows[lead] = vector
                return True
            vector ^= row
        return False

    @property
    def dimension(self) -> int:
        return len(self.rows)


def rank(vectors: Iterable[int]) -> int:
    """Dimension of what the vectors span."""
    return Span(vectors).dimension


@dataclass(frozen=True, slots=True)
class SolutionSpace:
    """All x with every equation's XOR of coordinates 0: x[v] = parity(forms[v] & p) for any parameters p."""

    dimension: int
    forms: tuple[int, ...]

    def point(self, parameters: int) -> list[int]:
        """The coordinates (0 or 1) of the solution that the ``dimension`` bits of ``parameters`` select."""
        return [(form & parameters).bit_count() & 1 for form in self.forms]


def solve(unknowns: int, equations: Iterable[int]) -> SolutionSpace:
    """Solves a homogeneous system exactly: each equation is the set of unknowns whose XOR is 0."""
    rows = Span(equations).rows
    forms = [0] * unknowns
    free = 0
    for v in range(unknowns):  # a row's other unknowns are lower than its leading one: already expressed
        row = rows.get(v)
        if row is None:
            forms[v] = 1 << free
            free += 1
            continue
        rest, form = row ^ (1 << v), 0
        while rest:
            low = rest & -rest
            form ^= forms[low.bit_length() - 1]
            rest ^= low
        forms[v] = form
    return SolutionSpace(free, tuple(forms))
