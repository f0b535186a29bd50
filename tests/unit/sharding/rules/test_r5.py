"""R5: which accesses it is about, which paths are compared with which, and what frames must be."""

from __future__ import annotations

from pathlib import Path

import pytest
from raw_frames import RAW
from small_nfs import Result, plan_of
from test_interchange import EXPIRE, FINE, R5, nat

ASKED = FINE["asked"].removesuffix(" return device;")
DIFFERS = "if (remote != ip->src_addr)"
OF_COUNTERS = "vector_borrow(counters, {}, (void **)&c); {}"
BLOCK = OF_COUNTERS.format("i * 4 + 1", "*c = 1;")
OTHER_FLOW = "struct IpPort q = { ip->src_addr, ports->src_port }; int j; if (!map_get(ip_port_table.map, &q, &j)) return device;"

FINE_TOO = {
    "a packet that matches may answer as one that does not": {
        "compared": FINE["compared"]
        + "if (ip->time_to_live == 1) { dchain_rejuvenate_index(ip_port_table.chain, i, now); return device; }"
    },
    "a miss may send a frame": {
        "asked": "uint16_t id = (uint16_t)__builtin_ia32_crc32si(5, ip->src_addr);"
        + ASKED + "{ ip->packet_id = id; ip->hdr_checksum = ports->src_port; return 0; }",
        "compared": DIFFERS + "{ ip->packet_id = id; ip->hdr_checksum = ports->src_port; return 0; }",
    },
    "what a miss does may depend on the packet": {
        "asked": "uint16_t miss = device; if (ip->time_to_live > 9) miss = 0;" + ASKED + "return miss;",
        "compared": DIFFERS + "return miss;",
    },
    "what a miss does may depend on what is there": {
        "asked": "struct Ip kk = { ip->src_addr }; int w; bool known = map_get(ip_table.map, &kk, &w);"
        + ASKED + "return known ? 0 : device;",
        "compared": DIFFERS + "return known ? 0 : device;",
    },
    "entries that are only written, under indices that were found or brought": {
        "found": OF_COUNTERS.format("i", "*c = 1;"),
        "compared": FINE["compared"] + OF_COUNTERS.format("i", "*c = 2;"),
    },
    "another table, with indices of its own": {
        "expire": EXPIRE + "if (device == 0) touch_ip(ip->dst_addr, now);",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", FINE_TOO)
def test_what_is_fine(tmp_path: Path, name: str) -> None:
    r = plan_of(tmp_path, nat(**FINE_TOO[name]))
    assert r.plan.shardable and r.constraints == R5, r.texts


def test_ports_may_differ_in_what_a_miss_does(tmp_path: Path) -> None:
    """It goes back where it came from."""
    r = plan_of(tmp_path, nat(), ports=3)
    assert r.plan.shardable, r.texts
    assert r.constraints == {(0, port, (("dst_ip", "src_ip"),)) for port in (1, 2)}


@pytest.mark.parametrize("written", ["found", "store"])
def test_blocks_of_others_are_not_read_by_an_index_of_the_packets_own(tmp_path: Path, written: str) -> None:
    """The entry of that number is in the block of another index, which another core may have."""
    read = OF_COUNTERS.format("i", "ip->packet_id = (uint16_t)*c;")
    r = plan_of(tmp_path, nat(**{written: FINE[written] + BLOCK, "compared": FINE["compared"] + read}))
    assert not r.plan.shardable and "could not be related" in r.texts, r.texts


def test_the_entry_that_is_compared_is_the_one_that_is_named(tmp_path: Path) -> None:
    """The sender's own flow is looked at, and the flow that its port names refreshed, whosever it is."""
    compared = "vector_borrow(values, j, (void **)&v); if (*v != ip->src_addr) return device;"
    r = plan_of(tmp_path, nat(asked=OTHER_FLOW + FINE["asked"], compared=compared))
    assert not r.plan.shardable and "that does not match" in r.texts, r.texts


def test_a_verdict_that_differs_by_a_checksum_is_another(tmp_path: Path) -> None:
    """As for bytes of frames: values of two calls must not be taken for one because they have the same number."""
    ignored = "unsigned x = __builtin_ia32_crc32si(1, ip->src_addr); (void)x;"
    send = "return (uint16_t)__builtin_ia32_crc32si({}, ip->dst_addr);"
    change = {"asked": f"{ASKED} {{ {ignored} {send.format(3)} }}", "compared": f"{DIFFERS} {send.format(2)}"}
    r = plan_of(tmp_path, nat(**change))
    assert not r.plan.shardable and "without comparing" in r.texts, r.texts


# --------------------------------------------------------------------------- frames

#: Inside: the destination address gets an index, which leaves in the packet; outside: that must be equal to both ports.
PORTS_AS_ADDRESS = """
uint8_t *chunk = nf_borrow_next_chunk(buffer, 4);
struct tcpudp_hdr *p = ports == NULL ? (struct tcpudp_hdr *)chunk : ports;
uint32_t *v; struct Ip *s, k = {{ ip->dst_addr }}; int i;
if (packet_length < 60) return device;
if ({inside}) {{
  if (!map_get(ip_table.map, &k, &i)) {{
    if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;
    vector_borrow(ip_table.keys, i, (void **)&s); *s = k; map_put(ip_table.map, s, i);
    vector_borrow(values, i, (void **)&v); *v = ip->dst_addr;
  }}
  ip->packet_id = (uint16_t)i;
  return 1 - device;
}}
{checked}
i = ip->packet_id & 1023;
if (!dchain_is_index_allocated(ip_table.chain, i)) return device;
vector_borrow(values, i, (void **)&v);
if (*v != (p->src_port | (uint32_t)p->dst_port << 16)) return device;
dchain_rejuvenate_index(ip_table.chain, i, now);
"""
CHECKED = "if (ports == NULL) return device;"


@pytest.mark.parametrize("inside", [0, 1])
def test_packets_without_ports_are_compared_by_bytes(tmp_path: Path, inside: int) -> None:
    """If there are such, no card hashes what is compared."""
    for checked, expected in ((CHECKED, {("src_port", False)}), ("", {("src_port", False), ("frame[34..37]", True)})):
        r = plan_of(tmp_path, PORTS_AS_ADDRESS.format(inside=f"device == {inside}", checked=checked))
        assert r.plan.shardable, r.texts
        assert {c.ports for c in r.plan.constraints} == {(0, 1)}
        assert {(c.equal[0][1 - inside].field, c.in_software) for c in r.plan.constraints} == expected


def test_on_one_port_as_well(tmp_path: Path) -> None:
    """There no field is left, which is all that is said."""
    r = plan_of(tmp_path, PORTS_AS_ADDRESS.format(inside="ip->time_to_live > 9", checked=CHECKED), ports=1)
    assert r.rules == {"R3"}, r.texts


# --------------------------------------------------------------------------- bytes that no card hashes

#: A NAT of one table: keyed by four bytes of the frame at {key}, compared by {remote}; indices are in two bytes.
OF_BYTES = """
  uint32_t *v; struct Ip k, *s; int i; uint16_t number;
  expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 1000);
  if (packet_length < {length}) return device;
  if (device == {inside}) {{
    memcpy(&k.addr, p + {key}, 4);
    if (!map_get(ip_table.map, &k, &i)) {{
      if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;
      vector_borrow(ip_table.keys, i, (void **)&s); *s = k; map_put(ip_table.map, s, i);
      vector_borrow(values, i, (void **)&v); memcpy(v, p + {stored}, 4);
    }}
    number = (uint16_t)i;
    memcpy(p + 16, &number, 2);
    return 1 - device;
  }}
  memcpy(&number, p + {number}, 2);
  i = number;
  if (i >= 1024 || !dchain_is_index_allocated(ip_table.chain, i)) return device;
  memcpy(&word, p + {brought}, 4);
  vector_borrow(values, i, (void **)&v);
  if ({differs}) return device;
  dchain_rejuvenate_index(ip_table.chain, i, now);
"""
PLACES = {"inside": 0, "length": 60, "key": 50, "stored": 50, "brought": 46, "number": 18, "differs": "*v != word"}


def of_bytes(tmp_path: Path, body: str = OF_BYTES, **change: object) -> Result:
    return plan_of(tmp_path, body.format(**{**PLACES, **change}), prelude=RAW)


@pytest.mark.parametrize("inside", [0, 1])
def test_what_is_compared_may_be_any_bytes(tmp_path: Path, inside: int) -> None:
    r = of_bytes(tmp_path, inside=inside)
    assert r.plan.shardable, r.texts
    pair = ("frame[50..53]", "frame[46..49]")
    assert r.constraints == {(0, 1, (pair if inside == 0 else pair[::-1],))}
    assert {(c.rule, c.in_software) for c in r.plan.constraints} == {("R5", True)}
    # The constraint of the key that says the same is a part of it.
    assert {r.analysis.objects[o].name for c in r.plan.constraints for o in c.objects} == {"values", "ip_table.map"}


def test_fields_and_bytes_of_one_flow(tmp_path: Path) -> None:
    """Inside it is in IPv4 headers, outside elsewhere."""
    inside = " if (device == 0 && !(p[12] == 8 && p[13] == 0)) return device; if (device == {inside}) {{"
    r = of_bytes(tmp_path, OF_BYTES.replace("  if (device == {inside}) {{", inside), key=30, stored=30)
    assert r.plan.shardable, r.texts
    assert r.constraints == {(0, 1, (("dst_ip", "frame[46..49]"),))}


def test_addresses_that_cards_hash_are_enough(tmp_path: Path) -> None:
    """Ports are in no view where frames may be of any protocol; they are bytes, but cards can part packets by the rest."""
    plain = OF_BYTES.replace("{length}) return", "{length} || p[12] != 8 || p[13] != 0) return")
    stored = "*v = p[32] | p[33] << 8 | p[36] << 16;"
    plain = plain.replace("memcpy(v, p + {stored}, 4);", stored)
    r = of_bytes(tmp_path, plain, key=30, differs="*v != (uint32_t)(p[28] | p[29] << 8 | p[34] << 16)")
    assert r.plan.shardable, r.texts
    assert r.constraints == {(0, 1, (("dst_ip[15:0]", "src_ip[15:0]"),))}


def test_a_key_that_says_other_bytes_leaves_nothing_to_part_by(tmp_path: Path) -> None:
    r = of_bytes(tmp_path, key=42)
    assert not r.plan.shardable and r.rules == {"R3"}, r.texts


@pytest.mark.parametrize("change", [
    {"differs": "*v + 1 != word"},  # what is calculated with is no bytes
    {"stored": 300, "brought": 300, "key": 300, "length": 400},  # behind those that may decide
    {"differs": "(uint16_t)*v != 7 || p[46] != 9"},
    {"stored": 12, "brought": 12, "differs": "(uint16_t)*v != (uint16_t)word"},  # tells the protocol
])  # fmt: skip
def test_what_is_compared_are_no_such_bytes(tmp_path: Path, change: dict[str, object]) -> None:
    r = of_bytes(tmp_path, **change)
    assert not r.plan.shardable and "values" in r.named("shared"), r.texts


TAGS = """
  if (packet_length < 60 || p[12] != 0x81 || p[13] != 0) return device;
  int at = p[16] == 0x81 ? 4 : 0;
"""


def test_what_is_compared_may_be_at_several_places(tmp_path: Path) -> None:
    """Of one class: shapes tell them apart, also where only outside frames have several, whose keys are indices."""
    body = TAGS + OF_BYTES.replace("p + {number}", "p + {number} + at").replace("p + {brought}", "p + {brought} + at")
    r = of_bytes(tmp_path, body)
    assert r.plan.shardable, r.texts
    assert r.constraints == {(0, 1, (("frame[50..53]", place),)) for place in ("frame[46..49]", "frame[50..53]")}
    sides = {c.equal[0][1].field: c.classes[1] for c in r.plan.constraints}
    assert sides == {"frame[46..49]": ("vlan[not 17 16=81]",), "frame[50..53]": ("vlan[17 16=81]",)}
