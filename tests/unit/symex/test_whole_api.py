"""What the API offers but an analysis cannot follow: the place, and what to do instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_tool.diagnostics import InputError, MaestroError, UnsupportedError
from maestro_tool.frontend import load_program
from maestro_tool.sharding import derive_plan
from maestro_tool.sharding.plan import Code
from maestro_tool.symex import analyse
from maestro_tool.symex.callpath import Analysis
from tests.unit.sharding.small_nfs import PRELUDE

PREPARED = PRELUDE.replace("static uint32_t total;", "static uint32_t total; static struct Ip one; static void *trash;")


def analysed(folder: Path, body: str, setup: str = "") -> Analysis:
    source = folder / "nf.c"
    start = PREPARED.replace("bool nf_init(void) {\n  return", "static bool start(void) {\n  return")
    end = f"bool nf_init(void) {{ if (!start()) return false; {setup} return true; }}\n\nint nf_process("
    source.write_text(start.replace("int nf_process(", end) + body + "\n  return 1 - device;\n}\n")
    return analyse(load_program([source], [], []))


def test_one_old_index_is_any(tmp_path: Path) -> None:
    """A packet that frees one index may free anybody's: nothing is sharded that is named by it."""
    body = """int i; struct Ip *old;
      if (dchain_expire_one_index(ip_table.chain, &i, now - 9)) {
        vector_borrow(ip_table.keys, i, (void **)&old);
        map_erase(ip_table.map, old, (void **)&old);
        vector_return(ip_table.keys, i, NULL);
      }
      touch_ip(ip->src_addr, now);"""
    plan = derive_plan(analysed(tmp_path, body))
    assert not plan.shardable
    assert {d.treatment for d in plan.decisions if d.written and d.object in (0, 2)} == {"shared"}


def test_the_size_of_a_map_is_all_of_it(tmp_path: Path) -> None:
    """No core of its own knows it: the map is shared, and what belongs to it; the rest need not be."""
    body = """if (map_size(ip_table.map) > 900) return device;
      touch_ip(ip->src_addr, now);
      if (ports != NULL) touch_ip_port(ip->src_addr, ports->src_port, now);"""
    found = analysed(tmp_path, body)
    plan = derive_plan(found)
    names = {
        t: {found.objects[d.object].name for d in plan.decisions if d.treatment == t} for t in ("shared", "sharded")
    }
    assert names["shared"] == {"ip_table.map", "ip_table.keys", "ip_table.chain"}
    assert names["sharded"] == {"ip_port_table.map", "ip_port_table.keys", "ip_port_table.chain"}
    counted = [o for o in plan.obstacles if o.code is Code.COUNTS_ALL_ENTRIES]
    assert [found.objects[o.objects[0]].name for o in counted] == ["ip_table.map"]


def test_the_size_of_a_map_that_packets_only_read(tmp_path: Path) -> None:
    body = """struct Ip key = {ip->src_addr}; int i;
      if (map_get(ip_table.map, &key, &i) && map_size(ip_table.map) > 1) return device;
      if (ports != NULL) touch_ip_port(ip->src_addr, ports->src_port, now);"""
    plan = derive_plan(analysed(tmp_path, body, "map_put(ip_table.map, &one, 0);"))
    assert plan.shardable and not [d for d in plan.decisions if d.treatment == "shared"]


@pytest.mark.parametrize(("between", "verdicts"), [("", {1}), ("map_put(ip_table.map, &one, 1);", {1, "drop"})])
def test_the_size_stays_until_the_map_changes(between: str, verdicts: set[object], tmp_path: Path) -> None:
    body = f"""unsigned before = map_size(ip_table.map); {between}
      if (map_size(ip_table.map) != before) return device;"""
    found = analysed(tmp_path, body)
    asked = [p for p in found.paths if p.port == 0 and any(e.op.name == "map_size" for e in p.events)]
    assert asked and {p.verdict for p in asked} == verdicts


SKETCH = PRELUDE.replace(
    "bool nf_init", '#include "lib/unverified/sketch.h"\nstatic struct Sketch *sketch;\nbool nf_init'
)


@pytest.mark.parametrize("filled", [False, True])
def test_a_sketch_that_set_up_fills_is_shared(filled: bool, tmp_path: Path) -> None:
    """Each core would count what set-up did in a sketch of its own."""
    touch = "struct Ip key = {5}; sketch_compute_hashes(sketch, &key); sketch_touch_buckets(sketch, 0);"
    start = SKETCH.replace("bool nf_init(void) {\n  return", "static bool start(void) {\n  return")
    init = f"bool nf_init(void) {{ if (!start() || !sketch_allocate(Ip_hash, 64, 9, &sketch)) return false; {touch if filled else ''} return true; }}"
    body = "struct Ip key = {ip->src_addr}; sketch_compute_hashes(sketch, &key); if (!sketch_touch_buckets(sketch, now)) return device;"
    source = tmp_path / "nf.c"
    source.write_text(
        start.replace("int nf_process(", init + "\nint nf_process(") + body + "\n  return 1 - device;\n}\n"
    )
    found = analyse(load_program([source], [], []))
    [sketch] = [o for o in found.objects if o.kind == "sketch"]
    assert sketch.filled == (4 if filled else 0)
    assert derive_plan(found).shardable is not filled


REFUSED = {
    "while (dchain_expire_one_index(ip_table.chain, &i, now)) total++;": ("how often", "call expire_items_single_map"),
}


@pytest.mark.parametrize("call", REFUSED)
def test_what_packets_cannot_do(call: str, tmp_path: Path) -> None:
    message, hint = REFUSED[call]
    with pytest.raises(UnsupportedError, match=message) as caught:
        analysed(tmp_path, f"int i = 0; (void)i; {call}")
    assert hint in (caught.value.hint or "")
    assert caught.value.location is not None and caught.value.location.line == 1000


PUT = "map_put(ip_table.map, &one, 0); "
WRONG: dict[str, tuple[type[MaestroError], str]] = {
    "map_erase(ip_table.map, &one, &trash);": (InputError, "erases a key that is not in the map"),
    PUT + PUT + "map_erase(ip_table.map, &one, &trash);": (UnsupportedError, "erases a key that set-up put twice"),
}


@pytest.mark.parametrize("setup", WRONG)
def test_what_set_up_cannot_do(setup: str, tmp_path: Path) -> None:
    kind, message = WRONG[setup]
    with pytest.raises(kind, match=message):
        analysed(tmp_path, "", setup)


def test_keys_put_twice_are_counted(tmp_path: Path) -> None:
    """The program compares the number with its own."""
    found = analysed(tmp_path, "", PUT + PUT + "if (map_size(ip_table.map) != 2) return false;")
    assert found.objects[0].filled == 2
