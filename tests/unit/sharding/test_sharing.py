"""Hints for state that cores share: what makes a packet a writer, what a second run would repeat, what is put back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_nfs import PRELUDE

import maestro_tool
from maestro_tool.frontend import load_program
from maestro_tool.sharding import derive_plan
from maestro_tool.sharding.outcome.sharing import MOST_RESTORED, Sharing, everything_shared, shares, sharing
from maestro_tool.symex import Limits, analyse
from maestro_tool.symex.callpath import Analysis

IP = {"ip_table.map", "ip_table.chain"}
MAC = {"mac_table.map", "mac_table.chain"}

LEARN_MAC = """
struct Mac mac, *stored; int m;
for (int n = 0; n < 6; n++) mac.b[n] = ether->src_addr.addr_bytes[n];
if (!map_get(mac_table.map, &mac, &m)) {
  if (!dchain_allocate_new_index(mac_table.chain, &m, now)) return device;
  vector_borrow(mac_table.keys, m, (void **)&stored); *stored = mac;
  map_put(mac_table.map, stored, m); vector_return(mac_table.keys, m, stored);
}
"""
WAN_TCP_UDP = "if (ports == NULL || device != 0) return device;"
ADD = "uint32_t *c; vector_borrow(values, i, (void **)&c); (*c)++; vector_return(values, i, c);"


def analysed(folder: Path, body: str) -> Analysis:
    source = folder / "nf.c"
    source.write_text(PRELUDE + body + "\n  return 1 - device;\n}\n")
    return analyse(load_program([source], [], []), (), 2, Limits())


def hints(analysis: Analysis, *, all_shared: bool) -> Sharing:
    plan = derive_plan(analysis)
    return sharing(analysis, everything_shared(plan) if all_shared else plan)


def names(analysis: Analysis, objects: frozenset[int]) -> set[str]:
    return {analysis.objects[o].name for o in objects}


def test_all_that_is_written_is_shared(tmp_path: Path) -> None:
    analysis = analysed(tmp_path, "touch_ip(ip->src_addr, now);")
    plan = everything_shared(derive_plan(analysis))
    assert shares(plan) and not plan.shardable and not plan.constraints and not plan.relaxations
    treatments = {analysis.objects[d.object].name: d.treatment for d in plan.decisions}
    assert {n for n, t in treatments.items() if t == "shared"} == IP | {"ip_table.keys"}
    assert not any(d.split or d.ranged for d in plan.decisions if d.treatment == "shared")


def test_operations_announce_what_they_change(tmp_path: Path) -> None:
    """The key is written after the index was allocated, so the packet is a writer by then: no copies of keys."""
    analysis = analysed(tmp_path, "touch_ip(ip->src_addr, now);")
    found = hints(analysis, all_shared=True)
    assert names(analysis, found.guarded) == IP
    assert names(analysis, found.ages_per_worker) == {"ip_table.chain"}
    assert (found.always_write, found.restore_bytes, found.restore_variables) == (False, 0, False)


@pytest.mark.parametrize(
    ("body", "copies"),
    [
        (f"struct Ip k = {{ ip->src_addr }}; int i; if (!map_get(ip_table.map, &k, &i)) return device; {ADD}", True),
        (f"int i; if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device; {ADD}", False),
        # It may fail, and then nothing was announced.
        (f"int i; if (!dchain_allocate_new_index(ip_table.chain, &i, now)) {{ i = 0; }} {ADD}", True),
        (f"int i = 0; dchain_rejuvenate_index(ip_table.chain, 0, now); {ADD}", True),
    ],
)
def test_elements_written_silently_are_lent_as_copies(tmp_path: Path, body: str, copies: bool) -> None:
    analysis = analysed(tmp_path, body)
    assert ("values" in names(analysis, hints(analysis, all_shared=True).guarded)) is copies


def test_other_times_than_now_are_kept_in_one_place(tmp_path: Path) -> None:
    analysis = analysed(tmp_path, "touch_ip(ip->src_addr, now - 5);")
    assert not hints(analysis, all_shared=True).ages_per_worker


def test_variables_have_every_packet_write(tmp_path: Path) -> None:
    analysis = analysed(tmp_path, "total += ip->src_addr; if (total > 5) return device;")
    assert hints(analysis, all_shared=True).always_write


def test_keys_that_packets_change_have_every_packet_write(tmp_path: Path) -> None:
    """A map has the address of its key: of an element that a reader has as a copy it would see the original."""
    change = """
struct Ip key = { ip->src_addr }, *stored; int i, j = 0;
if (!map_get(ip_table.map, &key, &i)) { touch_ip(ip->src_addr, now); return device; }
vector_borrow(ip_table.keys, i, (void **)&stored);
stored->addr = ~key.addr;
bool found = map_get(ip_table.map, &key, &j);
stored->addr = key.addr;
if (found) return device;
"""
    found = hints(analysed(tmp_path, WAN_TCP_UDP + change), all_shared=True)
    assert found.why_always_write == "packets change keys and look them up"
    for harmless in (change.replace("map_get(ip_table.map, &key, &j)", "j == 0"), "touch_ip(ip->src_addr, now);"):
        assert not hints(analysed(tmp_path, WAN_TCP_UDP + harmless), all_shared=True).always_write


def test_bytes_that_packets_change_are_restored(tmp_path: Path) -> None:
    analysis = analysed(tmp_path, "touch_ip(ip->src_addr, now); ip->dst_addr = 7;")
    assert hints(analysis, all_shared=True).restore_bytes == 34


def test_bytes_that_packets_change_for_a_while_are_restored(tmp_path: Path) -> None:
    body = "uint8_t *f = *buffer, old = f[6]; f[6] = 0; touch_ip(f[6] | f[7] << 8, now); f[6] = old;"
    analysis = analysed(tmp_path, body)
    assert not any(p.packet_writes for p in analysis.paths)
    assert hints(analysis, all_shared=True).restore_bytes == 7


def test_checksums_are_restored(tmp_path: Path) -> None:
    analysis = analysed(
        tmp_path,
        "if (ports == NULL) return device; touch_ip(ip->src_addr, now); nf_set_rte_ipv4_udptcp_checksum(ip, ports, *buffer);",
    )
    assert hints(analysis, all_shared=True).restore_bytes == 52


def test_frames_that_move_cannot_be_restored(tmp_path: Path) -> None:
    """Also where what is cut comes back, so that the frame is as long as before."""
    cut = "nf_shrink_chunk(buffer, 3, mbuf); nf_insert_new_chunk(buffer, 1, mbuf);"
    analysis = analysed(tmp_path, "if (ports == NULL) return device; touch_ip(ip->src_addr, now);" + cut)
    assert {p.grown for p in analysis.paths} == {0, -1}
    found = hints(analysis, all_shared=True)
    assert found.why_always_write == "packets move the start of the frame" and found.restore_bytes == 0


@pytest.mark.parametrize(("byte", "far"), [(255, False), (256, True)])
def test_bytes_too_far_to_be_restored_have_every_packet_write(tmp_path: Path, byte: int, far: bool) -> None:
    body = f"if (packet_length < 400) return device; touch_ip(ip->src_addr, now); (*buffer)[{byte}] = 1;"
    found = hints(analysed(tmp_path, body), all_shared=True)
    assert (found.always_write, found.restore_bytes) == (far, 0 if far else 256)


def test_the_runtime_can_restore_as_much() -> None:
    header = Path(maestro_tool.__file__).parent / "runtime" / "include" / "maestro_sharing.h"
    assert f"MAESTRO_MAX_RESTORE = {MOST_RESTORED} " in header.read_text()


@pytest.mark.parametrize(
    ("body", "guarded"),
    [
        # The flow is noted before the station may be: a second run would note it twice.
        (WAN_TCP_UDP + "touch_ip(ip->src_addr, now);" + LEARN_MAC, IP | MAC | {"ip_table.keys"}),
        # The other way round, nothing starts again after the flow was noted.
        (WAN_TCP_UDP + LEARN_MAC + "touch_ip(ip->src_addr, now);", MAC),
        # Expiring its own flows twice does nothing twice ...
        (WAN_TCP_UDP + "expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 9);"
         + LEARN_MAC + "touch_ip(ip->src_addr, now);", MAC),
    ],
)  # fmt: skip
def test_what_must_not_happen_twice(tmp_path: Path, body: str, guarded: set[str]) -> None:
    analysis = analysed(tmp_path, body)
    plan = derive_plan(analysis)
    assert {"sharded", "shared"} <= {d.treatment for d in plan.decisions}
    found = sharing(analysis, plan)
    assert names(analysis, found.guarded) == guarded
    assert names(analysis, found.ages_per_worker) == {"mac_table.chain"}


def test_counted_expiry_must_not_happen_twice(tmp_path: Path) -> None:
    """... unless the packet looks how many there were: with the sharded plan of an NF that does not, forced on one that does."""
    expire = "expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 9)"
    body = LEARN_MAC + "touch_ip(ip->src_addr, now);"
    plain = analysed(tmp_path, f"{WAN_TCP_UDP} {expire}; {body}")
    counted = analysed(tmp_path, f"{WAN_TCP_UDP} int n = {expire}; ether->dst_addr.addr_bytes[0] = (uint8_t)n; {body}")
    plan = derive_plan(plain)
    assert "ip_table.chain" not in names(plain, sharing(plain, plan).guarded)
    assert "ip_table.chain" in names(counted, sharing(replace(counted, objects=plain.objects), plan).guarded)
