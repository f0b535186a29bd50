"""Prints random NFs as C against the libVig API."""

# ruff: noqa: I001  (imports of many names are read as blocks)
from __future__ import annotations

from .expressions import (
    FIELDS, Choose, Expr, Field, Glob, HasPorts, IsIpv6, KeyMember, Member, Now, Num, Op, Swap, Time, Var,
)  # fmt: skip
from .program import (
    Allocate, Block, Borrow, Chain, Cht, ChtFind, Dmap, DmapErase, DmapExpire, DmapGet, DmapPut, DmapValue, Erase,
    Expire, ExpireOne, ExpireRange, Free, Get, Global, If, IsAllocated, Lpm, LpmLookup, MakeKey, Map, Object,
    Program, Put, Rejuvenate, Return, Set, SetField, SetGlobal, Size, Sketch, SketchDo, SketchKey, Stmt, Store,
    StoreKey, Struct, Vector, parts, statements,
)  # fmt: skip

HEAD = """#include <stdint.h>
#include <stdlib.h>
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/double-map.h"
#include "lib/verified/expirator.h"
#include "lib/verified/cht.h"
#include "lib/verified/lpm-dir-24-8.h"
#include "lib/unverified/sketch.h"

struct __attribute__((packed)) word { uint32_t bits; };
struct __attribute__((packed)) half { uint16_t bits; };

struct nf_config { int unused; };
struct nf_config config;
void nf_config_init(int argc, char **argv) { (void)argc; (void)argv; }
void nf_config_usage(void) {}
void nf_config_print(void) {}
"""
DUAL = """const bool is6 = ether->ether_type == rte_cpu_to_be_16(0x86DD);
  if (!is6 && ether->ether_type != rte_cpu_to_be_16(0x0800)) return device;
  if (packet_get_unread_length(buffer) < 44) return device;
  uint8_t *frame = (uint8_t *)nf_borrow_next_chunk(buffer, 44) - 14;
  struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + 14); (void)ip;
  struct tcpudp_hdr *ports = (struct tcpudp_hdr *)(frame + 34); (void)ports;"""
PARSE = {
    "dual3": DUAL,
    "dual4": DUAL + "\n  const uint8_t protocol = is6 ? frame[20] : frame[23];\n"
    "  if (protocol != 6 && protocol != 17) return device;",
    "ip": "struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);\n"
    "  if (ip == NULL) return device;\n"
    "  struct tcpudp_hdr *ports = nf_then_get_tcpudp_header(ip, buffer); (void)ports;",
    "l4": "struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);\n"
    "  if (ip == NULL) return device;\n"
    "  struct tcpudp_hdr *ports = nf_then_get_tcpudp_header(ip, buffer);\n"
    "  if (ports == NULL) return device;",
}
CRC = "__builtin_ia32_crc32si"
KINDS = {Map: "struct Map", Vector: "struct Vector", Chain: "struct DoubleChain", Sketch: "struct Sketch",
         Lpm: "struct lpm", Cht: "struct Vector", Dmap: "struct DoubleMap"}  # fmt: skip


def to_c(program: Program) -> str:
    made = [_allocation(program, o) for o in program.objects]
    filled = [line for o in program.objects for line in _filling(o)]
    lines = [
        HEAD,
        *(_struct(s) for s in program.structs),
        *(_dmap_functions(program.struct(o.struct)) for o in program.objects if isinstance(o, Dmap)),
        *(_declaration(o) for o in program.objects),
        "bool nf_init(void) {",
        *(f"  if (!{call}) return false;" for call in made if call),
        *(f"  {line}" for line in filled),
        "  return true;",
        "}",
        "int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {",
        "  (void)packet_length; (void)mbuf; (void)now;",
        "  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer); (void)ether;",
        f"  {PARSE[program.guard]}",
        *(f"  {line}" for line in _locals(program)),
        *_block(program.body, "  "),
        "  return device;",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _struct(s: Struct) -> str:
    members = " ".join(f"uint{bits}_t {name};" for name, bits in s.members)
    tests = " && ".join(f"{_expr(e, 'x->')} == {_expr(e, 'y->')}" for e in s.same)
    hashed = "0"
    for e in s.same:
        hashed = f"{CRC}({hashed}, {_expr(e, 'x->')})"
    zeros = " ".join(f"x->{name} = 0;" for name, _ in s.members)
    n = s.name
    return (
        f"struct {n} {{ {members} }};\n"
        f"bool {n}_eq(void *a, void *b) {{ struct {n} *x = a, *y = b; return {tests}; }}\n"
        f"unsigned {n}_hash(void *a) {{ struct {n} *x = a; return {hashed}; }}\n"
        f"void {n}_init(void *a) {{ struct {n} *x = a; {zeros} }}"
    )


def _dmap_functions(s: Struct) -> str:
    n = s.name
    return (
        f"struct {n}_pair {{ struct {n} a, b; uint32_t number; }};\n"
        f"static void {n}_copy(char *to, void *from) {{ *(struct {n}_pair *)to = *(struct {n}_pair *)from; }}\n"
        f"static void {n}_destroy(void *value) {{ (void)value; }}\n"
        f"static void {n}_keys(void *value, void **a, void **b) {{ struct {n}_pair *p = value; *a = &p->a; *b = &p->b; }}\n"
        f"static void {n}_pack(void *value, void *a, void *b) {{ (void)value; (void)a; (void)b; }}"
    )


def _declaration(o: Object) -> str:
    if isinstance(o, Global):
        return f"static uint32_t {o.name} = {o.first};"
    text = f"static {KINDS[type(o)]} *{o.name};"
    match o:
        case Cht(name, height, backends):
            return f"{text}\n#define CHT_{name} {height}, {backends}"
        case Dmap(name, struct):
            return f"{text}\ntypedef struct {struct}_pair PAIR_{name};"
    return text


def _allocation(program: Program, o: Object) -> str | None:
    match o:
        case Map(name, struct, capacity):
            return f"map_allocate({struct}_eq, {struct}_hash, {capacity}, &{name})"
        case Vector(name, struct, capacity):
            return f"vector_allocate(sizeof(struct {struct}), {capacity}, {struct}_init, &{name})"
        case Chain(name, capacity):
            return f"dchain_allocate({capacity}, &{name})"
        case Sketch(name, struct, capacity, threshold):
            return f"sketch_allocate({struct}_hash, {capacity}, {threshold}, &{name})"
        case Lpm(name):
            return f"lpm_allocate(&{name})"
        case Cht(name, height, backends):
            n = height * backends
            return f"(vector_allocate(sizeof(uint32_t), {n}, null_init, &{name}) && cht_fill_cht({name}, {height}, {backends}))"
        case Dmap(name, s, capacity):
            keys = f"{s}_eq, {s}_hash, {s}_eq, {s}_hash, sizeof(struct {s}_pair)"
            return f"dmap_allocate({keys}, {s}_copy, {s}_destroy, {s}_keys, {s}_pack, {capacity}, {capacity}, &{name})"
    return None


def _filling(o: Object) -> list[str]:
    match o:
        case Vector(name, struct, capacity, (member, factor, term)):
            store = f"p->{member} = {factor}u * i + {term}u;"
            return [f"for (uint32_t i = 0; i < {capacity}; i++) {{ struct {struct} *p; "
                    f"vector_borrow({name}, (int)i, (void **)&p); {store} }}"]  # fmt: skip
        case Map(name, _, _, (vector, n)):
            return [
                f"for (int i = 0; i < {n}; i++) {{ void *p; vector_borrow({vector}, i, &p); map_put({name}, p, i); }}"
            ]
        case Chain(name, _, taken) if taken:
            return [f"for (int i = 0, j; i < {taken}; i++) dchain_allocate_new_index({name}, &j, 0);"]
        case Lpm(name, rules):
            return [f"lpm_update_elem({name}, {prefix}u, {length}, {value});" for prefix, length, value in rules]
    return []


def _locals(program: Program) -> list[str]:
    """One declaration per name: what it is follows from its first use."""
    found: dict[str, str] = {}
    for s in statements(program.body):
        match s:
            case MakeKey(key, struct):
                found[key] = f"struct {struct} {key} = {{0}};"
            case Borrow(pointer, vector):
                found[pointer] = f"struct {program.object(vector).struct} *{pointer} = NULL;"
            case Erase(map_, _, pointer) if pointer:
                found[pointer] = f"struct {program.object(map_).struct} *{pointer} = NULL;"
            case DmapValue(dmap, a, b, number):
                for key in (a, b):
                    found[key] = f"struct {program.object(dmap).struct} {key} = {{0}};"
                found[number] = f"uint32_t {number} = 0;"
        for name in (*_variables(s), *(x.name for x in parts(s) if isinstance(x, Var))):
            found.setdefault(name, f"int {name} = 0;" if name.startswith("i") else f"uint32_t {name} = 0;")
    return [f"{text} (void){name};" for name, text in found.items()]


def _variables(s: Stmt) -> list[str]:
    match s:
        case Set(name):
            return [name]
        case Get(found, _, _, index) | DmapGet(found, _, _, _, index) | ChtFind(found, _, _, _, index):
            return [found, index]
        case Allocate(done, _, index) | ExpireOne(done, _, index):
            return [done, index]
        case Size(name) | IsAllocated(name) | Expire(name) | LpmLookup(name) | SketchDo(name):
            return [name]
    return []


def _block(block: Block, indent: str) -> list[str]:
    lines: list[str] = []
    for s in block:
        if isinstance(s, If):
            lines += [f"{indent}if ({_expr(s.condition)}) {{", *_block(s.then, indent + "  ")]
            if s.otherwise:
                lines += [f"{indent}}} else {{", *_block(s.otherwise, indent + "  ")]
            lines.append(f"{indent}}}")
        else:
            lines.append(indent + _statement(s))
    return lines


def _statement(s: Stmt) -> str:
    match s:
        case Set(name, value):
            return f"{name} = {f'(int){_expr(value)}' if name.startswith('i') else _expr(value)};"
        case SetGlobal(name, value):
            return f"{name} = {_expr(value)};"
        case SetField(field, value):
            place = FIELDS[field]
            return f"{place.lvalue} = (uint{8 * place.size}_t){_expr(value)};"
        case Return(value):
            return f"return (int){_expr(value)};"
        case MakeKey(key, struct, values):
            return f"{key} = (struct {struct}){{ {', '.join(map(_expr, values))} }};"
        case Get(found, map_, key, index):
            return f"{found} = (uint32_t)map_get({map_}, &{key}, &{index});"
        case Put(map_, pointer, value):
            return f"map_put({map_}, {pointer}, (int){_expr(value)});"
        case Erase(map_, key, pointer):
            taken = f" {pointer} = trash;" if pointer else ""
            return f"{{ void *trash; map_erase({map_}, &{key}, &trash);{taken} }}"
        case Borrow(pointer, vector, index):
            return f"vector_borrow({vector}, (int){_expr(index)}, (void **)&{pointer});"
        case Store(pointer, member, value):
            return f"{pointer}->{member} = {_expr(value)};"
        case StoreKey(pointer, key):
            return f"*{pointer} = {key};"
        case Allocate(done, chain, index, at):
            return f"{done} = (uint32_t)dchain_allocate_new_index({chain}, &{index}, {_time(at)});"
        case Rejuvenate(chain, index, at):
            return f"dchain_rejuvenate_index({chain}, (int){_expr(index)}, {_time(at)});"
        case IsAllocated(result, chain, index):
            return f"{result} = (uint32_t)dchain_is_index_allocated({chain}, (int){_expr(index)});"
        case Free(chain, index):
            return f"dchain_free_index({chain}, (int){_expr(index)});"
        case Expire(count, chain, vector, map_, before):
            return f"{count} = (uint32_t)expire_items_single_map({chain}, {vector}, {map_}, {_time(before)});"
        case ExpireRange(vector, map_, first, end):
            return f"expire_items_single_map_iteratively({vector}, {map_}, (int){_expr(first)}, (int){_expr(end)});"
        case ExpireOne(done, chain, index, before):
            return f"{done} = (uint32_t)dchain_expire_one_index({chain}, &{index}, {_time(before)});"
        case Size(result, map_):
            return f"{result} = (uint32_t)map_size({map_});"
        case SketchKey(sketch, key):
            return f"sketch_compute_hashes({sketch}, &{key});"
        case SketchDo(result, sketch, what, at):
            match what:
                case "fetch":
                    return f"{result} = (uint32_t)sketch_fetch({sketch});"
                case "touch":
                    return f"{result} = (uint32_t)sketch_touch_buckets({sketch}, {_time(at)});"
            return f"sketch_{what}({sketch}, {_time(at)});"
        case LpmLookup(result, lpm, address):
            return f"{result} = (uint32_t)lpm_lookup_elem({lpm}, {_expr(address)});"
        case ChtFind(found, cht, chain, hash_, chosen):
            return f"{found} = (uint32_t)cht_find_preferred_available_backend({_expr(hash_)}, {cht}, {chain}, CHT_{cht}, &{chosen});"
        case DmapGet(found, dmap, which, key, index):
            return f"{found} = (uint32_t)dmap_get_{which}({dmap}, &{key}, &{index});"
        case DmapPut(dmap, a, b, number, index):
            pair = f"PAIR_{dmap} pair = {{ {a}, {b}, {_expr(number)} }};"
            return f"{{ {pair} dmap_put({dmap}, &pair, (int){_expr(index)}); }}"
        case DmapValue(dmap, a, b, number, index):
            get = f"dmap_get_value({dmap}, (int){_expr(index)}, &pair);"
            return f"{{ PAIR_{dmap} pair = {{ {a}, {b}, {number} }}; {get} {a} = pair.a; {b} = pair.b; {number} = pair.number; }}"
        case DmapErase(dmap, index):
            return f"dmap_erase({dmap}, (int){_expr(index)});"
        case DmapExpire(chain, dmap, before):
            return f"expire_items({chain}, {dmap}, {_time(before)});"
    raise AssertionError(s)


def _time(t: Time) -> str:
    text = f"now - {t.age}" if t.age else "now"
    return f"{text} + {_expr(t.plus)}" if t.plus is not None else text


def _expr(e: Expr, key: str = "k->") -> str:
    match e:
        case Num(value):
            return f"{value}u"
        case Field(name):
            return f"(uint32_t){FIELDS[name].lvalue}"
        case Var(name):
            return f"(uint32_t){name}" if name.startswith("i") else name
        case Member("k", member):
            return f"(uint32_t){key}{member}"
        case Member(pointer, member):
            return f"(uint32_t){pointer}->{member}"
        case KeyMember(name, member):
            return f"(uint32_t){name}.{member}"
        case Glob(name):
            return name
        case Op(op, left, right):
            return f"({_expr(left, key)} {op} {_expr(right, key)})"
        case Swap(bits, of):
            return f"(uint32_t)rte_be_to_cpu_{bits}((uint{bits}_t){_expr(of, key)})"
        case Choose(condition, then, otherwise):
            return f"({_expr(condition, key)} ? {_expr(then, key)} : {_expr(otherwise, key)})"
        case Now(shift):
            return f"(uint32_t)(now >> {shift})"
        case HasPorts():
            return "(ports != NULL)"
        case IsIpv6():
            return "is6"
    raise AssertionError(e)
