"""What the analysis takes for granted of keys that packets erase, and when the call paths do not bear it out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import maestro_tool
from maestro_tool import pipeline
from maestro_tool.cache import NoCache
from maestro_tool.frontend import load_program
from maestro_tool.sharding import confirmed
from maestro_tool.symex import Conjecture, conjecture
from maestro_tool.symex.callpath import Analysis
from tests.unit.sharding.one_table import TWINS
from tests.unit.sharding.small_nfs import PRELUDE

#: An entry that is found starts afresh: its key is taken from where it lies.
BODY = """
  expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 1000);
  struct Ip key = { ip->src_addr }, *stored;
  int i, again;
  if (map_get(ip_table.map, &key, &i)) {
    vector_borrow(ip_table.keys, i, (void **)&stored);
    map_erase(ip_table.map, stored, (void **)&stored);
    dchain_free_index(ip_table.chain, i);
    if (map_get(ip_table.map, &key, &again)) return FLOOD_FRAME;
  }
  touch_ip(ip->src_addr, now);
"""


def analysed(folder: Path, body: str, prelude: str = PRELUDE) -> Analysis:
    source = folder / "nf.c"
    source.write_text(prelude + body + "\n  return 1 - device;\n}\n")
    return pipeline.analyse(pipeline.Request((source,)), NoCache(), pipeline.Stopwatch()).analysis


def test_an_erased_key_is_gone(tmp_path: Path) -> None:
    analysis = analysed(tmp_path, BODY)
    assert "flood" not in {p.verdict for p in analysis.paths}
    erased = [(p, e) for p in analysis.paths for e in p.events if e.op.name == "map_erase"]
    assert erased
    for path, e in erased:
        assert e.key_home is not None
        assert e.key == next(g.key for g in path.events if g.op.name == "map_get")


PUT = "map_put(ip_table.map, stored, index);\n  vector_return(ip_table.keys"
CHANGES = {
    "a key that is there already may be put again": (
        PRELUDE.replace("if (map_get(ip_table.map, &key, &index)) { ", "if (addr == 7) { index = 0; "),
        BODY.replace("touch_ip(ip->src_addr", "touch_ip(ip->dst_addr"),
    ),
    "keys are changed where they lie": (
        PRELUDE, BODY + "vector_borrow(ip_table.keys, 5, (void **)&stored); stored->addr = ip->dst_addr;"
    ),
    "keys are changed where they lie, and are another map's, too": (
        TWINS, BODY.replace(
            "expire_items",
            "struct Ip o = { ip->dst_addr }, *s; int w; if (ip->next_proto_id == 17) {"
            " if (map_get(ip_table.map, &o, &w)) { vector_borrow(ip_table.keys, w, (void **)&s);"
            " s->addr = 7; map_put(mac_table.map, s, 7); } return 3; } expire_items", 1,
        ),
    ),
    "another key is put than is stored": (
        PRELUDE.replace(PUT, "stored->addr++; " + PUT.replace("stored, index", "&key, index")), BODY
    ),
    "keys do not lie at their values": (PRELUDE.replace(PUT, PUT.replace("stored, index", "stored, 7")), BODY),
    "indices are freed whose keys stay": (PRELUDE, BODY + "dchain_free_index(ip_table.chain, 3);"),
    "indices are freed that another allocator gave": (
        PRELUDE, BODY + "if (dchain_allocate_new_index(mac_table.chain, &i, now)) dchain_free_index(ip_table.chain, i);"
    ),
    "indices expire whose keys stay": (
        PRELUDE, BODY + "expire_items_single_map(ip_table.chain, mac_table.keys, mac_table.map, now - 9);"
    ),
    "set-up puts keys": (
        PRELUDE.replace("bool nf_init(void) {\n  return", "bool nf_init(void) {\n  static struct Ip first; bool ok =")
        .replace("&values);\n}", "&values);\n  map_put(ip_table.map, &first, 0); map_put(ip_table.map, &first, 1);"
                 "\n  return ok;\n}"), BODY
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", CHANGES)
def test_what_is_not_borne_out_is_not_taken_for_granted(why: str, tmp_path: Path) -> None:
    prelude, body = CHANGES[why]
    assert (prelude, body) != (PRELUDE, BODY)
    analysis = analysed(tmp_path, body, prelude)
    assert "flood" in {p.verdict for p in analysis.paths}
    assert all(e.key_home is None for p in analysis.paths for e in p.events if e.op.name == "map_erase")


def test_what_packets_wrote_before_is_not_what_lay_there(tmp_path: Path) -> None:
    """The entry's key is read behind a write to the vector: it may be any key."""
    body = BODY.replace(
        "vector_borrow(ip_table.keys, i, ",
        "vector_borrow(ip_table.keys, i ^ 1, (void **)&stored); stored->addr = 1; vector_borrow(ip_table.keys, i, ",
    )
    analysis = analysed(tmp_path, body)
    assert "flood" in {p.verdict for p in analysis.paths}


def test_a_conjecture_is_an_analysis_only_when_confirmed(tmp_path: Path) -> None:
    def conjectured(prelude: str, body: str) -> Conjecture:
        source = tmp_path / "nf.c"
        source.write_text(prelude + body + "\n  return 1 - device;\n}\n")
        return conjecture(load_program([source]))

    assert confirmed(conjectured(PRELUDE, BODY)) == analysed(tmp_path, BODY)
    assert confirmed(conjectured(*CHANGES["indices are freed whose keys stay"])) is None


def test_only_the_proof_looks_inside_of_a_conjecture() -> None:
    root = Path(maestro_tool.__file__).parent
    inside = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in Conjecture.__dataclass_fields__
    }
    assert inside == {"sharding/confirm.py"}
