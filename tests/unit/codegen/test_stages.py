"""What bursts look ahead for, derived from call paths."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from maestro_tool import nf, pipeline
from maestro_tool.cache import NoCache
from maestro_tool.cli import main
from maestro_tool.codegen.known import known_keys
from maestro_tool.codegen.stages import Stages, stages
from maestro_tool.diagnostics import ResourceLimitError

ROOT = Path(__file__).parents[3]


def _of(request: pipeline.Request) -> Stages:
    found = pipeline.analyse(request, NoCache(), pipeline.Stopwatch())
    assert found.loaded is not None
    return stages(found.loaded, found.analysis, known_keys(found.loaded))


def _of_tree(name: str, folder: str = "nfs") -> Stages:
    function = nf.load(ROOT / folder / name, name)
    return _of(pipeline.Request(function.sources, function.arguments, function.ports, (function.root,)))


def _loops(text: str) -> list[str]:
    return re.split(r"^for \(", text, flags=re.MULTILINE)[1:]


def test_nothing_to_look_up() -> None:
    assert _of_tree("nop") == Stages()


def test_both_directions_of_a_flow_share_a_column() -> None:
    found = _of_tree("fw")
    assert [(o.object, o.kind) for o in found.objects] == [(0, "map"), (2, "dchain")]
    first, then = _loops(found.text)
    lan, wan = first.split("case 1:")
    assert "f[26]" in lan and "f[26]" in wan and lan.count("found_0[i] = hash") == wan.count("found_0[i] = hash") == 1
    assert all("length >= 38" in side and "f[12]" in side and "f[23]" in side for side in (lan, wan))
    assert "maestro_stage_found(o0" in then and "maestro_stage_cell(o2, at)" in then


def test_an_index_that_the_packet_has_and_options() -> None:
    found = _of_tree("nat")
    assert {o.place for o in found.options} == {"config.start_port"}
    (line,) = [line for line in _loops(found.text)[0].splitlines() if "const uint64_t at" in line]
    assert "option_0" in line and "f[36]" in line and "maestro_stage_cell(o2, at)" in line
    assert "maestro_stage_element(o1, at)" in line and "length >= 38" in line


def test_elements_lead_on() -> None:
    found = _of_tree("psd")
    assert len(_loops(found.text)) == 4
    second = _loops(found.text)[2]
    assert "e_0_2 = maestro_stage_element(o2, found_0[i])" in second and "maestro_stage_slot(o4, hash)" in second
    assert {o.object: o.bytes for o in found.objects if o.kind == "vector"} == {2: 8}
    assert "maestro_stage_found(o4" in _loops(found.text)[3]


def test_either_key_of_a_double_map() -> None:
    found = _of_tree("pairs", "tests/foreign")
    assert [(o.object, o.kind) for o in found.objects] == [(0, "dmap"), (1, "dchain")]
    assert all(found.objects[0].known)
    first, by_a, by_b = _loops(found.text)
    lan, wan = first.split("case 1:")
    assert "maestro_stage_slot(o0->by_a, hash)" in lan and "maestro_stage_slot(o0->by_b, hash)" in wan
    assert "maestro_stage_found(o0->by_a, found_0[i]" in by_a and "maestro_stage_found(o0->by_b, found_1[i]" in by_b
    assert "maestro_stage_cell(o1, at)" in by_a and "maestro_stage_cell(o1, at)" in by_b


def test_bit_fields_are_put_where_they_lie() -> None:
    found = _of_tree("bitfields", "tests/foreign")
    assert [(o.object, o.kind) for o in found.objects] == [(0, "map"), (2, "dchain")]
    first, _ = _loops(found.text)
    lan, wan = first.split("case 1:")
    # 16 bits behind the first 3 of byte 8, which others share.
    port = r"memcpy\(&part, key \+ 8, 3\); part \|= \(\(uint64_t\)\(\(uint64_t\)f\[{}\] << 8 \| \(uint64_t\)f\[{}\]\)"
    for side, at in ((lan, 34), (wan, 36)):
        assert re.search(port.format(at, at + 1) + r" & \(UINT64_MAX >> 48\)\) << 3;", side)


NF = """
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/verified/double-chain.h"
struct nf_config { int unused; };
struct nf_config config;
static bool eq(void *a, void *b) { return *(uint32_t *)a == *(uint32_t *)b; }
static uint32_t salt = 3;
static unsigned crc(void *a) { return __builtin_ia32_crc32si(0, *(uint32_t *)a); }
static struct Map *map, *other;
static struct DoubleChain *chain;
bool nf_init(void) { return map_allocate(eq, crc, 64, &map) && map_allocate(eq, crc, 64, &other) && dchain_allocate(64, &chain); }
int nf_process(uint16_t device, uint8_t **buffer, uint16_t length, vigor_time_t now, struct rte_mbuf *mbuf) {
  uint8_t *p = *buffer;
  uint32_t key;
  int value;
  if (length < 60) return device;
  BODY
}
"""


@pytest.mark.parametrize(("body", "looked_up"), [
    ("key = *(uint32_t *)(p + 26); if (map_get(map, &key, &value)) return 1; return device;", 1),
    # Two paths, each with a key of its own.
    ("key = p[3] == 1 ? 7 : p[4]; if (map_get(map, &key, &value)) return 1; return device;", 2),
    # Of time, or of what another look-up found: not of the packet alone.
    ("key = (uint32_t)now; if (map_get(map, &key, &value)) return 1; return device;", 0),
    ("key = p[1]; if (map_get(map, &key, &value)) { key = (uint32_t)value; if (map_get(other, &key, &value)) return 1; }"
     " return device;", 1),
    ("key = p[1]; if (map_get(map, &key, &value)) return 1; key = p[2]; if (map_get(map, &key, &value)) return 0;"
     " return device;", 2),
    ("if (dchain_rejuvenate_index(chain, p[1], now)) return 1; return device;", 0),
])  # fmt: skip
def test_small_nfs(tmp_path: Path, body: str, looked_up: int) -> None:
    source = tmp_path / "nf.c"
    source.write_text(NF.replace("BODY", body))
    text = _of(pipeline.Request((source,))).text
    assert len(set(re.findall(r"found_(\d)\[i\] = hash", text))) == looked_up
    assert bool(text) == bool(looked_up or "dchain_rejuvenate" in body)


def test_an_nf_that_cannot_be_analysed_does_not_look_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is built for one core all the same."""
    monkeypatch.setenv("MAESTRO_CACHE", str(tmp_path / "cache"))
    loops = "for (int i = 0; i < length; i++) if (p[0] == i) return 1; return device;"
    source = tmp_path / "nf.c"
    source.write_text(NF.replace("BODY", loops))
    with pytest.raises(ResourceLimitError):
        _of(pipeline.Request((source,)))
    assert main(["sequential", str(source), "--name", "loops", "-o", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out/gen/nf.c").read_text()
    assert "loops_process_burst" in text and "maestro_look_ahead" not in text
    source.write_text(NF.replace("BODY", "key = p[1]; return map_get(map, &key, &value);"))
    for optimise, ahead in (("full", True), ("none", False)):
        words = ["sequential", str(source), "--name", "loops", "--optimise", optimise, "-o", str(tmp_path / "out")]
        assert main(words) == 0
        text = (tmp_path / "out/gen/nf.c").read_text()
        assert ("maestro_look_ahead" in text) == ("MAESTRO_KNOWN_KEYS" in text) == ahead


def test_keys_of_which_something_calculated_counts_are_not_looked_ahead_for(tmp_path: Path) -> None:
    """Their parts are no bytes that could be written into a key."""
    folder = tmp_path / "psd"
    shutil.copytree(ROOT / "nfs/psd", folder)
    text = (folder / "ip_addr.c").read_text()
    for read in ("crc32si(0, ip->addr", "ip1->addr", "ip2->addr;"):
        assert text.count(read) == 1
        text = text.replace(read, read.replace("addr", "addr % 5"))
    (folder / "ip_addr.c").write_text(text)
    function = nf.load(folder, "psd")
    found = pipeline.analyse(
        pipeline.Request(function.sources, function.arguments, function.ports, (function.root,)), NoCache(), pipeline.Stopwatch()
    )  # fmt: skip
    assert any(f.computed is not None for o in found.analysis.objects for f in o.key or ())
    assert found.loaded is not None
    assert 0 not in {o.object for o in stages(found.loaded, found.analysis, known_keys(found.loaded)).objects}
