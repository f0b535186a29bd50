"""Places in an array of the NF's own that packets choose among more than are followed one by one.

The array is a state object then, as all memory that packets write: reading gives bytes that are not known, writing may
change any of them.  Where there are few places (`limits.Limits.values`), each is a path of its own, and better known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from maestro_tool.expr import nodes
from maestro_tool.symex.tables import MOST, progression
from maestro_tool.symex.values import Pointer

if TYPE_CHECKING:
    from maestro_tool.symex.machine import Machine
    from maestro_tool.symex.state import State


def offsets(machine: Machine, state: State, address: Pointer, size: int, loc: int) -> Sequence[int] | None:
    """Offsets that an access of ``size`` bytes may have, and maybe others, all inside of the block.

    None: they are few, or not sure to be inside of it.
    """
    block = state.memory.get(address.block)
    if block is None or block.size is None:
        return None
    offset = nodes.substitute(machine.decide(state, address.offset_expr, loc), state.known)
    if offset.is_const:
        return None
    last = block.size - size
    index = progression(offset)
    machine.assume_inside(state, block, offset, size, loc)
    if machine.solver.values(state.conditions, offset, machine.limits.values) is not None:
        return None
    if last > MOST * index.stride:
        return None
    if index.last > last and machine.may(state, nodes.compare("ult", nodes.const(last, 64), offset), loc):
        # The block was made as large as options say, maybe.
        fixed = machine.fixed(offset, loc)
        if fixed is offset or machine.may(state, nodes.compare("ult", nodes.const(last, 64), fixed), loc):
            return None
    return range(index.base, min(index.last, last) + 1, index.stride)
