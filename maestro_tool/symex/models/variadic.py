"""Functions with a variable argument list."""

from __future__ import annotations

from maestro_tool.expr import Expr, nodes
from maestro_tool.symex.memory import Block, Uninitialised
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.values import Pointer

_STEP = 8  # as in frontend/calls.py


def va_start(site: CallSite) -> Outcome:
    """Where the variable arguments of the function that calls this lie, 8 bytes each."""
    frame = site.state.frames[-1]
    arguments = frame.variable_arguments
    block = Block("the variable arguments", _STEP * len(arguments), Uninitialised())
    for i, value in enumerate(arguments):
        wide = (
            nodes.zext(site.machine.as_integer(value, max(value.width, 1), site.loc), 8 * _STEP)
            if isinstance(value, Expr)
            else value
        )
        block.cells[_STEP * i] = (_STEP, wide)
    number = site.state.memory.add(block)
    frame.locals.append(number)
    return Pointer(number)
