"""What an expression depends on: header fields, the time, options, state."""

from __future__ import annotations

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import symbols
from maestro_tool.expr.symbols import InputPort, Now, Option, PacketByte, PacketLength
from maestro_tool.operations.row import Effect
from maestro_tool.packet.fields import Family
from maestro_tool.sharding.facts.bits import PacketBit, field_bit
from maestro_tool.sharding.plan import Dependency
from maestro_tool.symex.callpath import CallPath


def dependencies(path: CallPath, e: Expr, family: Family) -> frozenset[Dependency]:
    """What an expression of ``path``, whose frames are of ``family``, depends on."""
    found: set[Dependency] = set()
    for s in symbols(e):
        match s.value:
            case PacketByte(offset):
                f = field_bit(PacketBit(offset, 0), family)
                found.add(Dependency("field", f[0]) if f else Dependency("byte", number=offset))
            case Now():
                found.add(Dependency("time"))
            case InputPort():
                found.add(Dependency("port"))
            case PacketLength():
                found.add(Dependency("length"))
            case Option(place):
                found.add(Dependency("option", place))
            case _:
                found |= _made(path, s, family)
    return frozenset(found)


def _made(path: CallPath, s: Expr, family: Family) -> frozenset[Dependency]:
    """What a symbol that an event of the path produced depends on."""
    origin = path.producer(s)
    if origin is None:
        return frozenset((Dependency("unknown"),))
    if origin.op.effect is Effect.CALCULATE:
        given = frozenset[Dependency]().union(*(dependencies(path, operand, family) for operand in origin.operands))
        if any(d.kind == "function" for d in given):
            return given
        of = tuple(sorted(given, key=repr))
        return frozenset((Dependency("function", of=of) if of else Dependency("unknown"),))
    kind: str = "index" if origin.op.effect is Effect.ALLOCATE else "stored"
    return frozenset((Dependency(kind, number=origin.objects[0]),))  # type: ignore[arg-type]
