"""Which pairs of accesses ask for a constraint: those to one entry of which one writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from raw_frames import INSIDE, PLAIN, RAW, touch
from small_nfs import plan_of, question_of, said_by, same
from test_interchange import FINE, nat

from maestro_tool.sharding.lemmas import mismatches_are_misses
from maestro_tool.sharding.lemmas.question import Question
from maestro_tool.sharding.lemmas.related_packets_meet import found
from maestro_tool.sharding.plan import Code, Constraint, Obstacle

LOOK = "struct IpPort q = { ip->dst_addr, %s }; int i; if (map_get(ip_port_table.map, &q, &i)) return device;"
BOTH_PORTS = (
    "if (device == 0) { touch_ip(ip->src_addr, now); return 1; }"
    "struct Ip q = { ip->dst_addr }; int i; if (!map_get(ip_table.map, &q, &i)) return device;"
)


def test_who_writes_meets_who_reads(tmp_path: Path) -> None:
    r = plan_of(tmp_path, BOTH_PORTS)
    assert r.plan.shardable, r.texts
    assert (0, 1, (("src_ip", "dst_ip"),)) in r.constraints


@pytest.mark.parametrize("writer", [0, 1])
def test_whichever_port_writes(writer: int, tmp_path: Path) -> None:
    r = plan_of(tmp_path, BOTH_PORTS.replace("device == 0", f"device == {writer}"))
    pair = ("src_ip", "dst_ip") if writer == 0 else ("dst_ip", "src_ip")
    assert r.plan.shardable and (0, 1, (pair,)) in r.constraints, r.texts


def test_who_only_reads_need_not_meet(tmp_path: Path) -> None:
    """Keys with port 8 are never put: whoever looks them up may be anywhere."""
    r = plan_of(tmp_path, "if (device != 0) return device; touch_ip_port(ip->src_addr, 7, now);" + LOOK % "8")
    assert r.plan.shardable and r.constraints == {(0, 0, same("src_ip"))}, r.texts


def test_who_reads_what_is_put_meets(tmp_path: Path) -> None:
    r = plan_of(tmp_path, "if (device != 0) return device; touch_ip_port(ip->src_addr, 7, now);" + LOOK % "7")
    assert not r.plan.shardable and r.rules == {"R3"}, r.texts


#: Learns where a MAC address is, and asks where another is.
MAC = """
  struct Mac from, to, *s; int i, j;
  for (int n = 0; n < 6; n++) { from.b[n] = ether->src_addr.addr_bytes[n]; to.b[n] = ether->%s.addr_bytes[n]; }
  if (!map_get(mac_table.map, &from, &i)) {
    if (!dchain_allocate_new_index(mac_table.chain, &i, now)) return device;
    vector_borrow(mac_table.keys, i, (void **)&s); *s = from; map_put(mac_table.map, s, i);
  }
  if (!map_get(mac_table.map, &to, &j)) return device;
"""


@pytest.mark.parametrize(("asked", "disjoint"), [("dst_addr", True), ("src_addr", False)])
def test_keys_that_no_hash_would_part(asked: str, disjoint: bool, tmp_path: Path) -> None:
    """No NIC hashes MAC addresses; software can, but to no use where others learn what a packet asks for."""
    q = question_of(tmp_path, MAC % asked)
    codes = {code for code, _ in said_by(found, q)}
    assert codes == ({Code.KEYS_DISJOINT} if disjoint else set())


def test_cards_hash_what_they_can(tmp_path: Path) -> None:
    """Software could part the packets of an address, too."""
    r = plan_of(tmp_path, "if (device != 0) return device; touch_ip_port(ip->src_addr, ip->time_to_live, now);")
    assert r.plan.shardable and r.constraints == {(0, 0, same("src_ip"))}, r.texts


def test_what_software_hashes_does_not_part_what_is_asked_for_elsewhere(tmp_path: Path) -> None:
    """Put under a field, looked up under other bytes: all meet."""
    ask = "memcpy(&word, p + 6, 4); struct Ip k = { word }; int i; if (map_get(ip_table.map, &k, &i)) return 1;"
    q = question_of(tmp_path, f"{INSIDE} if (!({PLAIN})) return device; {ask} {touch(26)}", prelude=RAW)
    assert {code for code, _ in said_by(found, q)} == {Code.KEYS_DISJOINT}


def test_what_cards_can_hash_is_told_beside_what_nobody_can(tmp_path: Path) -> None:
    """Of the pairs that ask for something, each says what."""
    calculated = "else if (packet_length >= 60) { memcpy(&word, p + 50, 4); touch_ip(word / 3, now); }"
    q = question_of(tmp_path, f"{INSIDE} if ({PLAIN}) {touch(26)} {calculated}", prelude=RAW)
    constraints = {
        (x.equal[0][0].field, x.equal[0][1].field) for x in found(q) if isinstance(x, Constraint) and x.equal
    }
    assert constraints == {("src_ip", "src_ip")}
    assert {code for code, _ in said_by(found, q)} == {Code.KEY_NOT_HASHED}


#: What is stored is odd, what it is compared with even.
NEVER_EQUAL = nat(store=FINE["store"].replace("ip->dst_addr", "ip->dst_addr | 1"),
                  compared=FINE["compared"].replace("ip->src_addr", "(ip->src_addr & ~1u)"))  # fmt: skip
#: Nobody asks for a key of a time with port 8.
BY_TIME = "touch_ip_port((uint32_t)now, 7, now);"


@pytest.mark.parametrize("lemma", [found, mismatches_are_misses.obstacles])
@pytest.mark.parametrize(
    "body",
    [nat(), nat(compared=""), NEVER_EQUAL, MAC % "src_addr", "touch_ip(ip->src_addr, now);", BY_TIME + LOOK % "8"],
)
def test_lemmas_give_constraints_and_obstacles(
    lemma: Callable[[Question], Iterable[object]], body: str, tmp_path: Path
) -> None:  # fmt: skip
    assert all(isinstance(x, Constraint | Obstacle) for x in lemma(question_of(tmp_path, body)))
