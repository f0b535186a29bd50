"""NFs whose plans were unsound once: the oracle must see it if they are sharded so again."""

# ruff: noqa: I001  (imports of many names are read as blocks)
from __future__ import annotations

from maestro_tool.sharding.plan import Constraint, FieldBits

from .expressions import Field, Glob, KeyMember, Member, Num, Op, Var
from .machine import Decision
from .program import (
    Allocate, Block, Borrow, Chain, Dmap, DmapErase, DmapPut, DmapValue, Get, Global, If, MakeKey, Map, Object,
    Program, Put, Rejuvenate, Return, SetGlobal, StoreKey, Struct, Vector,
)  # fmt: skip

IP = Struct("Ip", (("addr", 32),), (Member("k", "addr"),))
ODD = Struct("Odd", (("addr", 32),), (Op("/", Member("k", "addr"), Num(3)),))
PAIR = Struct("Pair", (("a", 32), ("b", 32)), (Member("k", "a"), Member("k", "b")))
TABLE: tuple[Object, ...] = (Map("map", "Ip", 1024), Vector("keys", "Ip", 1024), Chain("chain", 1024))
ODDS: tuple[Object, ...] = (Map("odd", "Odd", 1024), Vector("odd_keys", "Odd", 1024, ("addr", 3, 0)))
COUNT = SetGlobal("n", Op("+", Glob("n"), Num(1)))
DROP = Return(Field("device"))
LAST = Return(Op("-", Num(1), Field("device")))
PROBE: Block = (MakeKey("q", "Odd", (Field("dst_ip"),)), Get("xv", "odd", "q", "iv"), If(Var("xv"), (DROP,)), LAST)


def touch(*fresh: If | Borrow | Put | MakeKey | DmapPut | DmapValue | DmapErase | SetGlobal) -> Block:
    """Looks the source up, or allocates an entry for it, and then does ``fresh``."""
    made: Block = (Borrow("p", "keys", Var("i")), StoreKey("p", "k"), Put("map", "p", Var("i")), *fresh)
    return (
        MakeKey("k", "Ip", (Field("src_ip"),)), Get("x", "map", "k", "i"),
        If(Var("x"), (Rejuvenate("chain", Var("i")),), (Allocate("xa", "chain", "i"), If(Var("xa"), made))),
    )  # fmt: skip


#: Packets put the keys that a counter names into a map without a rule, and others ask for them.
BY_COUNTER = Program(
    (IP, ODD), (*TABLE, *ODDS, Global("n")), "ip",
    (*touch(), Borrow("o", "odd_keys", Op("&", Glob("n"), Num(1023))), Put("odd", "o", Num(1)), COUNT, *PROBE),
)  # fmt: skip
#: The same by a fresh index, which other cores hand out, too.
BY_FRESH_INDEX = Program(
    (IP, ODD), (*TABLE, *ODDS), "ip", (*touch(Borrow("o", "odd_keys", Var("i")), Put("odd", "o", Num(1))), *PROBE)
)
AT = Op("&", Field("src_ip"), Num(1023))
#: A count that comes back through a double map is read, after all.
THROUGH_A_DOUBLE_MAP = Program(
    (IP, PAIR), (*TABLE, Dmap("pairs", "Pair", 1024), Global("n")), "ip",
    (*touch(), COUNT, MakeKey("a", "Pair", (Glob("n"), Field("src_ip"))), MakeKey("b", "Pair", (Field("src_ip"), Glob("n"))),
     DmapPut("pairs", "a", "b", Num(0), AT), DmapValue("pairs", "ra", "rb", "xn", AT), DmapErase("pairs", AT),
     If(Op("&", KeyMember("ra", "a"), Num(1)), (DROP,)), LAST),
)  # fmt: skip
KNOWN_BAD = {
    "by a counter": BY_COUNTER,
    "by a fresh index": BY_FRESH_INDEX,
    "through a double map": THROUGH_A_DOUBLE_MAP,
}

#: Their plans before the tool was mended: (decisions, constraints).  Packets of one source meet.
SHARDED = {"map": Decision("sharded"), "keys": Decision("sharded"), "chain": Decision("sharded", split=True)}
SOURCE = FieldBits("src_ip", 31, 0)
FRAMES = (
    "tcp4",
    "udp4",
    "sctp4",
    "ipv4_other",
    "tcp4_options",
    "udp4_options",
    "sctp4_options",
    "ipv4_options_other",
    "ipv4_fragment",
    "malformed",
)
MEET = tuple(
    Constraint(ports, ((SOURCE, SOURCE),), (FRAMES, FRAMES), "R1", (), ()) for ports in ((0, 0), (0, 1), (1, 1))
)
DECISIONS = {
    "by a counter": ({**SHARDED, "odd": Decision("shared"), "n": Decision("per-core")}, MEET),
    "by a fresh index": ({**SHARDED, "odd": Decision("shared")}, MEET),
    "through a double map": ({**SHARDED, "pairs": Decision("shared"), "n": Decision("per-core")}, MEET),
}
