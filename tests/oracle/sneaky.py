"""Changes of a random NF that an unsound analysis would overlook: each is one edit at a random place.

An edit needs what the NF has (a table, an index); where that is missing, `changed` draws another one.
"""

# ruff: noqa: I001  (imports of many names are read as blocks)
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from .editing import NotHere, after, all_of, fresh, inserted, is_declared, objects_of, pick, replaced
from .expressions import Choose, Expr, Field, Glob, KeyMember, Member, Now, Num, Op, Swap, Time, Var
from .program import (
    Allocate, Block, Borrow, Chain, Dmap, DmapErase, DmapGet, DmapPut, DmapValue, Erase, Expire, ExpireOne, Free,
    Get, Global, If, IsAllocated, MakeKey, Map, Program, Put, Rejuvenate, Return, SetField, SetGlobal, Size, Stmt,
    Store, StoreKey, Struct, Vector, rewritten, statements,
)  # fmt: skip


def changed(program: Program, rng: Random) -> Program:
    """The NF after one edit, or as it was if none of a few draws applies."""
    for _ in range(8):
        try:
            made = rng.choices(list(EDITS), list(EDITS.values()))[0](program, rng)
        except NotHere:
            continue
        if is_declared(made):
            return made
    return program


def condition(rng: Random) -> Expr:
    """What some packets of any header satisfy."""
    return rng.choice([
        Op("==", Field("proto"), Num(rng.choice((6, 17)))), Op("==", Op("&", Field("ttl"), Num(1)), Num(0)),
        Op("==", Field("device"), Num(rng.randrange(2))), Op("<", Field("length"), Num(70)),
        Op("==", Op("&", Field(rng.choice(("src_ip", "dst_ip"))), Num(0x01000000)), Num(0)),
        Op("==", Field("src_ip"), Field("dst_ip")), Op("==", Field("src_port"), Field("dst_port")),
        Op("<", Swap(32, Field("src_ip")), Swap(32, Field("dst_ip"))), Op("==", Op("&", Now(8), Num(3)), Num(0)),
        Op("!=", Op("&", Field("fragment"), Num(0xFF3F)), Num(0)), Op("<", Swap(16, Field("dst_port")), Num(1024)),
    ])  # fmt: skip


def _index(program: Program, rng: Random) -> tuple[str, str, Any]:
    """(index variable, what it is an index of, the statement that sets it)"""
    s = pick(rng, all_of(program, Get, Allocate, DmapGet))
    return s.index, s.map if isinstance(s, Get) else s.chain if isinstance(s, Allocate) else s.dmap, s


def _number(program: Program, rng: Random) -> Expr:
    """Something of state, or of the packet."""
    found: list[Expr] = [Field(f) for f in ("src_ip", "dst_ip", "length", "ttl")]
    found += [Var(s.index) for s in all_of(program, Get, Allocate)] * 2 + [
        Glob(o.name) for o in objects_of(program, Global)
    ] * 3
    found += [Member(s.pointer, s.member) for s in all_of(program, Store)]
    return rng.choice(found)


# The edits


def key_of_something_else(program: Program, rng: Random) -> Program:
    """A counter, an index, or what is stored as a part of a key."""
    s = pick(rng, all_of(program, MakeKey))
    n = rng.randrange(len(s.values))
    value = _number(program, rng)
    return replaced(program, s, replace(s, values=(*s.values[:n], value, *s.values[n + 1 :])))


def flipped_key(program: Program, rng: Random) -> Program:
    """Source and destination swapped, for one port or all."""
    other = {
        "src_ip": "dst_ip",
        "dst_ip": "src_ip",
        "src_port": "dst_port",
        "dst_port": "src_port",
        "src6_0": "dst6_0",
        "src6_3": "src6_0",
    }
    s = pick(rng, all_of(program, MakeKey))
    return replaced(program, s, rewritten(s, lambda x: Field(other.get(x.name, x.name)) if isinstance(x, Field) else x))


def sorted_key(program: Program, rng: Random) -> Program:
    """The smaller address first."""
    s = pick(rng, [s for s in all_of(program, MakeKey) if Field("src_ip") in s.values and Field("dst_ip") in s.values])
    less = Op("<", Field("src_ip"), Field("dst_ip"))
    low, high = Choose(less, Field("src_ip"), Field("dst_ip")), Choose(less, Field("dst_ip"), Field("src_ip"))
    values = tuple(low if v == Field("src_ip") else high if v == Field("dst_ip") else v for v in s.values)
    return replaced(program, s, replace(s, values=values))


def shown_index(program: Program, rng: Random) -> Program:
    index, _, s = _index(program, rng)
    test = If(Op("&", Var(index), Num(1)), (Return(Field("device")),))
    then = rng.choice((SetField("packet_id", Var(index)), test, SetField("src_port", Op("+", Var(index), Num(7)))))
    return after(program, s, then) if rng.random() < 0.5 else inserted(program, rng, then)


def filled_by_counter(program: Program, rng: Random) -> Program:
    """A map that others ask is filled by the number of the packet, or by a fresh index: nothing says who must meet."""
    struct = Struct(
        fresh(program, "O"), (("m0", 32),), (rng.choice((Op("/", Member("k", "m0"), Num(3)), Member("k", "m0"))),)
    )
    keys = Vector(
        fresh(program, "keys"),
        struct.name,
        64,
        ("m0", rng.choice((1, 3, 0x01000000)), rng.choice((0, 0x0A000001, 0x0100000A))),
    )
    table, total = Map(fresh(program, "map"), struct.name, 64), Global(fresh(program, "total"))
    p, k, x, i, y = (fresh(program, z) for z in ("p", "k", "xs", "is", "xt"))
    allocations = all_of(program, Allocate)
    program = replace(program, structs=(*program.structs, struct), objects=(*program.objects, keys, table, total))
    put: Block = (Put(table.name, p, Num(1)),)
    if rng.random() < 0.5:
        put = (MakeKey(k, struct.name, (Member(p, "m0"),)), Get(y, table.name, k, i), If(Op("==", Var(y), Num(0)), put))
    if allocations and rng.random() < 0.5:
        s = rng.choice(allocations)
        then = If(Var(s.done), (Borrow(p, keys.name, Op("&", Var(s.index), Num(63))), *put))
        program = after(program, s, then)
    else:
        count = SetGlobal(total.name, Op("+", Glob(total.name), Num(1)))
        program = inserted(program, rng, Borrow(p, keys.name, Op("&", Glob(total.name), Num(63))), *put, count)
    f = Field(rng.choice(("src_ip", "dst_ip")))
    asked = rng.choice((f, Swap(32, f), Op("&", f, Num(63)), Op(">>", f, Num(24))))
    probe = (MakeKey(k, struct.name, (asked,)), Get(x, table.name, k, i), If(Var(x), (Return(Field("device")),)))
    return replace(program, body=(*program.body[:-1], *probe, program.body[-1]))


def pair_by_counter(program: Program, rng: Random) -> Program:
    """A value of a double map is put, read back and erased: what packets counted decides."""
    struct = Struct(fresh(program, "D"), (("m0", 32), ("m1", 32)), (Member("k", "m0"), Member("k", "m1")))
    pair, total = Dmap(fresh(program, "pairs"), struct.name, 64), Global(fresh(program, "total"))
    a, b, x = fresh(program, "k"), fresh(program, "kk"), fresh(program, "xs")
    f = Field(rng.choice(("src_ip", "dst_ip")))
    places = [Num(0), Op("&", f, Num(63))] + [Op("&", Var(s.index), Num(63)) for s in all_of(program, Allocate, Get)]
    at = rng.choice(places)
    count = SetGlobal(total.name, Op("+", Glob(total.name), Num(1)))
    make = (MakeKey(a, struct.name, (Glob(total.name), f)), MakeKey(b, struct.name, (f, Glob(total.name))))
    use: tuple[Stmt, ...] = (
        DmapPut(pair.name, a, b, Num(1), at),
        DmapValue(pair.name, a, b, x, at),
        DmapErase(pair.name, at),
    )
    test = If(Op("&", KeyMember(a, "m0"), Num(1)), (Return(Field("device")),))
    program = replace(program, structs=(*program.structs, struct), objects=(*program.objects, pair, total))
    return inserted(program, rng, count, *make, *use, test)


def second_way(program: Program, rng: Random) -> Program:
    """Another map to the same entries, under another key."""
    s = pick(rng, all_of(program, Put))
    index = s.value
    struct = Struct(fresh(program, "S"), (("m0", 32),), (Member("k", "m0"),))
    keys, table = Vector(fresh(program, "keys"), struct.name, 64), Map(fresh(program, "map"), struct.name, 64)
    p, k, x, i, q = (fresh(program, z) for z in ("p", "k", "xs", "is", "q"))
    f = Field(rng.choice(("src_ip", "dst_ip", "src_port", "dst_port")))
    new = (Borrow(p, keys.name, index), MakeKey(k, struct.name, (f,)), StoreKey(p, k), Put(table.name, p, index))
    values = [v for v in objects_of(program, Vector) if v.struct.startswith("V")]
    program = replace(program, structs=(*program.structs, struct), objects=(*program.objects, keys, table))
    program = after(program, s, *new)
    then: Block = (SetField("tos", Num(2)),)
    if values:
        v = rng.choice(values)
        then = (Borrow(q, v.name, Op("&", Var(i), Num(v.capacity - 1))), SetField("packet_id", Member(q, "v")))
    return inserted(program, rng, MakeKey(k, struct.name, (f,)), Get(x, table.name, k, i), If(Var(x), then))


def erased(program: Program, rng: Random) -> Program:
    """An entry is erased, freed, or both, and used on."""
    s = pick(rng, all_of(program, Get))
    tables = {e.map: e for e in all_of(program, Expire)}
    chain = tables[s.map].chain if s.map in tables else pick(rng, objects_of(program, Chain)).name
    p = fresh(program, "p")
    erase, free = Erase(s.map, s.key, p), Free(chain, Var(s.index))
    struct = program.struct(program.object(s.map).struct)
    member = rng.choice(struct.members)[0]
    show, again, change = (
        SetField("packet_id", Member(p, member)),
        Put(s.map, p, Var(s.index)),
        Store(p, member, Field("ttl")),
    )
    what = rng.choice((
        (erase, free), (free, erase), (erase,), (free,), (erase, free, Rejuvenate(chain, Var(s.index))),
        (erase, free, show), (erase, again), (erase, free, again), (erase, change, again), (erase, free, change),
    ))  # fmt: skip
    test = Op("&&", Var(s.found), condition(rng)) if rng.random() < 0.7 else Var(s.found)
    leave = (Return(Field("device")),) if rng.random() < 0.5 else ()
    return after(program, s, If(test, (*what, *leave)))


def early_return(program: Program, rng: Random) -> Program:
    leave = If(condition(rng), (Return(rng.choice((Field("device"), Num(1)))),))
    return replace(program, body=(leave, *program.body)) if rng.random() < 0.5 else inserted(program, rng, leave)


def other_limit(program: Program, rng: Random) -> Program:
    s = pick(rng, all_of(program, Expire))
    plus = rng.choice((None, None, Field("length"), Field("ttl")))
    second = replace(s, count=fresh(program, "x"), before=Time(rng.choice((0, 300, 700, 1000, 3000)), plus))
    return rng.choice(
        (lambda: inserted(program, rng, second), lambda: replaced(program, s, If(condition(rng), (s,), (second,))))
    )()


def counted_expiry(program: Program, rng: Random) -> Program:
    s = pick(rng, all_of(program, Expire))
    then = rng.choice((SetField("tos", Var(s.count)), If(Var(s.count), (Return(Field("device")),))))
    return inserted(program, rng, then)


def other_age(program: Program, rng: Random) -> Program:
    s = pick(rng, all_of(program, Allocate, Rejuvenate))
    return replaced(program, s, replace(s, at=rng.choice((Time(500), Time(0, Field("ttl")), Time(0, Field("length"))))))


def moved(program: Program, rng: Random) -> Program:
    """A statement is taken away, doubled, put elsewhere, or done by some packets only."""
    s = pick(rng, [s for s in statements(program.body) if not isinstance(s, If | Return)])
    match rng.randrange(4):
        case 0:
            return replaced(program, s)
        case 1:
            return replaced(program, s, s, s)
        case 2:
            return replaced(program, s, If(condition(rng), (s,)))
    return inserted(replaced(program, s), rng, s)


def rewritten_field(program: Program, rng: Random) -> Program:
    """A header is changed, perhaps before keys are made of it."""
    field = rng.choice(("src_ip", "dst_ip", "src_port", "dst_port", "ttl"))
    value = rng.choice(
        (_number(program, rng), Field("dst_ip"), Field("src_port"), Op("&", Field(field), Num(0xFFFF00)))
    )
    return inserted(program, rng, SetField(field, value))


def other_table(program: Program, rng: Random) -> Program:
    """One table's index, or key, in another."""
    match rng.randrange(3):
        case 0:
            s = pick(rng, all_of(program, Get))
            kinds = {o.name: o.struct for o in objects_of(program, Map)}
            return replaced(
                program, s, replace(s, map=pick(rng, [m for m in kinds if kinds[m] == kinds[s.map] and m != s.map]))
            )
        case 1:
            index, _, s = _index(program, rng)
            v, p = pick(rng, objects_of(program, Vector)), fresh(program, "p")
            member = program.struct(v.struct).members[0][0]
            at = Op("&", Var(index), Num(v.capacity - 1))
            use = rng.choice(
                (
                    Store(p, member, Op("+", Member(p, member), Num(1))),
                    SetField("packet_id", Member(p, member)),
                    Store(p, member, Num(0)),
                )
            )
            return inserted(program, rng, Borrow(p, v.name, at), use)
    index, _, s = _index(program, rng)
    chain, x = pick(rng, objects_of(program, Chain)), fresh(program, "x")
    ask = IsAllocated(x, chain.name, Op("&", Var(index), Num(chain.capacity - 1)))
    return after(program, s, ask, If(Var(x), (SetField("tos", Num(5)),)))


def stored_elsewhere(program: Program, rng: Random) -> Program:
    """What an entry holds is something else."""
    s = pick(rng, all_of(program, Store))
    return replaced(program, s, replace(s, value=_number(program, rng)))


def changed_key(program: Program, rng: Random) -> Program:
    """A key is changed where it lies, before or after it is put."""
    s = pick(rng, all_of(program, StoreKey, Put))
    vectors = [b.vector for b in all_of(program, Borrow) if b.pointer == s.pointer]
    member = pick(rng, list(program.struct(program.object(pick(rng, vectors)).struct).members))[0]
    return after(program, s, Store(s.pointer, member, rng.choice((Num(0), _number(program, rng)))))


def shown_key(program: Program, rng: Random) -> Program:
    """What is read is the key as it is stored, not as it was asked for: more than equality compares, perhaps."""
    s = pick(rng, all_of(program, Get))
    pointers = {x.pointer for x in all_of(program, Put) if x.map == s.map}
    vector = program.object(pick(rng, [b.vector for b in all_of(program, Borrow) if b.pointer in pointers]))
    p, (member, _) = fresh(program, "p"), rng.choice(program.struct(vector.struct).members)
    struct, total = Struct(fresh(program, "R"), (("m0", 32),), (Member("k", "m0"),)), fresh(program, "map")
    k, x, i, chain, keys, q = (fresh(program, z) for z in ("kr", "xr", "ir", "chain", "keys", "q"))
    objects = (Map(total, struct.name, 16), Vector(keys, struct.name, 16), Chain(chain, 16))
    use: Block = (
        rng.choice(
            (
                SetField("packet_id", Member(p, member)),
                If(Op("&", Member(p, member), Num(1)), (Return(Field("device")),)),
            )
        ),
    )
    if rng.random() < 0.5:
        program = replace(program, structs=(*program.structs, struct), objects=(*program.objects, *objects))
        made: Block = (Borrow(q, keys, Var(i)), StoreKey(q, k), Put(total, q, Var(i)), SetField("tos", Num(8)))
        use = (MakeKey(k, struct.name, (Member(p, member),)), Get(x, total, k, i),
               If(Op("==", Var(x), Num(0)), (Allocate(x, chain, i), If(Var(x), made))))  # fmt: skip
    return after(program, s, If(Var(s.found), (Borrow(p, vector.name, Var(s.index)), *use)))


def wild_entry(program: Program, rng: Random) -> Program:
    """An element that the packet chooses, of any vector, is read or written."""
    v, p = pick(rng, objects_of(program, Vector)), fresh(program, "p")
    member = program.struct(v.struct).members[0][0]
    at = Op(
        "&",
        rng.choice((Field("src_ip"), Field("dst_ip"), Field("ttl"), Op(">>", Field("src_ip"), Num(24)))),
        Num(v.capacity - 1),
    )
    use = rng.choice((Store(p, member, Op("+", Member(p, member), Num(1))), SetField("packet_id", Member(p, member))))
    return inserted(program, rng, Borrow(p, v.name, at), use)


def other_value(program: Program, rng: Random) -> Program:
    """A map says something else than the index."""
    s = pick(rng, all_of(program, Put))
    return replaced(program, s, replace(s, value=rng.choice((_number(program, rng), Num(0), Op("^", s.value, Num(1))))))


def wild_index(program: Program, rng: Random) -> Program:
    """An index that the packet chooses, or another table's, is asked about, refreshed, freed or expired."""
    chain, x, i = pick(rng, objects_of(program, Chain)), fresh(program, "x"), fresh(program, "i")
    at = Op(
        "&",
        rng.choice((Field("src_ip"), Field("dst_ip"), Field("ttl"), _number(program, rng))),
        Num(chain.capacity - 1),
    )
    test = If(Var(x), (SetField("tos", Num(6)),))
    choices: list[Block] = [
        (IsAllocated(x, chain.name, at), test), (Rejuvenate(chain.name, at),), (Free(chain.name, at),),
        (Allocate(x, chain.name, i), test), (ExpireOne(x, chain.name, i, Time(1000)), test), (ExpireOne(x, chain.name, i, Time(1000)),),
    ]  # fmt: skip
    return inserted(program, rng, *rng.choice(choices))


def shown_size(program: Program, rng: Random) -> Program:
    """How full a table is decides something."""
    table, x = pick(rng, objects_of(program, Map)), fresh(program, "x")
    then = rng.choice((SetField("tos", Var(x)), If(Op("<", Num(3), Var(x)), (Return(Field("device")),))))
    return inserted(program, rng, Size(x, table.name), then)


def some_only(program: Program, rng: Random) -> Program:
    """An If asks something else, or more."""
    s = pick(rng, [s for s in statements(program.body) if isinstance(s, If)])
    other = rng.choice(
        (Op("&&", s.condition, condition(rng)), Op("||", s.condition, condition(rng)), Op("==", s.condition, Num(0)))
    )
    return replaced(program, s, replace(s, condition=other))


Edit = Callable[[Program, Random], Program]
EDITS: dict[Edit, int] = {
    key_of_something_else: 3, flipped_key: 2, sorted_key: 1, shown_index: 3, filled_by_counter: 3, pair_by_counter: 1,
    second_way: 3, erased: 4, shown_key: 3, early_return: 2, other_limit: 2, counted_expiry: 1, other_age: 1, moved: 4,
    rewritten_field: 2, other_table: 3, stored_elsewhere: 2, changed_key: 1, wild_entry: 2, some_only: 2, other_value: 2, wild_index: 3, shown_size: 1,
}  # fmt: skip
