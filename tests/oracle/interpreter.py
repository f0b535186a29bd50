"""Runs random NFs: translates the small language to a Python function, which calls the abstract objects of `machine`.

A key is a tuple of its members' values, an element of a vector a list of them; a map holds the list itself, as C's map
holds the pointer.
"""

# ruff: noqa: I001  (imports of many names are read as blocks)
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .expressions import (
    FIELDS, Choose, Expr, Field, Glob, HasPorts, IsIpv6, KeyMember, Member, Now, Num, Op, Swap, Time, Var,
)  # fmt: skip
from .program import (
    Allocate, Block, Borrow, ChtFind, DmapErase, DmapExpire, DmapGet, DmapPut, DmapValue, Erase, Expire, ExpireOne,
    ExpireRange, Free, Get, If, IsAllocated, LpmLookup, MakeKey, Program, Put, Rejuvenate, Return, Set, SetField,
    SetGlobal, Size, SketchDo, SketchKey, Stmt, Store, StoreKey, Struct, parts, statements,
)  # fmt: skip

#: (objects by name, input port, frame, time) -> what nf_process returns, as 16 bits; the frame is changed in place.
Process = Callable[[dict[str, Any], int, bytearray, int], int]
#: Members of a key -> what its equality compares.
Normal = Callable[[Any], tuple[int, ...]]

M = "0xFFFFFFFF"


def normal(struct: Struct) -> Normal:
    emit = _Emitter(None)
    emit.pointers["k"] = struct
    parts = ", ".join(emit.expr(e) for e in struct.same)
    return _compiled(f"def made(p_k):\n return ({parts},)\n")


def process(program: Program) -> Process:
    emit = _Emitter(program)
    lines = ["def made(objects, device, frame, now):", " packet_length = len(frame)"]
    lines += [f" {o.name} = objects[{o.name!r}]" for o in program.objects]
    if program.guard.startswith("dual"):
        lines.append(" if frame[12:14] not in (b'\\x08\\x00', b'\\x86\\xdd') or packet_length < 58: return device")
        lines.append(" is_ipv6 = 1 if frame[12] == 0x86 else 0")
        lines.append(" has_ports = 1 if frame[20 if is_ipv6 else 23] in (6, 17) else 0")
    else:
        lines.append(" if frame[12:14] != b'\\x08\\x00' or packet_length < 34: return device")
        lines.append(" has_ports = frame[23] in (6, 17) and packet_length >= 38")
    if program.guard in ("l4", "dual4"):
        lines.append(" if not has_ports: return device")
    lines += emit.start()
    lines += emit.block(program.body, " ")
    lines.append(" return device")
    return _compiled("\n".join(lines) + "\n")


def _compiled(text: str) -> Any:
    names: dict[str, Any] = {"reversed_16": _reversed_16, "reversed_32": _reversed_32}
    exec(text, names)
    return names["made"]


def _reversed_16(n: int) -> int:
    return (n & 0xFF) << 8 | n >> 8 & 0xFF


def _reversed_32(n: int) -> int:
    return int.from_bytes(n.to_bytes(4, "little"), "big")


class _Emitter:
    """``pointers``, ``keys``: the structs that they point to, and are; one per name."""

    def __init__(self, program: Program | None) -> None:
        self.program = program
        self.pointers: dict[str, Struct] = {}
        self.keys: dict[str, Struct] = {}
        for s in statements(program.body) if program else ():
            match s:
                case MakeKey(key, struct):
                    self.keys[key] = program.struct(struct)
                case Borrow(pointer, vector):
                    self.pointers[pointer] = program.struct(program.object(vector).struct)
                case Erase(map_, _, pointer) if pointer:
                    self.pointers[pointer] = program.struct(program.object(map_).struct)
                case DmapValue(dmap, a, b):
                    self.keys[a] = self.keys[b] = program.struct(program.object(dmap).struct)

    def start(self) -> list[str]:
        assert self.program
        lines = [f" k_{k} = ({'0, ' * len(s.members)})" for k, s in self.keys.items()]
        names = {v for s in statements(self.program.body) for v in _assigned(s)}
        names |= {x.name for x in parts(self.program.body) if isinstance(x, Var)}
        lines += [f" v_{name} = 0" for name in sorted(names)]
        return lines + [f" p_{name} = None" for name in self.pointers]

    def block(self, block: Block, indent: str) -> list[str]:
        lines: list[str] = []
        for s in block:
            if isinstance(s, If):
                lines += [f"{indent}if {self.expr(s.condition)}:", *self.block(s.then, indent + " ")]
                lines += [f"{indent} pass", f"{indent}else:", *self.block(s.otherwise, indent + " "), f"{indent} pass"]
            else:
                lines += [indent + line for line in self.statement(s)]
        return lines

    def key(self, name: str) -> str:
        return f"k_{name}"

    def statement(self, s: Stmt) -> list[str]:
        e, t = self.expr, self.time
        match s:
            case Set(name, value):
                return [f"v_{name} = {e(value)}"]
            case SetGlobal(name, value):
                return [f"{name}[0] = {e(value)}"]
            case SetField(field, value):
                place = FIELDS[field]
                bytes_ = f"({e(value)} & {(1 << 8 * place.size) - 1}).to_bytes({place.size}, 'little')"
                return [f"frame[{place.offset}:{place.offset + place.size}] = {bytes_}"]
            case Return(value):
                return [f"return {e(value)} & 0xFFFF"]
            case MakeKey(key, struct, values):
                members = self.program.struct(struct).members  # type: ignore[union-attr]
                parts = [f"{e(v)} & {(1 << bits) - 1}" for v, (_, bits) in zip(values, members, strict=True)]
                return [f"k_{key} = ({', '.join(parts)},)"]
            case Get(found, map_, key, index):
                return [f"v_{found}, v_{index} = {map_}.get(k_{key}, v_{index})"]
            case Put(map_, pointer, value):
                return [f"{map_}.put(p_{pointer}, {e(value)})"]
            case Erase(map_, key, pointer):
                return [f"{f'p_{pointer} = ' if pointer else ''}{map_}.erase(k_{key})"]
            case Borrow(pointer, vector, index):
                return [f"p_{pointer} = {vector}.borrow({e(index)})"]
            case Store(pointer, member, value):
                struct = self.pointers[pointer]
                bits = dict(struct.members)[member]
                return [f"p_{pointer}[{struct.position(member)}] = {e(value)} & {(1 << bits) - 1}"]
            case StoreKey(pointer, key):
                return [f"p_{pointer}[:] = k_{key}"]
            case Allocate(done, chain, index, at):
                return [f"v_{done}, v_{index} = {chain}.allocate(v_{index}, {t(at)})"]
            case Rejuvenate(chain, index, at):
                return [f"{chain}.rejuvenate({e(index)}, {t(at)})"]
            case IsAllocated(result, chain, index):
                return [f"v_{result} = {chain}.is_allocated({e(index)})"]
            case Free(chain, index):
                return [f"{chain}.free_index({e(index)})"]
            case Expire(count, chain, vector, map_, before):
                lines = [
                    f"for gone in {chain}.expire({t(before)}):",
                    f" v_{count} += 1",
                    f" {map_}.erase({vector}.borrow(gone))",
                ]
                return [f"v_{count} = 0", *lines]
            case ExpireRange(vector, map_, first, end):
                return [f"for gone in range({e(first)}, {e(end)}): {map_}.erase({vector}.borrow(gone))"]
            case ExpireOne(done, chain, index, before):
                return [f"v_{done}, v_{index} = {chain}.expire_one(v_{index}, {t(before)})"]
            case Size(result, map_):
                return [f"v_{result} = {map_}.size"]
            case SketchKey(sketch, key):
                return [f"{sketch}.compute(k_{key})"]
            case SketchDo(result, sketch, "fetch"):
                return [f"v_{result} = {sketch}.fetch()"]
            case SketchDo(result, sketch, "touch", at):
                return [f"v_{result} = {sketch}.touch({t(at)})"]
            case SketchDo(_, sketch, what, at):
                return [f"{sketch}.{what}({t(at)})"]
            case LpmLookup(result, lpm, address):
                return [f"v_{result} = {lpm}.look_up({e(address)})"]
            case ChtFind(found, cht, chain, hash_, chosen):
                return [f"v_{found}, v_{chosen} = {cht}.find({e(hash_)}, {chain}, v_{chosen})"]
            case DmapGet(found, dmap, which, key, index):
                return [f"v_{found}, v_{index} = {dmap}.get_{which}(k_{key}, v_{index})"]
            case DmapPut(dmap, a, b, number, index):
                return [f"{dmap}.put(k_{a}, k_{b}, {e(number)}, {e(index)})"]
            case DmapValue(dmap, a, b, number, index):
                return [f"k_{a}, k_{b}, v_{number} = {dmap}.value({e(index)}, (k_{a}, k_{b}, v_{number}))"]
            case DmapErase(dmap, index):
                return [f"{dmap}.erase({e(index)})"]
            case DmapExpire(chain, dmap, before):
                return [f"for gone in {chain}.expire({t(before)}): {dmap}.erase(gone)"]
        raise AssertionError(s)

    def time(self, t: Time) -> str:
        text = f"now - {t.age}" if t.age else "now"
        return f"{text} + {self.expr(t.plus)}" if t.plus is not None else text

    def expr(self, e: Expr) -> str:
        match e:
            case Num(value):
                return str(value)
            case Field("device"):
                return "device"
            case Field("length"):
                return "packet_length"
            case Field(name):
                place = FIELDS[name]
                if place.size == 1:
                    return f"frame[{place.offset}]"
                return f"int.from_bytes(frame[{place.offset}:{place.offset + place.size}], 'little')"
            case Var(name):
                return f"v_{name}"
            case Member(pointer, member):
                return f"p_{pointer}[{self.pointers[pointer].position(member)}]"
            case KeyMember(key, member):
                return f"k_{key}[{self.keys[key].position(member)}]"
            case Glob(name):
                return f"{name}[0]"
            case Op("&&" | "||" as op, left, right):
                word = "and" if op == "&&" else "or"
                return f"(1 if {self.expr(left)} {word} {self.expr(right)} else 0)"
            case Op("==" | "!=" | "<" as op, left, right):
                return f"(1 if {self.expr(left)} {op} {self.expr(right)} else 0)"
            case Op("/", left, right):
                return f"({self.expr(left)} // {self.expr(right)})"
            case Op("+" | "-" | "*" | "<<" as op, left, right):
                return f"({self.expr(left)} {op} {self.expr(right)} & {M})"
            case Op(op, left, right):
                return f"({self.expr(left)} {op} {self.expr(right)})"
            case Swap(bits, of):
                return f"reversed_{bits}({self.expr(of)})"
            case Choose(condition, then, otherwise):
                return f"({self.expr(then)} if {self.expr(condition)} else {self.expr(otherwise)})"
            case Now(shift):
                return f"(now >> {shift} & {M})"
            case HasPorts():
                return "has_ports"
            case IsIpv6():
                return "is_ipv6"
        raise AssertionError(e)


def _assigned(s: Stmt) -> list[str]:
    match s:
        case (
            Set(name)
            | Size(name)
            | IsAllocated(name)
            | Expire(name)
            | LpmLookup(name)
            | SketchDo(name)
            | DmapValue(_, _, _, name)
        ):
            return [name]
        case Get(found, _, _, index) | DmapGet(found, _, _, _, index) | ChtFind(found, _, _, _, index):
            return [found, index]
        case Allocate(done, _, index) | ExpireOne(done, _, index):
            return [done, index]
    return []
