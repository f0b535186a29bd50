"""What a function that is not followed may read through the pointers that it is given.

The bytes that the packet brought are left out where nobody wrote over them: they belong to the packet anyway.
"""

from __future__ import annotations

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.symex.memory import External, PacketBytes, StateObjectFill
from maestro_tool.symex.site import CallSite
from maestro_tool.symex.state import State
from maestro_tool.symex.values import Pointer, Value


def within(site: CallSite, state: State, address: Value, start: int, end: int | None) -> list[Value]:
    """What lies ``start`` to ``end`` bytes behind ``address``, as far as the block goes; None: to its end."""
    number, block, at = site.machine.place(state, address, 0, site.loc, "reads")
    first = max(at + start, 0)
    bounds = [b for b in (block.size, None if end is None else at + end) if b is not None]
    if isinstance(block.fill, PacketBytes):
        last = min([*bounds, max((o + s for o, (s, _) in block.cells.items()), default=0)])
        return [v for _, _, v in block.segments(first, last - first) if v is not None] if last > first else []
    last = min(bounds, default=first)
    if last <= first:
        return []
    return [v for _, _, v in site.machine.cells(state, number, block, first, last - first, site.loc) if v is not None]


def loaded(site: CallSite, state: State, address: Value, size: int) -> tuple[Expr, ...]:
    """``size`` bytes that are certainly read, as one number."""
    found = site.machine.load_bytes(state, address, size, site.loc)
    return (nodes.concat(*found),) if found else ()


def numbers(site: CallSite, values: list[Value]) -> tuple[Expr, ...]:
    """Those that may differ, once each; addresses are no numbers."""
    parts = [site.machine.part(v, site.loc) for v in values]
    return tuple(dict.fromkeys(p for p in parts if not p.is_const))


def reachable(site: CallSite) -> tuple[Expr, ...]:
    """Everything that can be reached from the arguments: all of the blocks that pointers lead into."""
    found: dict[Expr, None] = {}
    seen: set[int] = set()
    work: list[Value] = list(reversed(site.args))
    while work:
        value = work.pop()
        if isinstance(value, Expr) and value.width and not value.is_const:
            found[value] = None
        if not isinstance(value, Pointer) or value.block in seen:
            continue
        seen.add(value.block)
        block = site.state.memory.get(value.block)
        if block is not None and isinstance(block.fill, StateObjectFill):
            hint = "a function that touches state must be defined in the NF"
            site.fail(UnsupportedError, f"'{site.name}' is declared as pure, but is given a state object", hint)
        if block is not None and not isinstance(block.fill, External):
            work += reversed(within(site, site.state, Pointer(value.block), 0, None))
    return tuple(found)
