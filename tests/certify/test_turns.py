"""Where workers share: what makes packets writers, what is put back and what is guarded is derived, not believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builds import NFS, ROOT, files
from small_nfs import PRELUDE, source_of

from maestro_tool import pipeline
from maestro_tool.cache import NoCache
from maestro_tool.cli.certify import prove
from maestro_tool.nic import load_profile

SOFT = load_profile(ROOT / "configs" / "soft.yaml", [ROOT / "configs"])

#: A key is changed in its vector, and looked up; a sceptic's: two of four frames differ if readers may do so.
LOOKS_UP_CHANGED = """
  struct Ip k = {ip->src_addr}, *s;
  int i;
  uint32_t old;
  vector_borrow(ip_table.keys, ip->next_proto_id, (void **)&s);
  if (ip->time_to_live == 3) { s->addr = ip->dst_addr; map_put(ip_table.map, s, ip->next_proto_id); return 1 - device; }
  old = s->addr;
  s->addr = ip->dst_addr;
  int hit = map_get(ip_table.map, &k, &i);
  s->addr = old;
  if (hit) return device;
"""
#: A table whose entries may be used at another time than the packet's.
OLDER = """
  expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 100);
  touch_ip(ip->src_addr, now - 50 * (ip->next_proto_id == 17));
"""
COUNTS = "  total++;\n"
STORES = "  ip->time_to_live--; touch_ip(ip->src_addr, now);\n"
FAR = "  if (packet_length < 400) return device; ((uint8_t *)ip)[300] = 1; touch_ip(ip->src_addr, now);\n"
#: Its worker's own table, and then one that all share.
TWICE = """
  touch_ip(ip->src_addr, now);
  uint32_t *x;
  vector_borrow(values, 3, (void **)&x);
  *x = *x * 3 + ip->dst_addr;
  if (*x & 1) return device;
"""


def _certificate(folder: Path, body: str, strategy: str) -> dict[str, Any]:
    source = folder / "nf.c"
    source.write_text(source_of(PRELUDE, body))
    watch = pipeline.Stopwatch()
    analysed = pipeline.analyse(pipeline.Request((source,), ports=2), NoCache(), watch)
    made = pipeline.generate(analysed, [SOFT], "made", strategy, NoCache(), watch)
    return dict(json.loads(made["certificate.json"])["certificate"])


@pytest.mark.parametrize(
    ("body", "said"),
    [(LOOKS_UP_CHANGED, "change keys and look them up"), (COUNTS, "change variables that are shared")],
)
def test_every_packet_must_be_the_writer(tmp_path: Path, body: str, said: str) -> None:
    certificate = _certificate(tmp_path, body, "locks")
    assert certificate["always_write"]
    assert prove(certificate, "bitwuzla").verdict == "proved"
    certificate["always_write"] = False
    certificate["restore_bytes"] = certificate["frame_stored"]
    report = prove(certificate, "bitwuzla")
    assert report.verdict == "refuted"
    assert any(said in f["text"] for f in report.failed)


def test_what_is_stored_far_behind_cannot_be_put_back(tmp_path: Path) -> None:
    certificate = _certificate(tmp_path, FAR, "locks")
    assert (certificate["always_write"], certificate["restore_bytes"]) == (True, 0)
    certificate |= {"always_write": False, "restore_bytes": certificate["frame_stored"]}
    assert prove(certificate, "bitwuzla").verdict == "refuted"


def test_the_frame_is_put_back(tmp_path: Path) -> None:
    certificate = _certificate(tmp_path, STORES, "locks")
    assert (certificate["always_write"], certificate["restore_bytes"]) == (False, 23)
    assert prove(certificate, "bitwuzla").verdict == "proved"
    for less in ({"restore_bytes": 22}, {"restore_bytes": 22, "frame_stored": 0}, {"frame_moved": True}):
        assert prove(certificate | less, "bitwuzla").verdict == "refuted", less


def test_uses_at_other_times_are_not_each_workers_own(tmp_path: Path) -> None:
    certificate = _certificate(tmp_path, OLDER, "locks")
    [chain] = [o for o in certificate["objects"] if o["kind"] == "dchain" and o["treatment"] == "shared"]
    assert not chain["ages_per_worker"]
    assert prove(certificate, "bitwuzla").verdict == "proved"
    chain["ages_per_worker"] = True
    assert prove(certificate, "bitwuzla").verdict == "refuted"


def test_nothing_happens_twice(tmp_path: Path) -> None:
    """Its worker's own objects are guarded where a packet may start again after it changed them."""
    certificate = _certificate(tmp_path, TWICE, "auto")
    own = [o for o in certificate["objects"] if o["treatment"] == "sharded" and o["guarded"]]
    assert len(own) == 3
    assert prove(certificate, "bitwuzla").verdict == "proved"
    for o in own:
        o["guarded"] = False
        assert prove(certificate, "bitwuzla").verdict == "refuted", o["name"]
        o["guarded"] = True


@pytest.mark.parametrize("strategy", ["auto", "locks", "tm"])
@pytest.mark.parametrize(
    "name", [*(n for n in NFS if n not in ("nop", "sbridge", "hhh")), "oddities", "pairs", "resize"]
)
def test_each_hint_is_needed(name: str, strategy: str) -> None:
    """What the tool tells the runtime is what is derived again: none of it can be left out."""
    certificate = json.loads(files(name, "e810", strategy)["certificate.json"])["certificate"]
    assert prove(certificate, "bitwuzla").verdict == "proved"
    if certificate["always_write"]:
        certificate |= {"always_write": False, "restore_bytes": certificate["frame_stored"]}
        assert prove(certificate, "bitwuzla").verdict == "refuted"
        return
    for o in certificate["objects"]:
        if o["guarded"]:
            o["guarded"] = False
            assert prove(certificate, "bitwuzla").verdict == "refuted", o["name"]
            o["guarded"] = True
    if certificate["restore_bytes"]:
        certificate["restore_bytes"] -= 1
        assert prove(certificate, "bitwuzla").verdict == "refuted"
