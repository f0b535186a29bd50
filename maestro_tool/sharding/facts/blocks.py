"""Entries that belong to an index though they are not named by it alone: ``index * stride + offset``.

With offsets proved to be below the stride, blocks of different indices are disjoint: who owns the index owns them.
"""

from __future__ import annotations

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import TRUE, binary, compare, const, land, substitute, symbols
from maestro_tool.solver import BUDGETS, Context, sharing

#: Indices are below libVig's IRANG_LIMIT (double-chain.h), 2^20, which the program checks: a block's number then never
#: wraps in 32 bits.
_LARGEST_STRIDE = (1 << 32) // (1 << 20)


class Prover:
    """Proves formulas about paths; remembers what it was asked."""

    def __init__(self) -> None:
        self._context = Context()
        self._blocks: dict[tuple[Expr, Expr | None, Expr], tuple[int, Expr] | None] = {}

    def always(self, conditions: tuple[Expr, ...], claim: Expr) -> bool:
        """True if ``claim`` follows from ``conditions``, proved; False also when it could not be decided."""
        return self._context.follows(sharing(conditions, claim), claim, BUDGETS.claim)

    def stride(self, conditions: tuple[Expr, ...], first: Expr, end: Expr | None, index: Expr) -> int | None:
        """How many entries the block of ``index`` has in which ``first`` (with ``end``: all of first .. end - 1) lies,
        proved; None if there is no such block."""
        found = self._form(first, end, index)
        return found[0] if found is not None and self.always(conditions, found[1]) else None

    def looks_like_block(self, entry: Expr, index: Expr) -> bool:
        """Whether ``entry`` is written as one of the block of ``index``, wherever it lies."""
        return self._form(entry, None, index) is not None

    def _form(self, first: Expr, end: Expr | None, index: Expr) -> tuple[int, Expr] | None:
        asked = first, end, index
        if asked not in self._blocks:
            self._blocks[asked] = _block_of(*asked)
        return self._blocks[asked]


def _block_of(first: Expr, end: Expr | None, index: Expr) -> tuple[int, Expr] | None:
    """The length of the block of ``index`` in which ``first`` (with ``end``: all of first .. end - 1) lies, if the
    claim holds; None if it has not the form of one.  The length is read off the expression; that it is right is part
    of the claim."""
    if first.width != index.width or (end is not None and end.width != index.width):
        return None
    zero, one = (const(n, index.width) for n in (0, 1))
    others = {s: const(0, s.width) for s in symbols(first) if s is not index and s.width}
    with_one, with_zero = (substitute(first, {**others, index: n}) for n in (one, zero))
    if not (with_one.is_const and with_zero.is_const):
        return None
    stride = (with_one.const - with_zero.const) % (1 << index.width)
    if not 1 < stride <= _LARGEST_STRIDE:
        return None
    size = const(stride, index.width)
    start = binary("mul", index, size)
    claim = TRUE
    if end is None:
        claim = compare("ult", binary("sub", first, start), size)
    else:
        for bound in (first, end):
            claim = land(claim, compare("ule", binary("sub", bound, start), size))
    return stride, claim
