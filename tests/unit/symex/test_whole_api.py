"""What the API offers but an analysis cannot follow: the place, and what to do instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_tool.diagnostics import InputError, MaestroError, UnsupportedError
from maestro_tool.frontend import load_program
from maestro_tool.sharding import derive_plan
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


REFUSED = {
    "while (dchain_expire_one_index(ip_table.chain, &i, now)) total++;": ("how often", "call expire_items_single_map"),
    "if (map_size(ip_table.map) > 9) return device;": ("map_size depends on all entries", "count the keys"),
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
    "int i; cht_find_preferred_available_backend(1, counters, ip_table.chain, 7, 4, &i);": (
        MaestroError,
        "not declared|known",
    ),
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
