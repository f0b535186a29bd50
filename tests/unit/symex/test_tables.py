"""Tables that packets only read, at indices that packets give: exact where they have few pieces, else any number."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from maestro_tool.diagnostics import MaestroError
from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.symbols import packet_byte
from maestro_tool.frontend import load_program
from maestro_tool.symex import analyse, belongs
from maestro_tool.symex.callpath import Analysis, CallPath

NF = """
#include "nf.h"
#include "nf-util.h"
struct nf_config { struct rte_ether_addr macs[16]; uint8_t numbers[16]; } config;
void nf_config_init(int argc, char **argv) {
  for (int i = 0; i < 16; i++) { config.macs[i].addr_bytes[0] = i; config.numbers[i] = i % 3; }
}
void nf_config_print(void) {}
void nf_config_usage(void) {}
bool nf_init(void) { return true; }
TABLE
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  uint8_t *b = (uint8_t *)ether;
  BODY
  return 1 - device;
}
"""
BYTES = (0, 1)  # of the frame, which choose
RESULT = 6  # where the result goes


def analysed(folder: Path, table: str, body: str, **limits: int) -> Analysis:
    source = folder / "nf.c"
    source.write_text(NF.replace("TABLE", table).replace("BODY", body))
    program = load_program([source], [], [])
    found = analyse(program)
    belongs.check(found, program, (), found.ports)  # so a build can read it
    return found


def paths(found: Analysis, port: int = 0) -> list[CallPath]:
    return [p for p in found.paths if p.port == port]


def written(path: CallPath, frame: dict[Expr, Expr], size: int) -> int:
    writes = dict(path.packet_writes)
    data = [nodes.substitute(writes.get(n, packet_byte(n)), frame) for n in range(RESULT, RESULT + size)]
    return sum(byte.const << 8 * n for n, byte in enumerate(data))


@pytest.mark.parametrize("seed", range(12))
def test_what_is_read_is_what_is_there(seed: int, tmp_path: Path) -> None:
    """By elements of several sizes, indices of several forms, pieces of several lengths: one path, the right number."""
    rng = random.Random(seed)
    size = rng.choice((1, 2, 4, 8))
    count = rng.choice((1, 16, 64, 256)) if rng.random() < 0.7 else rng.randrange(4, 60)
    rows = [rng.randrange(1 << 8 * size) for _ in range(6)]
    data: list[int] = []
    while len(data) < count:
        data += [rng.choice(rows)] * rng.randrange(count // 24 + 1, count // 3 + 2)
    data = data[:count]
    at = f"b[0] & {count - 1}" if count & (count - 1) == 0 else f"b[0] % {count}"
    index = rng.choice((at, f"(int16_t)({at})", f"({at}) ^ 1" if count % 2 == 0 else at))
    member = rng.random() < 0.4
    element = f"struct {{ uint8_t pad[{size}]; uint{8 * size}_t v; }}" if member else f"uint{8 * size}_t"
    values = ", ".join(f"{{{{0}}, {v}u}}" if member else f"{v}u" for v in data)
    table = f"static const {element} t[{count}] = {{{values}}};"
    found = analysed(
        tmp_path, table, f"uint{8 * size}_t v = t[{index}]{'.v' if member else ''}; memcpy(b + 6, &v, {size});"
    )
    [path] = paths(found)
    assert not found.notes
    for chosen in range(256):
        frame = {packet_byte(0): nodes.const(chosen, 8)}
        frame |= {packet_byte(n): nodes.const(data[0] >> 8 * (n - RESULT), 8) for n in range(6, 14)}
        place = chosen & (count - 1) if count & (count - 1) == 0 else chosen % count
        place ^= "^" in index
        assert written(path, frame, size) == data[place], (chosen, table)


def test_a_table_of_many_pieces_gives_any_of_its_numbers(tmp_path: Path) -> None:
    """Equal indices give equal numbers, none beyond the range of the table's; the report says what was lost."""
    numbers = ", ".join(str(10 + 37 * n % 101) for n in range(256))
    body = """if (t[b[0]] != t[b[0]] || t[b[0]] < 10 || t[b[0]] > 110) return device;
      if (t[b[0]] == 11) return device; if (t[b[1]] == 12) return device;"""
    found = analysed(tmp_path, f"static const uint8_t t[256] = {{{numbers}}};", body)
    assert [p.verdict for p in paths(found)].count("drop") == 2 and len(paths(found)) == 3
    assert any("'t' is taken as any of its numbers" in note.words for note in found.notes)
    assert all(len([e for e in p.events if e.op.name == "opaque"]) <= 2 for p in found.paths)


def test_reads_of_other_sizes_at_one_index_are_other_numbers(tmp_path: Path) -> None:
    numbers = ", ".join(str(10 + 37 * n % 101) for n in range(257))
    body = "uint16_t both = *(const uint16_t *)&t[b[0]]; if (both > 255) b[6] = t[b[0]];"
    found = analysed(tmp_path, f"static const uint8_t t[257] = {{{numbers}}};", body)
    [path] = paths(found)
    assert sorted(e.value.width for e in path.events if e.op.name == "opaque" and e.value is not None) == [8, 16]


def test_ports_out_of_a_table_are_told_apart(tmp_path: Path) -> None:
    found = analysed(tmp_path, "static const uint16_t t[8] = {0, 0, 1, 1, 0, 1, 1, 65535};", "return t[b[0] & 7];")
    assert sorted(map(str, (p.verdict for p in paths(found)))) == ["1", "drop", "flood"]


def test_configuration_is_copied_as_a_whole_but_decides_by_itself(tmp_path: Path) -> None:
    """What options decide is pinned, so it is followed number by number."""
    copied = analysed(tmp_path, "", "ether->src_addr = config.macs[b[0] & 15];")
    [path] = paths(copied)
    values = [v for n, v in path.packet_writes if n == 6]
    assert "cfg.config.macs[5].addr_bytes[0]" in {str(s.value) for v in values for s in nodes.symbols(v)}
    assert not copied.pinned
    decided = analysed(tmp_path, "", "if (config.numbers[b[0] & 3] == 7) return device;")
    assert {p.verdict for p in paths(decided)} == {1} and len(decided.pinned) == 4


def test_what_packets_change_is_no_table(tmp_path: Path) -> None:
    body = "config.macs[b[1] & 1].addr_bytes[0] = 3; ether->src_addr = config.macs[b[0] & 1];"
    assert len(paths(analysed(tmp_path, "", body))) == 4


@pytest.mark.parametrize("body", ["b[6] = t[b[0]];", "b[6] = t[b[0] % 201];", "memcpy(b + 6, &t[b[0]], 1);"])
def test_an_index_beyond_the_end_is_refused(body: str, tmp_path: Path) -> None:
    numbers = ", ".join(str(n * n % 251) for n in range(200))
    with pytest.raises(MaestroError, match=r"an address|offset 200 of 't'") as caught:
        analysed(tmp_path, f"static const uint8_t t[200] = {{{numbers}}};", body)
    assert caught.value.location is not None
    analysed(tmp_path, f"static const uint8_t t[200] = {{{numbers}}};", "b[6] = t[b[0] % 200];")


def test_an_index_of_few_values_beyond_the_end_is_refused(tmp_path: Path) -> None:
    """Nothing is read behind the table, though each value of the index could be looked at."""
    table = "static const uint8_t t[60] = {1, 2};"
    with pytest.raises(MaestroError, match=r"offset 60 of 't'"):
        analysed(tmp_path, table, "b[6] = t[b[0] & 63];")
    assert len(paths(analysed(tmp_path, table, "if ((b[0] & 63) < 60) b[6] = t[b[0] & 63];"))) == 2
