"""Key functions written from the program's graph do what the compiler makes of the source."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from maestro_tool import dpdk, nf, runtime
from maestro_tool.codegen.known import known_keys
from maestro_tool.frontend import ir, load_program

ROOT = Path(__file__).parents[3]

PRELUDE = """
#include "nf.h"
#include "lib/verified/map.h"
#include <string.h>
struct nf_config { int unused; };
struct nf_config config;
"""
#: All kinds of arithmetic, control flow and memory that a key function may have.
FUNCTIONS = """
struct inner { uint8_t a, b[3]; int16_t c; };
struct key { uint32_t x; int32_t y; struct inner in; uint16_t low : 5, high : 11; int8_t t; uint64_t wide; };
static unsigned h_plain(void *k) { struct key *p = k; return p->x * 31u + (unsigned)p->y; }
static unsigned h_crc(void *k) {
  struct key *p = k;
  unsigned h = __builtin_ia32_crc32qi(0, p->in.a);
  h = __builtin_ia32_crc32hi(h, p->in.c);
  h = __builtin_ia32_crc32si(h, p->y);
  return __builtin_ia32_crc32di(h, p->wide);
}
static unsigned h_loop(void *k) {
  uint8_t *p = k;
  unsigned h = 5381;
  for (int i = 0; i < (int)sizeof(struct key); i++) { if (p[i] == 7) continue; h = (h << 5) + h + p[i]; if (h == 3) break; }
  return h;
}
static unsigned h_signed(void *k) {
  struct key *p = k;
  int y = p->y / 3 + p->t % 5 - (p->y >> 3) + (p->t < p->in.c ? 9 : -2);
  long w = (long)p->y * p->t - (long)p->wide;
  return (unsigned)y ^ (unsigned)(w >> 7) ^ (unsigned)-p->t;
}
static unsigned h_bits(void *k) { struct key *p = k; return p->low * 7u + p->high + ((p->x >> 3) & 0x55u) + !p->t; }
static unsigned mix(struct inner in, unsigned by) { in.a += 3; return in.a * by + in.b[1] + (unsigned)in.c; }
static struct inner twice(struct inner in) { in.c = (int16_t)(in.c * 2); return in; }
static unsigned h_nested(void *k) { struct key *p = k; return mix(twice(p->in), p->x) + mix(p->in, 17); }
static unsigned h_switch(void *k) {
  struct key *p = k;
  switch (p->x % 7) {
    case 0: return 1;
    case 1: case 2: return p->x / 3;
    case 5: p = (struct key *)((char *)k + 4); break;
    default: return (uint16_t)(p->x * 3) + (uint8_t)p->y;
  }
  uint32_t held;
  memcpy(&held, p, 4);
  return held;
}
static unsigned h_union(void *k) {
  union { uint64_t all; uint16_t part[4]; } u = {.all = ((struct key *)k)->wide};
  uint16_t swapped[4] = {0};
  for (unsigned i = 0; i < 4; i++) swapped[i] = u.part[3 - i];
  return swapped[0] ^ swapped[1] << 3 ^ (unsigned)swapped[2] << 16 ^ swapped[3];
}
static bool e_fields(void *a, void *b) {
  struct key *p = a, *q = b;
  return p->x == q->x && p->y == q->y && p->low == q->low && p->t == q->t;
}
static bool e_bytes(void *a, void *b) { return memcmp(a, b, 13) == 0; }
static bool e_order(void *a, void *b) {
  struct key *p = a, *q = b;
  return (p->y < q->y || p->x >= q->x) && (p->t - q->t) * 2 <= 40 && p->wide / 2 != q->wide;
}
static bool e_loop(void *a, void *b) {
  const uint8_t *p = a, *q = b;
  while (p < (uint8_t *)a + 9) if (*p++ != *q++) return false;
  return p - (uint8_t *)a == 9;
}
"""
#: Functions that are called as before.
OTHERS = """
static unsigned salt = 3;
static const uint8_t table[4] = {1, 5, 2, 9};
static unsigned h_variable(void *k) { return *(uint32_t *)k + salt; }
static unsigned h_table(void *k) { return table[*(uint8_t *)k & 3]; }
static unsigned h_float(void *k) { return (unsigned)(*(uint16_t *)k * 0.5); }
static unsigned h_deep(void *k) { return *(uint8_t *)k == 0 ? 1 : h_deep((char *)k + 1); }
"""
HASHES = ("plain", "crc", "loop", "signed", "bits", "nested", "switch", "union")
EQUALITIES = ("fields", "bytes", "order", "loop")
OTHER_HASHES = ("variable", "table", "float", "deep")


def _program(tmp_path: Path) -> tuple[Path, ir.Program]:
    calls = [f"map_allocate(e_fields, h_{h}, 16, &maps[0]);" for h in (*HASHES, *OTHER_HASHES)]
    calls += [f"map_allocate(e_{e}, h_plain, 16, &maps[0]);" for e in EQUALITIES]
    source = tmp_path / "nf.c"
    source.write_text(
        f"{PRELUDE}{FUNCTIONS}{OTHERS}static struct Map *maps[1];\n"
        f"bool nf_init(void) {{ {' '.join(calls)} return true; }}\n"
        "int nf_process(uint16_t device, uint8_t **buffer, uint16_t length, vigor_time_t now, struct rte_mbuf *mbuf)"
        " { return device; }\n"
    )
    return source, load_program([source])


HARNESS = """
static unsigned char bytes[2][64];
int main(void) {
  uint64_t random = 88172645463325252u;
  for (unsigned round = 0; round < 200000; round++) {
    for (unsigned side = 0; side < 2; side++)
      for (unsigned i = 0; i < sizeof bytes[0]; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        bytes[side][i] = (unsigned char)(round % 3 == 0 ? random : random % 3 == 0 ? 0xFF * (random >> 8 & 1) : random & 7);
      }
    if (round % 4 == 0) memcpy(bytes[1], bytes[0], sizeof bytes[0]);
    if (round % 8 == 0) bytes[1][random % 40] ^= 1u << (random >> 9 & 7);
    CHECKS
  }
  return 0;
}
"""


@pytest.mark.parametrize("flags", [("-O2",), ("-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all")])
def test_bodies_do_what_the_source_does(tmp_path: Path, flags: tuple[str, ...]) -> None:
    source, program = _program(tmp_path)
    keys = known_keys(program)
    assert {k.c_name for k in keys.functions} == {f"h_{n}" for n in HASHES} | {f"e_{n}" for n in EQUALITIES}
    checks = []
    for k in keys.functions:
        if k.hashes:
            checks.append(
                f"{{ uint32_t h = 1; if (!maestro_known_hash({k.number}, bytes[0], &h) || h != {k.c_name}(bytes[0]))"
                f" return {k.number}; }}"
            )
        else:
            checks.append(
                f"{{ bool e; if (!maestro_known_equal({k.number}, bytes[0], bytes[1], &e) ||"
                f" e != {k.c_name}(bytes[0], bytes[1])) return {k.number}; }}"
            )
    text = keys.text.replace("\n", " \\\n")
    harness = HARNESS.replace("CHECKS", "\n    ".join(checks))
    (tmp_path / "all.c").write_text(f'#define MAESTRO_KNOWN_KEYS {text}\n#include "{source}"\n{harness}')
    (tmp_path / "rest.c").write_text("int map_allocate(void) { return 0; }\n")
    places = [word for folder in dpdk.find().include_dirs for word in ("-isystem", folder)]
    words = [
        "gcc",
        *flags,
        *dpdk.find().cflags,
        *places,
        "-std=gnu11",
        "-fwrapv",
        "-Wall",
        "-Wextra",
        "-Wno-unused-parameter",
    ]
    words += ["-Werror", f"-I{runtime.INCLUDE}", str(tmp_path / "all.c"), str(tmp_path / "rest.c"), "-o"]
    subprocess.run([*words, str(tmp_path / "all")], check=True)
    done = subprocess.run([tmp_path / "all"], capture_output=True, text=True)
    assert done.returncode == 0, (done, [k for k in keys.functions if k.number == done.returncode])


@pytest.mark.parametrize("name", sorted(nf.known(ROOT / "nfs")))
def test_all_maps_of_the_tree_have_known_functions(name: str) -> None:
    program = load_program(list(nf.load(ROOT / "nfs" / name, name).sources))
    maps = sum(
        isinstance(i, ir.Call) and i.callee == ir.FunctionAddress("map_allocate")
        for f in program.functions.values()
        for b in f.blocks
        for i in b.instructions
    )
    keys = known_keys(program)
    found = keys.functions
    assert bool(found) == bool(maps) == keys.all
    for kind in (True, False):
        assert len({k.number for k in found if k.hashes == kind}) <= maps
    given = {
        a.name
        for f in program.functions.values()
        for b in f.blocks
        for i in b.instructions
        if isinstance(i, ir.Call) and i.callee == ir.FunctionAddress("map_allocate")
        for a in i.args[:2]
        if isinstance(a, ir.FunctionAddress)
    }
    assert {k.function for k in found} == given


@pytest.mark.parametrize(("allocation", "complete"), [
    ("map_allocate(eq, crc, 16, &map)", True),
    ("map_allocate(eq, crc, 16, &map) && map_allocate(eq, by_table, 16, &map)", False),
    ("map_allocate(device ? eq : eq, crc, 16, &map)", False),
    ("allocate(eq, crc, 16, &map)", False),
    ("in_header()", False),
])  # fmt: skip
def test_whether_all_are_known(tmp_path: Path, allocation: str, complete: bool) -> None:
    (tmp_path / "made.h").write_text(
        "static bool eq(void *a, void *b) { return *(uint32_t *)a == *(uint32_t *)b; }\n"
        "static unsigned crc(void *a) { return __builtin_ia32_crc32si(0, *(uint32_t *)a); }\n"
        "static struct Map *map;\n"
        + (
            "static bool in_header(void) { return map_allocate(eq, crc, 16, &map); }\n"
            if "header" in allocation
            else ""
        )
    )
    (tmp_path / "nf.c").write_text(
        f'{PRELUDE}#include "made.h"\nstatic uint16_t device;\nstatic const uint8_t table[4] = {{1, 5, 2, 9}};\n'
        "static unsigned by_table(void *a) { return table[*(uint8_t *)a & 3]; }\n"
        "typedef int allocation(map_keys_equality *, map_key_hash *, unsigned, struct Map **);\n"
        f"{'static allocation *allocate = map_allocate;' if allocation.startswith('allocate') else ''}\n"
        f"bool nf_init(void) {{ return {allocation}; }}\n"
    )
    with (tmp_path / "nf.c").open("a") as file:
        file.write(
            "int nf_process(uint16_t port, uint8_t **buffer, uint16_t length, vigor_time_t now, struct rte_mbuf *mbuf)"
            " { return port; }\n"
        )
    assert known_keys(load_program([tmp_path / "nf.c"])).all == complete
