"""Merged paths say the same as all paths one by one, with fewer of them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.symbols import PACKET_LENGTH, packet_byte
from maestro_tool.frontend import load_program
from maestro_tool.symex import Limits, analyse
from maestro_tool.symex.callpath import Analysis, CallPath
from tests.quick import others_long

HEAD = """
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/map.h"
struct nf_config { int level; };
struct nf_config config;
static bool eq(void *a, void *b) { return *(uint32_t *)a == *(uint32_t *)b; }
static unsigned hash(void *a) { return *(uint32_t *)a; }
static struct Map *map;
bool nf_init(void) { return map_allocate(eq, hash, 16, &map); }
static int weight(uint8_t x) { if (x > 200) return 3; if (x & 1) return 1; return x == 7 || x == 40 ? 2 : 1; }
"""
PROCESS = """
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  uint8_t *p = *buffer;
  if (packet_length < 60) return device;
  int total = 0; bool odd = false;
  for (int i = 20; i < ROUNDS;) {
    if (p[i] == 0) break;
    if (p[i] == 1) { i++; continue; }
    if (p[i] > 250) return device;
    { int w = weight(p[i]); total += w; uint8_t *q = &p[i]; if (*q == 9) odd = !odd; }
    i += 2;
  }
  switch (p[14] >> 4) { case 4: total++; break; case 6: total += 2; break; default: if (p[15]) total++; }
  uint32_t key = odd ? p[30] : p[31];
  int index;
  if (total > 3 && map_get(map, &key, &index)) { p[40] = index; return FLOOD_FRAME; }
  if (odd) p[41] = total;
  return total % 2 ? 1 - device : device;
}
"""


def program(folder: Path, rounds: int) -> Path:
    source = folder / "nf.c"
    source.write_text(HEAD + PROCESS.replace("ROUNDS", str(rounds)))
    return source


def taken(analysis: Analysis, values: dict[Expr, Expr]) -> list[tuple[object, ...]]:
    """What the paths do that a packet may take: the events' results are free."""
    result = []
    for path in analysis.paths:
        if path.port == 0 and all(evaluated(c, values) is nodes.TRUE for c in path.condition):
            result.append(outcome(path, values))
    return sorted(result, key=repr)


def evaluated(e: Expr, values: dict[Expr, Expr]) -> Expr:
    return nodes.substitute(e, values)


def outcome(path: CallPath, values: dict[Expr, Expr]) -> tuple[object, ...]:
    events = tuple(
        (e.op.name, e.result, tuple(str(evaluated(k, values)) for k in e.key or ()))
        for e in path.events
        if e.op.name != "opaque"
    )
    writes = tuple((n, str(evaluated(e, values))) for n, e in path.packet_writes)
    verdict = str(evaluated(path.verdict, values)) if isinstance(path.verdict, Expr) else path.verdict
    return events, tuple(w for w in writes if "map_get" not in w[1]), verdict


def test_merged_paths_do_what_all_paths_do(tmp_path: Path) -> None:
    loaded = load_program([program(tmp_path, 23)])
    apart = analyse(loaded, limits=Limits(merge_after=10**9))
    merged = analyse(loaded, limits=Limits(merge_after=0))
    assert 4 * len(merged.paths) < len(apart.paths), (len(merged.paths), len(apart.paths))
    interesting = [0, 1, 2, 7, 9, 40, 41, 201, 251, 255]
    r = random.Random(1)
    verdicts = set()
    for _ in range(120):
        values = {PACKET_LENGTH: nodes.const(r.choice([20, 60, 90, 90]), 16)}
        values |= {packet_byte(n): nodes.const(r.choice(interesting), 8) for n in range(64)}
        values[packet_byte(14)] = nodes.const(r.choice([0x45, 0x60, 0x10]), 8)
        expected = taken(apart, values)
        assert expected and taken(merged, values) == expected
        verdicts.add(str([e[-1] for e in expected]))
    assert len(verdicts) >= 3


def test_merging_starts_where_there_are_many_paths(tmp_path: Path) -> None:
    loaded = load_program([program(tmp_path, 25)])
    analysis = analyse(loaded, limits=Limits(merge_after=50))
    assert len(analysis.paths) < 2000
    assert {e.op.name for p in analysis.paths for e in p.events} == {"map_get"}


OPTIONS = """
static int length(const uint8_t *o, int i, int end) { return i + 1 < end && o[i + 1] >= 2 ? o[i + 1] : -1; }
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  uint8_t *o = *buffer + 20;
  if (packet_length < 60) return device;
  int end = END;
  bool odd = false;
  LOOP
  uint32_t key = odd ? o[38] : o[39];
  int index;
  return map_get(map, &key, &index) ? 1 - device : device;
}
"""
LOOPS = {
    "index": """int i = 0;
  while (i < end) {
    if (o[i] == 0) break;
    if (o[i] == 1) { i++; continue; }
    if (i + 1 >= end || o[i + 1] < 2) return device;
    if (o[i] == 9) odd = true;
    i += o[i + 1];
  }""",
    "pointer": """const uint8_t *p = o, *behind = o + end;
  while (p < behind) {
    uint8_t kind = p[0];
    if (kind == 0) break;
    if (kind == 1) { p++; continue; }
    if (p + 1 >= behind) return device;
    uint8_t size = p[1];
    if (size < 2 || p + size > behind) return device;
    if (kind == 9) odd = true;
    p += size;
  }""",
    "rest": """const uint8_t *p = o; int left = end;
  while (left > 0) {
    const uint8_t *option = p;
    if (*option == 0) break;
    if (*option == 1) { p++; left--; continue; }
    if (left < 2 || option[1] < 2 || option[1] > left) return device;
    if (*option == 9) odd = true;
    left -= option[1]; p += option[1];
  }""",
    "helper": """for (int i = 0; i < end;) {
    int step = o[i] == 0 ? 0 : o[i] == 1 ? 1 : length(o, i, end);
    if (step == 0) break;
    if (step < 0) return device;
    if (o[i] == 9) odd = true;
    i += step;
  }""",
}


@pytest.mark.parametrize("loop", others_long(LOOPS, ["rest", "helper"]))
def test_options_whose_length_packets_say(tmp_path: Path, loop: str) -> None:
    """All paths that come to an option, in however many rounds, are one from there: 2**20 would not end."""

    def options(end: int, merge_after: int) -> Analysis:
        source = tmp_path / "nf.c"
        source.write_text(HEAD + OPTIONS.replace("LOOP", LOOPS[loop]).replace("END", str(end)))
        return analyse(load_program([source]), limits=Limits(merge_after=merge_after))

    assert len(options(20, 100).paths) < 30

    apart, merged = options(7, 10**9), options(7, 0)
    assert 4 * len(merged.paths) < len(apart.paths), (len(merged.paths), len(apart.paths))
    r = random.Random(2)
    verdicts = set()
    for _ in range(150):
        values = {PACKET_LENGTH: nodes.const(r.choice([20, 60, 90]), 16)}
        values |= {packet_byte(n): nodes.const(r.choice([0, 1, 1, 2, 2, 3, 4, 9]), 8) for n in range(64)}
        expected = taken(apart, values)
        assert expected and taken(merged, values) == expected
        verdicts.add(str(expected))
    assert len(verdicts) >= 4


#: What is done to an option of ``size`` bytes at ``i``.
REWRITES = {
    "its kind": "o[i] |= 0x80;",
    "all of it": "memset(o + i, 1, size);",
    "byte by byte": "for (int k = 0; k < size; k++) o[i + k] = 1;",
    "some kinds": "if (o[i] == 9 || o[i] == 3) memset(o + i, 1, size);",
    "by what it was": "o[i + 1] = o[i] + o[38];",
}
REWRITING = """int i = 0;
  while (i < end) {
    if (o[i] == 0) break;
    if (o[i] == 1) { i++; continue; }
    if (i + 1 >= end || o[i + 1] < 2 || i + o[i + 1] > end) return device;
    if (o[i] == 9) odd = true;
    uint8_t size = o[i + 1];
    REWRITE
    i += size;
  }"""


@pytest.mark.parametrize("rewrite", others_long(REWRITES, ["by what it was", "some kinds"]))
def test_options_that_are_rewritten(tmp_path: Path, rewrite: str) -> None:
    """Frames that differ by the way through the options are one, byte by byte: the same frame leaves."""

    def options(end: int, merge_after: int) -> Analysis:
        source = tmp_path / "nf.c"
        loop = REWRITING.replace("REWRITE", REWRITES[rewrite])
        text = OPTIONS.replace("const uint8_t *o", "uint8_t *o").replace("LOOP", loop).replace("END", str(end))
        source.write_text(HEAD.replace("#include", "#include <string.h>\n#include", 1) + text)
        return analyse(load_program([source]), limits=Limits(merge_after=merge_after))

    assert len(options(10, 0).paths) < 30

    apart, merged = options(6, 10**9), options(6, 0)
    assert 4 * len(merged.paths) < len(apart.paths), (len(merged.paths), len(apart.paths))
    r = random.Random(3)
    frames = set()
    for _ in range(150):
        values = {PACKET_LENGTH: nodes.const(r.choice([20, 60, 90]), 16)}
        values |= {packet_byte(n): nodes.const(r.choice([0, 1, 2, 2, 3, 3, 4, 9]), 8) for n in range(64)}
        expected = written(apart, values)
        assert expected and written(merged, values) == expected
        frames.add(str(expected))
    assert len(frames) >= 8


def written(analysis: Analysis, values: dict[Expr, Expr]) -> list[tuple[object, ...]]:
    """As `taken`; a byte that is written as it was counts as not written."""
    return sorted(
        (
            (events, tuple(w for w in writes if w[1] != str(values.get(packet_byte(w[0])))), verdict)
            for events, writes, verdict in taken(analysis, values)
        ),
        key=repr,
    )
