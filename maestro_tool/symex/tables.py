"""Reads of tables at an index that is not known: one value made of all that it may be, instead of a path for each.

A table is memory of numbers that packets only read.  What is read of it is

* ``i == 1 ? a : i <= 5 ? b : c`` where that has few pieces: exact;
* else a number between the table's smallest and its largest, of which only that is known, and that equal indices give
  equal ones: what the NF may do includes what it does.

Elements with pointers are followed one by one, those with the same pointers together: a table of 256 functions, two of
them different, makes two paths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.walk import beneath
from maestro_tool.symex import events
from maestro_tool.symex.memory import Block, Zeros
from maestro_tool.symex.notes import NoteCode
from maestro_tool.symex.state import State
from maestro_tool.symex.values import FunctionPointer, NullPointer, Pointer, memory_order

if TYPE_CHECKING:
    from maestro_tool.symex.machine import Machine

#: Elements that are looked at; a table of more is read as before, if few of them are possible.
MOST = 1 << 16
_ADDRESSES = (Pointer, FunctionPointer, NullPointer)


def look_up(machine: Machine, state: State, address: Pointer, size: int, loc: int) -> Expr | None:
    """The ``size`` bytes at ``address``, an offset that is not known into a table; None: no table, or none that the
    offset is sure to stay inside of."""
    block = state.memory.get(address.block)
    table = None if block is None else machine.table(address.block, block)
    if block is None or table is None or table.size is None:
        return None
    offset = nodes.substitute(machine.decide(state, address.offset_expr, loc), state.known)
    if offset.is_const:
        return None
    index = progression(offset)
    offsets = _offsets(machine, state, table, offset, index, size, loc)
    if offsets is None or not all(_numbers(table, o, size) for o in offsets):
        return None
    found = [_element(machine, state, address.block, o, size, loc) for o in offsets]
    pieces = _pieces([index.of(o) for o in offsets], found)
    if len(pieces) <= machine.limits.values:
        return _choice(index.variable, pieces)
    if not all(e.is_const for e in found):  # options, which may be others when the program runs
        machine.note(loc, NoteCode.ANY_OF_TABLE, table.name)
        return events.somewhere(state, address.block, offset, 8 * size, loc)
    return _some(machine, state, address.block, table, offset, [e.const for e in found], 8 * size, loc)


def one_alike(
    machine: Machine, state: State, address: Pointer, size: int, loc: int, followed: bool
) -> Pointer | None:  # fmt: skip
    """An element with the same content as the one at ``address``, at an offset that is known; None: see `look_up`.

    ``followed``: an address is read, no number.

    The path forks by contents.
    """
    block = state.memory.get(address.block)
    table = None if block is None else machine.table(address.block, block)
    if block is None or table is None or table.size is None:
        return None
    offset = nodes.substitute(machine.decide(state, address.offset_expr, loc), state.known)
    if offset.is_const:
        return None
    index = progression(offset)
    offsets = _offsets(machine, state, table, offset, index, size, loc)
    # Elements that nobody set have no address: a table of handlers has NULL for most.
    if not offsets or not any(isinstance(v, _ADDRESSES) for o in offsets for _, _, v in table.segments(o, size)):
        return None
    kinds: dict[object, int] = {}  # content -> the first offset with it
    first = []
    for o in offsets:
        # Asked for each: the program compares at its start where pointers lead that packets follow.
        cells = machine.cells(state, address.block, block, o, size, loc, followed=followed)
        first.append(kinds.setdefault(tuple((at - o, n, v) for at, n, v in cells), o))
    if len(kinds) > machine.limits.values:
        return None
    pieces = _pieces([index.of(o) for o in offsets], [nodes.const(o, offset.width) for o in first])
    chosen = _choice(index.variable, pieces)
    return Pointer(address.block, machine.concrete(state, chosen, loc, f"an address in '{table.name}'"))


def is_choice(e: Expr) -> bool:
    """Whether ``e`` is one of a few numbers."""
    e = beneath(e, "zext", "sext", "extract")
    while e.op == "ite" and e.args[1].is_const:
        e = e.args[2]
        if e.is_const:
            return True
    return False


@dataclass(frozen=True, slots=True)
class _Progression:
    """The offset is ``base + stride * variable``, without overflow."""

    base: int
    stride: int
    variable: Expr

    @property
    def last(self) -> int:
        return self.base + self.stride * ((1 << self.variable.width) - 1)

    def of(self, offset: int) -> int:
        """The variable's value for an offset."""
        return (offset - self.base) // self.stride


def progression(offset: Expr) -> _Progression:
    base, stride, e = 0, 1, offset
    if e.op == "add" and e.args[1].is_const:
        base, e = e.args[1].const, e.args[0]
    if e.op == "mul" and e.args[1].is_const:
        stride, e = e.args[1].const, e.args[0]
    if e.op == "concat" and e.args[-1].is_const:  # so is a multiple of a power of two
        low = e.args[-1]
        base, stride, e = base + stride * low.const, stride << low.width, nodes.extract(e, e.width - 1, low.width)
    if e.op == "zext":
        e = e.args[0]
    elif e.op == "concat" and e.args[0].is_const and e.args[0].const == 0:
        e = nodes.extract(e, e.width - e.args[0].width - 1, 0)
    found = _Progression(base, stride, e)
    return found if found.last < 1 << offset.width else _Progression(0, 1, offset)


def _offsets(
    machine: Machine, state: State, table: Block, offset: Expr, index: _Progression, size: int, loc: int
) -> Sequence[int] | None:
    """Offsets of which the address has one, in order: maybe others, too."""
    assert table.size is not None
    last = table.size - size
    if index.last <= last:
        return range(index.base, index.last + 1, index.stride)
    machine.assume_inside(state, table, offset, size, loc)
    values = machine.solver.values(state.conditions, offset, machine.limits.values)
    if values is not None:
        return values if values and values[-1] <= last else None
    if last > MOST * index.stride or machine.may(state, nodes.compare("ult", nodes.const(last, 64), offset), loc):
        return None
    return range(index.base, last + 1, index.stride)


def _numbers(table: Block, offset: int, size: int) -> bool:
    return all(
        (v is None and isinstance(table.fill, Zeros)) or (isinstance(v, Expr) and v.is_const)
        for _, _, v in table.segments(offset, size)
    )


def _element(machine: Machine, state: State, number: int, offset: int, size: int, loc: int) -> Expr:
    block = state.memory.get(number)
    assert block is not None
    cells = machine.cells(state, number, block, offset, size, loc)
    return memory_order([machine.part(v, loc) for _, _, v in cells if v is not None])


#: First and last of the indices that are next to each other and have one value, and that value.
_Piece = tuple[int, int, Expr]


def _pieces(indices: Iterable[int], found: Iterable[Expr]) -> list[_Piece]:
    pieces: list[_Piece] = []
    for index, value in zip(indices, found, strict=True):
        if pieces and pieces[-1][2] is value:
            pieces[-1] = (pieces[-1][0], index, value)
        else:
            pieces.append((index, index, value))
    return pieces


def _choice(index: Expr, pieces: list[_Piece]) -> Expr:
    """The value of the piece that ``index`` is in; the one that most pieces have where it is in no other."""
    usual = Counter(value for _, _, value in pieces).most_common(1)[0][0]
    within: dict[Expr, Expr] = {}
    for number, (first, last, value) in enumerate(pieces):
        if value is usual:
            continue
        low, high = nodes.const(first, index.width), nodes.const(last, index.width)
        inside = nodes.TRUE
        if first == last:
            inside = nodes.eq(index, low)
        else:
            if number > 0:
                inside = nodes.compare("ule", low, index)
            if number < len(pieces) - 1:
                inside = nodes.land(inside, nodes.compare("ule", index, high))
        within[value] = nodes.lor(within.get(value, nodes.FALSE), inside)
    result = usual
    for value, inside in reversed(within.items()):
        result = nodes.ite(inside, value, result)
    return result


def _some(
    machine: Machine, state: State, number: int, table: Block, offset: Expr, values: list[int], bits: int, loc: int
) -> Expr:
    """A number that the offset determines, in the table's range."""
    machine.note(loc, NoteCode.ANY_OF_TABLE, table.name)
    value = events.somewhere(state, number, offset, bits, loc)
    low = nodes.compare("ule", nodes.const(min(values), bits), value)
    high = nodes.compare("ule", value, nodes.const(max(values), bits))
    within = nodes.land(low, high)
    machine.leave_out(state, loc, NoteCode.ANY_OF_TABLE, table.name, unless=within)
    state.assume(within)
    if state.witness is not None and not machine.solver.holds_under(state.witness, within):
        state.witness = None
    return value
