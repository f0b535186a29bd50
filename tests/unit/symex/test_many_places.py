"""Places that packets choose among many: an array of the NF's own, headers of any length, tables of functions."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from maestro_tool import sharding
from maestro_tool.diagnostics import MaestroError, ResourceLimitError
from maestro_tool.frontend import load_program
from maestro_tool.symex import Limits, analyse, belongs
from maestro_tool.symex.callpath import Analysis

NF = """
#include <stdlib.h>
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/map.h"
struct nf_config { int unused; } config;
void nf_config_init(int argc, char **argv) {}
void nf_config_print(void) {}
void nf_config_usage(void) {}
struct item { uint32_t who; uint16_t times; uint8_t small; };
#ifndef INIT
#define INIT return true;
#endif
BEFORE
bool nf_init(void) { INIT }
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  uint8_t *b = (uint8_t *)nf_then_get_rte_ether_header(buffer);
  unsigned i = b[0] | (b[1] & 3) << 8, j = b[2] | (b[3] & 3) << 8;
  BODY
  return 1 - device;
}
"""
TABLE = "static struct item table[1024];"


def analysed(folder: Path, before: str, body: str, limits: Limits = Limits()) -> Analysis:  # noqa: B008
    source = folder / "nf.c"
    source.write_text(NF.replace("BEFORE", before).replace("BODY", body))
    program = load_program([source], [], [])
    found = analyse(program, limits=limits)
    belongs.check(found, program, (), found.ports)  # so a build can read it
    return found


def refused(folder: Path, before: str, body: str) -> str:
    with pytest.raises(MaestroError) as caught:
        analysed(folder, before, body)
    assert caught.value.location is not None
    return caught.value.message


def ways(found: Analysis) -> int:
    return len(found.paths) // 2  # of each port


# --------------------------------------------------------------------------- arrays


def test_an_array_is_one_object_that_is_shared(tmp_path: Path) -> None:
    found = analysed(tmp_path, TABLE, "table[i].times++; if (table[i].times > 9) return device;")
    assert [(o.kind, o.name) for o in found.objects] == [("global", "table")]
    assert {e.op.name for p in found.paths for e in p.events} == {"array_read", "array_write"}
    [decision] = sharding.derive_plan(found).decisions
    assert decision.treatment == "shared"


def test_any_write_may_have_changed_what_was_read(tmp_path: Path) -> None:
    """i may be j, whichever of them is known."""
    for one, other in (("i", "j"), ("7", "j"), ("i", "7")):
        body = f"table[{one}].small = 1; table[{other}].small = 2; if (table[{one}].small == 2) return device;"
        assert ways(analysed(tmp_path, TABLE, body)) == 2, (one, other)
    body = "table[i].small = 1; table[j].small = 2; table[8].small = 5; if (table[8].small == 5) return device;"
    assert ways(analysed(tmp_path, TABLE, body)) == 1


def test_padding_is_copied_as_it_is(tmp_path: Path) -> None:
    body = "struct item new; new.who = 3; new.times = 4; new.small = 5; table[i] = new; memcpy(&table[j], &new, sizeof new);"
    found = analysed(tmp_path, TABLE, body)
    assert ways(found) == 1 and sum(e.op.name == "array_write" for e in found.paths[0].events) == 2


@pytest.mark.parametrize(
    ("before", "body", "said"),
    [
        ("static struct item table[1000];", "table[i].times++;", "more than 64 possible values"),
        (TABLE, "*(uint16_t *)((char *)table + 8 * i + 7) = 1;", "more than 64 possible values"),
        (f"{TABLE} static struct item *at; ", "at = &table[i]; at->times++;", "pointer"),
        ("static struct { void *to; int n; } table[1024];", "table[i].n++; if (table[j].to) return 1;", "not known"),
        ("const struct item table[1024];", "((struct item *)table)[i].times++;", "possible values"),
    ],
)
def test_arrays_that_are_not_followed(tmp_path: Path, before: str, body: str, said: str) -> None:
    assert said in refused(tmp_path, before, body)


def test_keys_of_a_map_do_not_lie_where_packets_write(tmp_path: Path) -> None:
    put = "if (!map_allocate(eq, hash, 16, &map)) return false; map_put(map, &table[3].who, 1); return true;"
    functions = (
        "bool eq(void *a, void *b) { return *(uint32_t *)a == *(uint32_t *)b; }\nunsigned hash(void *a) { return 1; }"
    )
    before = f"{TABLE}\nstatic struct Map *map;\n{functions}\n#undef INIT\n#define INIT {put}\n"
    assert "where a key lies" in refused(tmp_path, before, "table[i].who = 1;")


# --------------------------------------------------------------------------- headers of any length

HOP = """
  if (packet_get_unread_length(buffer) < 4) return device;
  uint8_t *h = nf_borrow_next_chunk(buffer, 4);
  unsigned more = h[1] * 4;
  if (packet_get_unread_length(buffer) < more) return device;
  nf_borrow_next_chunk(buffer, more);
"""


def test_what_follows_is_any_byte(tmp_path: Path) -> None:
    body = f"for (int n = 0; n < 3; n++) {{ {HOP} if (h[0] == 3) return device; }}"
    assert ways(analysed(tmp_path, "", body)) == 10


def test_the_same_place_holds_the_same(tmp_path: Path) -> None:
    body = (
        HOP + "if (packet_get_unread_length(buffer) < 4) return device; uint8_t *x = nf_borrow_next_chunk(buffer, 4);"
    )
    assert ways(analysed(tmp_path, "", f"{body} if (x[1] != x[1]) return 7;")) == 4
    assert ways(analysed(tmp_path, "", f"{body} if (x[1] != x[2]) return 7;")) == 5


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (HOP + "uint8_t *x = nf_borrow_next_chunk(buffer, 4); if (x[0]) return device;", "may be behind its end"),
        (
            HOP
            + "if (packet_get_unread_length(buffer) < 3) return device; uint8_t *x = nf_borrow_next_chunk(buffer, 3); "
            "if (x[3]) return device;",
            "may be behind its end",
        ),
        (HOP.replace("< more", "< 1") + "if (b[20 + more]) return device;", "may be behind its end"),
        ("b[0] = 1;" + HOP + "if (h[more]) return device;", "which this path has changed"),
        (
            HOP + "if (more && packet_get_unread_length(buffer) > 0) { h[4] = 1; h[4 + more - 1] = 1; }",
            "possible values",
        ),
        (HOP + "nf_insert_new_chunk(buffer, 4, mbuf);", "of a length that is not known"),
    ],
)
def test_headers_that_are_not_followed(tmp_path: Path, body: str, said: str) -> None:
    assert said in refused(tmp_path, "", body)


def test_reads_of_two_sizes_at_one_place_are_two_numbers(tmp_path: Path) -> None:
    """They are not compared: what is said of the packet includes what is true."""
    there = "if (packet_get_unread_length(buffer) < 2) return device; uint8_t *x = nf_borrow_next_chunk(buffer, 2);"
    found = analysed(tmp_path, "", HOP + there + "if (x[0] == 1 && *(uint16_t *)x == 2) return 9;")
    assert 9 in {p.verdict for p in found.paths}


# --------------------------------------------------------------------------- tables of functions

FUNCTIONS = "static int one(int x) { return x; }\nstatic int two(int x) { return x + 1; }\n"


def test_functions_by_their_targets(tmp_path: Path) -> None:
    table = "static int (*const run[256])(int) = { [0 ... 255] = one, [3] = two, [90 ... 99] = two };"
    found = analysed(tmp_path, FUNCTIONS + table, "if (run[b[0]](device) != device) return 9;")
    assert {p.verdict for p in found.paths if p.port == 0} == {9, 1} and ways(found) == 2


def test_tables_that_are_not_constant_are_compared_at_the_start(tmp_path: Path) -> None:
    before = f"{FUNCTIONS}static int (*run[256])(int);\n#undef INIT\n#define INIT "
    before += "for (int n = 0; n < 256; n++) run[n] = n % 2 ? one : two; return true;\n"
    found = analysed(tmp_path, before, "if (run[b[0]](device) != device) return 9;")
    assert ways(found) == 2
    assert {p.place: p.target for p in found.memory_pointers}["run[7]"] == ("one",)
    assert len(found.memory_pointers) == 256


SOME = "run[6] = one; run[17] = two;"
ASKED = "if (run[b[0]] == NULL) return 9; if (run[b[0]](device) != device) return 8;"


@pytest.mark.parametrize(
    "table", ["static int (*const run[256])(int) = { [6] = one, [17] = two };", "static int (*run[256])(int);"]
)
def test_most_handlers_are_null(tmp_path: Path, table: str) -> None:
    """Also the first, and those that nobody set."""
    init = "" if "const" in table else f"#undef INIT\n#define INIT {SOME} return true;\n"
    found = analysed(tmp_path, f"{FUNCTIONS}{table}\n{init}", ASKED)
    assert sorted(p.verdict for p in found.paths if p.port == 0) == [1, 8, 9]
    # The program compares that they are NULL when it starts.
    null = {p.place for p in found.pinned if p.value == 0}
    assert len(null) == (254 if init else 0) and "run[6]" not in null


def test_null_is_not_called(tmp_path: Path) -> None:
    table = "static int (*const run[256])(int) = { [6] = one, [17] = two };"
    said = refused(tmp_path, FUNCTIONS + table, "if (run[b[0]](device) != device) return 8;")
    assert said == "calls through a pointer that is not known"


def test_pointers_beside_what_packets_change(tmp_path: Path) -> None:
    table = (
        "static struct { int (*f)(int); int n; } run[256];\n#undef INIT\n#define INIT run[6].f = one; return true;\n"
    )
    with pytest.raises(MaestroError) as caught:
        analysed(tmp_path, FUNCTIONS + table, "run[b[0]].n++; if (run[b[0]].f(device) != device) return 8;")
    assert caught.value.hint == "keep pointers in a table of their own, which packets do not change"


# --------------------------------------------------------------------------- long tables of rules


def rules(count: int) -> str:
    rng = random.Random(count)
    rows = (f"{{ {rng.randrange(1024)}, {rng.randrange(2)} }}" for _ in range(count))
    return f"static const struct {{ uint16_t value, allow; }} rules[{count}] = {{ {', '.join(rows)} }};"


LIST = "for (int n = 0; n < sizeof rules / sizeof *rules; n++) if (rules[n].value == i) return rules[n].allow ? 1 : device;"


def test_a_loop_over_a_table_may_have_many_rounds(tmp_path: Path) -> None:
    found = analysed(tmp_path, rules(150), LIST)
    assert 100 < ways(found) <= 151


def test_rounds_that_packets_decide_are_bounded(tmp_path: Path) -> None:
    few = Limits(unroll=4)
    for body in (
        "for (int n = 0; n < packet_length; n++) { if (n == b[5]) return device; }",
        "bool on = true; while (on) { for (int n = 0; n < 2; n++) now++; on = now % 7 != 3; }",
    ):
        with pytest.raises(ResourceLimitError, match="no bound that holds for all packets"):
            analysed(tmp_path, "", body, few)
    with pytest.raises(ResourceLimitError, match="decided more than 4 times"):
        analysed(tmp_path, rules(80), LIST, few)  # 16 rounds for each
