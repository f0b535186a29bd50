"""Random NFs: features of the kinds that real NFs have, of shapes that can be sharded; then some sneaky change (`sneaky`)."""

# ruff: noqa: I001  (imports of many names are read as blocks)
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import TypeVar

from . import sneaky
from .expressions import (
    Choose, Expr, Field, Glob, HasPorts, IsIpv6, KeyMember, Member, Now, Num, Op, Swap, Time, Var,
)  # fmt: skip
from .keys import IPV6, draw_key, flip, reads_ports, width, without_ports
from .program import (
    Allocate, Block, Borrow, Chain, Cht, ChtFind, Dmap, DmapExpire, DmapGet, DmapPut, DmapValue, Expire,
    ExpireRange, Get, Global, If, IsAllocated, Lpm, LpmLookup, MakeKey, Map, Object, Program, Put, Rejuvenate,
    Return, Set, SetField, SetGlobal, Sketch, SketchDo, SketchKey, Stmt, Store, StoreKey, Struct, Vector, parts,
    rewritten,
)  # fmt: skip

#: Time limit in ns, and what traffic moves around.
AGE = 1000
DEVICE = Field("device")


def is_port(n: int) -> Expr:
    return Op("==", DEVICE, Num(n))


def dropped() -> Stmt:
    return Return(DEVICE)


@dataclass
class Draft:
    """An NF in the making.  ``key``: what most of its state is keyed by; ``mirrored``: flipped on ports but 0.  ``l3``: frames
    without ports have keys, too.  ``ipv6``: so have those of IPv6; which words of their addresses."""

    rng: Random
    key: tuple[Expr, ...]
    mirrored: bool
    structs: list[Struct] = field(default_factory=list)
    objects: list[Object] = field(default_factory=list)
    first: list[Stmt] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    l3: bool = False
    ipv6: int | None = None

    def name(self, prefix: str) -> str:
        self.names[prefix] = self.names.get(prefix, -1) + 1
        return f"{prefix}{self.names[prefix]}"

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def struct(self, values: tuple[Expr, ...], looser: float = 0.1) -> str:
        """A key struct for these values; with some probability its equality is looser than its members'."""
        names = [f"m{n}" for n in range(len(values))]
        wide = self.chance(0.95)
        members = [
            (name, self.rng.choice((32, width(v))) if wide else 16) for name, v in zip(names, values, strict=True)
        ]
        same: list[Expr] = [Member("k", name) for name in names]
        if self.chance(looser):
            n = self.rng.randrange(len(same))
            m = same[n]
            forms = (
                Op("/", m, Num(3)),
                Op("&", m, Num(0xFFFFFF)),
                Op(">>", m, Num(2)),
                Op("&", m, Num(0xF0)),
                Op("%", m, Num(5)),
            )
            same[n] = self.rng.choice(forms)
        if len(same) > 1 and self.chance(looser / 3):
            same = [Op(self.rng.choice("^+"), same[0], same[1]), *same[2:]]
        name = self.name("K")
        self.structs.append(Struct(name, tuple(members), tuple(same)))
        return name

    def values(self) -> str:
        name = self.name("V")
        self.structs.append(Struct(name, (("v", 32), ("w", 16)), (Member("k", "v"),)))
        return name

    def add(self, o: Object) -> str:
        self.objects.append(o)
        return o.name

    def wider(self) -> tuple[Expr, ...]:
        """The NF's key, perhaps with more fields; rarely another."""
        if self.chance(0.06):
            return draw_key(self.rng)
        more = [Field(f) for f in ("proto", "src_port", "dst_port", "src_ip") if self.chance(0.12)]
        return self.key + tuple(f for f in more if f not in self.key)

    def of_ipv6(self, x: T) -> T:
        """The same of IPv6."""

        def other(e: object) -> object:
            words = IPV6.get(e.name, (e.name,)) if isinstance(e, Field) else ()
            return Field(words[(self.ipv6 or 0) % len(words)]) if words else e

        return rewritten(x, other)

    def make(self, key: str, struct: str, values: tuple[Expr, ...], mirrored: bool) -> list[Stmt]:
        own, flipped = MakeKey(key, struct, values), MakeKey(key, struct, tuple(map(flip, values)))
        if self.ipv6 is not None:
            own, flipped = (If(IsIpv6(), (self.of_ipv6(k),), (k,)) for k in (own, flipped))
        elif self.l3 and any(reads_ports(v) for v in values):
            own, flipped = (If(HasPorts(), (k,), (rewritten(k, without_ports),)) for k in (own, flipped))
        return [If(is_port(0), (own,), (flipped,))] if mirrored else [own]


def update(d: Draft, pointer: str) -> list[Stmt]:
    """What a packet does with its entry's value."""
    v = Member(pointer, "v")
    more: tuple[Stmt, ...] = (Store(pointer, "v", Op("+", v, Num(1))),)
    return d.rng.choice([
        [*more, If(Op("<", Num(d.rng.randrange(1, 6)), v), (dropped(),))],
        [*more, SetField("packet_id", v)],
        [SetField("ttl", v), Store(pointer, "v", Op("^", v, Field(d.rng.choice(("length", "packet_id", "dst_port")))))],
        [If(Op("==", Op("&", v, Num(3)), Num(2)), (SetField("tos", Num(9)), *more), more)],
        [If(Op("<", Op("-", Now(0), v), Num(50)), (dropped(),)), Store(pointer, "v", Now(0))],
        [Store(pointer, "w", Field("packet_id")), *more, If(Op("==", Op("%", v, Num(3)), Num(0)), (SetField("packet_id", Member(pointer, "w")),))],
    ])  # fmt: skip


def flow(d: Draft) -> list[Stmt]:
    """A table of flows: found, or made; the value of an entry decides something."""
    values, mirrored = d.wider(), d.mirrored and d.chance(0.9)
    struct, capacity = d.struct(values), d.rng.choice((4, 8, 16, 64))
    table, keys = Map(d.name("map"), struct, capacity), Vector(d.name("keys"), struct, capacity)
    chain, entries = Chain(d.name("chain"), capacity), Vector(d.name("values"), d.values(), capacity)
    for o in (table, keys, chain, entries):
        d.add(o)
    k, i, found, done, p, q = (d.name(x) for x in ("k", "i", "x", "x", "p", "p"))
    if d.chance(0.8):
        d.first.append(Expire(d.name("x"), chain.name, keys.name, table.name, Time(AGE)))
    lookup = [*d.make(k, struct, values, mirrored), Get(found, table.name, k, i)]
    hit: list[Stmt] = [Rejuvenate(chain.name, Var(i))] if d.chance(0.85) else []
    hit += [Borrow(q, entries.name, Var(i)), *update(d, q)]
    miss: list[Stmt] = [
        Allocate(done, chain.name, i),
        If(Op("==", Var(done), Num(0)), (dropped() if d.chance(0.7) else SetField("tos", Num(1)),),
           (Borrow(p, keys.name, Var(i)), StoreKey(p, k), Put(table.name, p, Var(i)),
            Borrow(q, entries.name, Var(i)), Store(q, "v", d.rng.choice((Num(0), Num(1), Field("length")))), Store(q, "w", Field("packet_id")))),
    ]  # fmt: skip
    if d.chance(0.35):  # only one side opens flows
        miss = [If(is_port(0), tuple(miss), (dropped(),))]
    return [*lookup, If(Var(found), tuple(hit), tuple(miss))]


def either_way(d: Draft) -> list[Stmt]:
    """A table of connections, asked for in both directions before an entry is made."""
    values = d.key
    struct, capacity = d.struct(values), d.rng.choice((4, 16, 64))
    table, keys = d.add(Map(d.name("map"), struct, capacity)), d.add(Vector(d.name("keys"), struct, capacity))
    chain, entries = d.add(Chain(d.name("chain"), capacity)), d.add(Vector(d.name("values"), d.values(), capacity))
    k, back, i, x, p, q = (d.name(n) for n in ("k", "k", "i", "x", "p", "p"))
    d.first.append(Expire(d.name("x"), chain, keys, table, Time(AGE)))
    made: Block = (
        Borrow(p, keys, Var(i)),
        StoreKey(p, k),
        Put(table, p, Var(i)),
        Borrow(q, entries, Var(i)),
        Store(q, "v", Num(0)),
        Store(q, "w", Num(0)),
    )
    return [
        MakeKey(k, struct, values), MakeKey(back, struct, tuple(map(flip, values))), Get(x, table, k, i),
        If(Op("==", Var(x), Num(0)), (Get(x, table, back, i),)),
        If(Var(x), (Rejuvenate(chain, Var(i)), Borrow(q, entries, Var(i)), *update(d, q)),
           (Allocate(x, chain, i), If(Var(x), made, (dropped(),)))),
    ]  # fmt: skip


def touches(d: Draft) -> list[Stmt]:
    """One table that a packet touches more than once: with one key, with prefixes of several lengths, or another key."""
    first, *rest = d.key
    keys: list[tuple[Expr, ...]] = [d.key, d.key]
    match d.rng.randrange(3):
        case 0:
            keys = [(Op("&", first, Num(mask)), Num(n)) for n, mask in ((8, 0xFF), (16, 0xFFFF), (24, 0xFFFFFF))]
            keys = keys[: d.rng.choice((2, 2, 2, 3))]
        case 1:
            last = Field(d.rng.choice(("proto", "dst_port", "src_port", "dst_ip")))
            keys = [(first, *rest, Num(1)), (first, *rest, last)]
    struct, capacity = d.struct(keys[0], looser=0.05), d.rng.choice((8, 16, 64))
    table, stored = d.add(Map(d.name("map"), struct, capacity)), d.add(Vector(d.name("keys"), struct, capacity))
    chain, entries = d.add(Chain(d.name("chain"), capacity)), d.add(Vector(d.name("values"), d.values(), capacity))
    d.first.append(Expire(d.name("x"), chain, stored, table, Time(AGE)))
    made: list[Stmt] = []
    for values in keys:
        k, i, found, done, p, q = (d.name(x) for x in ("k", "i", "x", "x", "p", "p"))
        fresh: Block = (Borrow(p, stored, Var(i)), StoreKey(p, k), Put(table, p, Var(i)),
                        Borrow(q, entries, Var(i)), Store(q, "v", Num(0)), Store(q, "w", Field("packet_id")))  # fmt: skip
        hit = (Rejuvenate(chain, Var(i)), Borrow(q, entries, Var(i)), *update(d, q))
        made += d.make(k, struct, values, d.mirrored)
        made += [Get(found, table, k, i), If(Var(found), hit, (Allocate(done, chain, i), If(Var(done), fresh)))]
    return made


def counters(d: Draft) -> list[Stmt]:
    """A vector at a place that packets choose; some only count."""
    size = d.rng.choice((8, 16, 256))
    vector = d.add(Vector(d.name("counters"), d.values(), size))
    p, part = d.name("p"), d.rng.choice(d.key)
    at = Op("&", Op("^", part, Op(">>", part, Num(16))) if d.chance(0.1) else part, Num(size - 1))
    borrow = [Borrow(p, vector, at)]
    if d.mirrored:
        other = flip(at) if d.chance(0.9) else Op("&", Op(">>", flip(part), Num(8)), Num(size - 1))
        borrow = [If(is_port(0), (borrow[0],), (Borrow(p, vector, other),))]
    if d.ipv6 is not None:
        borrow = [If(IsIpv6(), tuple(map(d.of_ipv6, borrow)), tuple(borrow))]
    if d.chance(0.5):
        return [*borrow, *update(d, p)]
    return [*borrow, Store(p, "v", Op("+", Member(p, "v"), d.rng.choice((Num(1), Field("length")))))]


def variable(d: Draft) -> list[Stmt]:
    """Globals: counted and never read, or only read, or both."""
    name = d.add(Global(d.name("total"), d.rng.randrange(3)))
    count = SetGlobal(name, Op("+", Glob(name), d.rng.choice((Num(1), Field("length")))))
    test = If(Op("<", Num(1), Glob(name)), (SetField("tos", Glob(name)),))
    return d.rng.choice([[count], [count], [test], [count, test] if d.chance(0.4) else [count]])


def sketch(d: Draft) -> list[Stmt]:
    values = d.wider()
    struct = d.struct(values)
    name = d.add(Sketch(d.name("sketch"), struct, 1024, d.rng.randrange(1, 5)))
    k, x, y = d.name("k"), d.name("x"), d.name("x")
    d.first.append(SketchDo(d.name("x"), name, "expire", Time(AGE)))
    return [
        *d.make(k, struct, values, d.mirrored), SketchKey(name, k), SketchDo(y, name, "refresh"),
        SketchDo(x, name, "fetch"), If(Var(x), (dropped(),)), SketchDo(y, name, "touch"),
    ]  # fmt: skip


def routes(d: Draft) -> list[Stmt]:
    rules = ((0x0A000000, 8, 1), (0x0A000100, 24, 2), (0x0A000102, 32, 3))
    name, x = d.add(Lpm(d.name("lpm"), rules)), d.name("x")
    then = d.rng.choice((dropped(), SetField("tos", Var(x)), Return(Num(0))))
    return [
        LpmLookup(x, name, Swap(32, Field("dst_ip"))),
        If(Op("==", Var(x), Num(d.rng.choice((1, 2, 0xFFFF)))), (then,)),
    ]


def backends(d: Draft) -> list[Stmt]:
    """A backend by consistent hashing; what is stored about it leaves in the packet."""
    chain = d.add(Chain(d.name("chain"), 4, taken=d.rng.choice((2, 3))))
    cht = d.add(Cht(d.name("cht"), 13, 4))
    entries = d.add(Vector(d.name("values"), d.values(), 4, ("v", 3, 5)))
    x, i, p = d.name("x"), d.name("i"), d.name("p")
    found: Block = (Borrow(p, entries, Var(i)), SetField("packet_id", Member(p, "v")))
    return [ChtFind(x, cht, chain, Op("+", d.rng.choice(d.key), Num(0)), i), If(Var(x), found, (dropped(),))]


def pairs(d: Draft) -> list[Stmt]:
    """A double map: one key for either direction."""
    values = d.wider()
    struct, capacity = d.struct(values), d.rng.choice((8, 32))
    chain, pair = d.add(Chain(d.name("chain"), capacity)), d.add(Dmap(d.name("pairs"), struct, capacity))
    a, b, ra, rb, i, found, done, x = (d.name(n) for n in ("k", "k", "k", "k", "i", "x", "x", "x"))
    d.first.append(DmapExpire(chain, pair, Time(AGE)))
    keys: list[Stmt] = [MakeKey(a, struct, values), MakeKey(b, struct, tuple(map(flip, values)))]
    seen: list[Stmt] = [Rejuvenate(chain, Var(i)), DmapValue(pair, ra, rb, x, Var(i))]
    show: list[Stmt] = (
        [SetField("packet_id", Var(x))] if d.chance(0.7) else [If(Op("&", KeyMember(ra, "m0"), Num(1)), (dropped(),))]
    )
    put: Block = (
        Allocate(done, chain, i),
        If(Var(done), (DmapPut(pair, a, b, Field("length"), Var(i)),), (dropped(),)),
    )
    there: list[Stmt] = [DmapGet(found, pair, "a", a, i), If(Var(found), (*seen, *show), put)]
    back: list[Stmt] = [DmapGet(found, pair, "b", a, i), If(Var(found), (*seen, *show), (dropped(),))]
    return [*keys, If(is_port(0), tuple(there), tuple(back))]


def known(d: Draft) -> list[Stmt]:
    """A map that set-up fills."""
    values = d.key[:1]
    struct = d.struct(values, looser=0)
    keys = d.add(Vector(d.name("keys"), struct, 16, ("m0", d.rng.choice((1, 3, 0x01000000)), d.rng.choice((0, 10)))))
    name = d.add(Map(d.name("map"), struct, 32, (keys, 12)))
    k, x, i = d.name("k"), d.name("x"), d.name("i")
    then = d.rng.choice((dropped(), SetField("packet_id", Var(i)), SetField("tos", Num(3))))
    return [MakeKey(k, struct, values), Get(x, name, k, i), If(Var(x), (then,))]


def nat(d: Draft) -> list[Stmt]:
    """The index of a flow leaves as its source port; replies bring it, and are compared with what is stored."""
    values = (Field("dst_ip"), Field("src_ip"), Field("src_port"))
    struct, capacity = d.struct(values), d.rng.choice((8, 32))
    table, keys = d.add(Map(d.name("map"), struct, capacity)), d.add(Vector(d.name("keys"), struct, capacity))
    chain, entries = d.add(Chain(d.name("chain"), capacity)), d.add(Vector(d.name("values"), d.values(), capacity))
    k, i, x, p, q, j, y = (d.name(n) for n in ("k", "i", "x", "p", "p", "i", "x"))
    d.first.append(Expire(d.name("x"), chain, keys, table, Time(AGE)))
    made: Block = (Borrow(p, keys, Var(i)), StoreKey(p, k), Put(table, p, Var(i)),
                   Borrow(q, entries, Var(i)), Store(q, "v", Field("dst_ip")), Store(q, "w", Field("src_port")))  # fmt: skip
    out: Block = (
        MakeKey(k, struct, values), Get(x, table, k, i),
        If(Var(x), (Rejuvenate(chain, Var(i)),),
           (Allocate(x, chain, i), If(Op("==", Var(x), Num(0)), (dropped(),)), *made)),
        SetField("src_port", Swap(16, Op("+", Var(i), Num(1000)))), Return(Num(1)),
    )  # fmt: skip
    compared: Block = (If(Op("!=", Member(q, "v"), Field("src_ip")), (dropped(),)),) if d.chance(0.9) else ()
    back: Block = (
        Set(j, Op("-", Swap(16, Field("dst_port")), Num(1000))),
        If(Op("||", Op("<", Swap(16, Field("dst_port")), Num(1000)), Op("<", Num(capacity - 1), Var(j))), (dropped(),)),
        IsAllocated(y, chain, Var(j)), If(Op("==", Var(y), Num(0)), (dropped(),)),
        Borrow(q, entries, Var(j)), *compared, Rejuvenate(chain, Var(j)),
        Borrow(p, keys, Var(j)), SetField("dst_ip", Member(p, "m1")), SetField("dst_port", Member(q, "w")), Return(Num(0)),
    )  # fmt: skip
    return [If(is_port(0), out, back)]


def blocks(d: Draft) -> list[Stmt]:
    """Per source an index, and in its block of four the keys of its destination ports."""
    outer, inner = (Field("src_ip"),), (Field("src_ip"), Field("dst_port"))
    s, t = d.struct(outer), d.struct(inner)
    n = d.rng.choice((8, 16))
    map1, keys1, chain = (
        d.add(Map(d.name("map"), s, n)),
        d.add(Vector(d.name("keys"), s, n)),
        d.add(Chain(d.name("chain"), n)),
    )
    map2, keys2 = d.add(Map(d.name("map"), t, 4 * n)), d.add(Vector(d.name("keys"), t, 4 * n))
    values = d.add(Vector(d.name("values"), d.values(), n))
    k, k2, i, j, x, y, p, q, r, c = (d.name(z) for z in ("k", "k", "i", "i", "x", "x", "p", "p", "p", "x"))
    d.first.append(Expire(d.name("x"), chain, keys1, map1, Time(AGE)))
    base, used = Op("*", Var(i), Num(4)), Member(q, "v")
    clean: Block = (
        Set(c, Choose(Op("<", used, Num(4)), used, Num(4))),
        ExpireRange(keys2, map2, base, Op("+", base, Var(c))),
    ) if d.chance(0.8) else ()  # fmt: skip
    return [
        If(Op("!=", DEVICE, Num(0)), (dropped(),)),
        MakeKey(k, s, outer), Get(x, map1, k, i),
        If(Var(x), (Rejuvenate(chain, Var(i)),),
           (Allocate(x, chain, i), If(Op("==", Var(x), Num(0)), (dropped(),)),
            Borrow(q, values, Var(i)), *clean, Store(q, "v", Num(0)),
            Borrow(p, keys1, Var(i)), StoreKey(p, k), Put(map1, p, Var(i)))),
        Borrow(q, values, Var(i)), MakeKey(k2, t, inner), Get(y, map2, k2, j),
        If(Op("==", Var(y), Num(0)),
           (If(Op("<", Num(3), used), (dropped(),)), Set(j, Op("+", base, used)), Borrow(r, keys2, Var(j)), StoreKey(r, k2),
            Put(map2, r, Var(j)), Store(q, "v", Op("+", used, Num(1)))),
           (SetField("packet_id", Var(j)),) if d.chance(0.2) else ()),
    ]  # fmt: skip


T = TypeVar("T")
Feature = Callable[[Draft], list[Stmt]]
FEATURES: dict[Feature, int] = {
    flow: 12, either_way: 2, touches: 2, counters: 5, variable: 4, sketch: 3, routes: 1, backends: 2, pairs: 3, known: 3, nat: 2, blocks: 1,
}  # fmt: skip


def generate(seed: int) -> Program:
    """The NF of this seed."""
    rng = Random(seed)
    d = Draft(rng, draw_key(rng), mirrored=rng.random() < 0.6, l3=rng.random() < 0.2)
    d.ipv6 = rng.randrange(2) if rng.random() < 0.12 else None
    body: list[Stmt] = []
    for feature in rng.choices(list(FEATURES), list(FEATURES.values()), k=rng.choice((1, 1, 2, 2, 3))):
        made = feature(d)
        if rng.random() < 0.2:
            made = [If(sneaky.condition(rng), tuple(made))]
        body += made
    ports = 3 if rng.random() < 0.1 else 2
    body.append(Return(Op("-", Num(1), DEVICE)) if ports == 2 else Return(Choose(is_port(0), Num(1), Num(0))))
    program = Program(tuple(d.structs), tuple(d.objects), "ip", (*d.first, *body), ports)
    for _ in range(rng.choice((0, 0, 1, 1, 1, 2, 3))):
        program = sneaky.changed(program, rng)
    return replace(program, guard=_guard(program, rng))


def _guard(program: Program, rng: Random) -> str:
    """Ports may be read where the NF asks for them, or of all frames if there are no others."""

    def asked(s: Stmt) -> Stmt:
        return replace(s, then=()) if isinstance(s, If) and s.condition == HasPorts() else s

    body = rewritten(program.body, asked)
    ports = reads_ports(body) or any(isinstance(x, SetField) and x.field.endswith("_port") for x in parts(body))
    if any(isinstance(x, IsIpv6) for x in parts(program.body)):
        return "dual4" if ports else "dual3"
    return "l4" if ports or rng.random() < 0.2 else "ip"
