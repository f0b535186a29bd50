"""State per IPv6 flow, address or prefix: fields are named by what the path's tests prove of the frame; keys are proved."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_nfs import plan_of, same

from maestro_tool.nic import load_profile
from maestro_tool.rss import problem, prove, solve_problem, verify

ROOT = Path(__file__).parents[3]

PRELUDE = """
#include <stdint.h>
#include <string.h>
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/verified/double-chain.h"

struct Key { uint64_t words[4]; uint32_t more; };
bool Key_eq(void *a, void *b) {
  struct Key *x = a, *y = b;
  return x->words[0] == y->words[0] && x->words[1] == y->words[1] && x->words[2] == y->words[2]
      && x->words[3] == y->words[3] && x->more == y->more;
}
unsigned Key_hash(void *a) { return ((struct Key *)a)->more; }
void Key_init(void *a) { memset(a, 0, sizeof(struct Key)); }

struct nf_config { int unused; };
struct nf_config config;
void nf_config_init(int argc, char **argv) { (void)argc; (void)argv; }
void nf_config_usage(void) {}
void nf_config_print(void) {}

struct Table { struct Map *map; struct Vector *keys; struct DoubleChain *chain; };
static struct Table first, second;

static bool make(struct Table *t) {
  return map_allocate(Key_eq, Key_hash, 1024, &t->map) && vector_allocate(sizeof(struct Key), 1024, Key_init, &t->keys)
      && dchain_allocate(1024, &t->chain);
}
bool nf_init(void) { return make(&first) && make(&second); }

static void touch(struct Table *t, struct Key key, vigor_time_t now) {
  struct Key *stored;
  int index;
  if (map_get(t->map, &key, &index)) { dchain_rejuvenate_index(t->chain, index, now); return; }
  if (!dchain_allocate_new_index(t->chain, &index, now)) return;
  vector_borrow(t->keys, index, (void **)&stored);
  *stored = key;
  map_put(t->map, stored, index);
  vector_return(t->keys, index, stored);
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)packet_length; (void)mbuf; (void)now; (void)touch;
  struct Key key = { .more = 0 };
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  const bool is6 = ether->ether_type == rte_cpu_to_be_16(0x86DD);
  const bool is4 = ether->ether_type == rte_cpu_to_be_16(0x0800);
  (void)is6; (void)is4;
  if (packet_get_unread_length(buffer) < 44) return device;
  uint8_t *frame = (uint8_t *)nf_borrow_next_chunk(buffer, 44) - 14;
  const bool l4 = frame[20] == 6 || frame[20] == 17;
  (void)l4;
#line 1000 "body"
"""

#: The packets that reach state when a body asks for no more than IPv6.
ANY6 = ("tcp6", "udp6", "sctp6", "ipv6_other", "ipv6_fragment", "malformed")
SOURCE = "memcpy(key.words, frame + 22, 16); "
BOTH = "memcpy(key.words, frame + 22, 32); "
PORTS = "memcpy(&key.more, frame + 54, 4); "
TOUCH = "touch(&first, key, now);"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("if (!is6) return device; " + SOURCE, [same("src_ip6")]),
        ("if (!is6) return device; " + BOTH, [same("src_ip6", "dst_ip6")]),
        ("if (!is6 || !l4) return device; " + BOTH + PORTS, [same("src_ip6", "dst_ip6", "src_port6", "dst_port6")]),
        ("if (!is6) return device; memcpy(key.words, frame + 22, 8); ", [same("src_ip6[127:64]")]),
        ("if (!is6) return device; memcpy(key.words, frame + 22, 8); key.words[0] &= 0xFFFFFFFFFFFFull; ",
         [same("src_ip6[127:80]")]),
        # Places of IPv4 addresses, in frames that are IPv6.
        ("if (!is6) return device; memcpy(&key.more, frame + 26, 4); ", [same("src_ip6[95:64]")]),
        # The prefix is coarser than the address (R2).
        ("if (!is6) return device; " + SOURCE + "touch(&second, key, now); key.words[1] = 0; ",
         [same("src_ip6[127:64]")]),
        # The protocol is compared, too, and hashed by no card.
        ("if (!is6) return device; " + SOURCE + "key.more = frame[20]; ", [same("src_ip6")]),
    ],
)  # fmt: skip
def test_fields(tmp_path: Path, body: str, expected: list[object]) -> None:
    r = plan_of(tmp_path, "if (device) return 0; " + body + TOUCH, prelude=PRELUDE)
    assert r.plan.shardable, r.texts
    assert r.constraints == {(0, 0, pairs) for pairs in expected}
    for c in r.plan.constraints:
        for side in (0, 1):
            of_ipv6 = any(pair[side].field.endswith("6") for pair in c.equal)
            assert {x for x in c.classes[side] if "4" in x} == set() or not of_ipv6
    for nic in ("e810", "soft"):
        task = problem(r.plan.constraints, load_profile(ROOT / f"configs/{nic}.yaml"), 2)
        solution = solve_problem(task)
        assert solution.satisfiable and not verify.check(task, solution)
        assert all(prove.holds(c, solution) for c in r.plan.constraints)


def test_one_map_for_both_versions_of_ip(tmp_path: Path) -> None:
    """IPv4 addresses are those of ::ffff:0:0/96: both meet.  A card's inputs have them at other places, so no key serves
    that; software hashes what each version has."""
    body = (
        "if (is6) { " + SOURCE + "} else if (is4) { key.words[0] = 0; key.words[1] = 0xFFFF0000ull; "
        "memcpy((uint8_t *)key.words + 12, frame + 26, 4); } else { return device; } "
    )
    r = plan_of(tmp_path, "if (device) return 0; " + body + TOUCH, prelude=PRELUDE)
    across = {(("src_ip", "src_ip6[31:0]"),), (("src_ip6[31:0]", "src_ip"),)}
    assert {pairs for _, _, pairs in r.constraints} == across | {same("src_ip"), same("src_ip6")}
    task = problem(r.plan.constraints, load_profile(ROOT / "configs/e810.yaml"), 2)
    solution = solve_problem(task)
    assert solution.notes == ("port 0: this NIC cannot compute the sharding; software hashes and hands off",)
    assert solution.satisfiable and not verify.check(task, solution)
    assert all(prove.holds(c, solution) for c in r.plan.constraints)


@pytest.mark.parametrize("out", ["src", "dst"])
def test_a_symmetric_firewall(tmp_path: Path, out: str) -> None:
    there, back = (22, 38) if out == "src" else (38, 22)
    body = (
        "if (!is6 || !l4) return device; "
        f"memcpy(key.words, frame + (device ? {back} : {there}), 16); "
        f"memcpy(key.words + 2, frame + (device ? {there} : {back}), 16); "
        "memcpy(&key.more, frame + (device ? 56 : 54), 2); memcpy((char *)&key.more + 2, frame + (device ? 54 : 56), 2);"
    )
    r = plan_of(tmp_path, body + TOUCH, prelude=PRELUDE)
    fields = ("src_ip6", "dst_ip6", "src_port6", "dst_port6")
    swapped = ("dst_ip6", "src_ip6", "dst_port6", "src_port6")
    assert (0, 1, tuple(zip(fields, swapped, strict=True))) in r.constraints


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("if (!is6) return device; key.words[0] = *(uint64_t *)(frame + 22) + 1; ", "could not decide how to steer IPv6"),
        ("if (!is6) return device; key.more = frame[20]; ", "keyed by next_header"),
    ],
)  # fmt: skip
def test_what_is_not_proved_is_not_decided(tmp_path: Path, body: str, text: str) -> None:
    r = plan_of(tmp_path, "if (device) return 0; " + body + TOUCH, prelude=PRELUDE)
    assert not r.plan.shardable and text in r.texts


@pytest.mark.parametrize(
    ("body", "places"),
    [
        # The EtherType is not asked for: no card hashes these bytes of whatever comes.
        (SOURCE, ("frame[22]", "frame[24..37]")),  # 23 is the protocol of IPv4
        ("if (is4) return device; " + SOURCE, ("frame[22]", "frame[24..37]")),
        ("memcpy(&key.more, frame + 26, 4); ", ("frame[26..29]",)),
        ("if (is4 || is6) return device; memcpy(&key.more, frame + 26, 4); ", ("frame[26..29]",)),
        # Either of the two, in one path.
        ("if (!(is4 | is6)) return device; memcpy(&key.more, frame + 26, 4); ", ("frame[26..29]",)),
    ],
)  # fmt: skip
def test_what_is_not_proved_is_for_software(tmp_path: Path, body: str, places: tuple[str, ...]) -> None:
    r = plan_of(tmp_path, "if (device) return 0; " + body + TOUCH, prelude=PRELUDE)
    assert r.plan.shardable and {pairs for *_, pairs in r.constraints} == {same(*places)}, r.texts


def test_what_lies_at_the_ports_whatever_the_next_header_is(tmp_path: Path) -> None:
    """Addresses part packets then; ports alone are no fields, but bytes that software can hash."""
    r = plan_of(tmp_path, "if (device || !is6) return 0; " + BOTH + PORTS + TOUCH, prelude=PRELUDE)
    assert r.plan.shardable and {pairs for *_, pairs in r.constraints} == {same("src_ip6", "dst_ip6")}
    r = plan_of(tmp_path, "if (device || !is6) return 0; " + PORTS + TOUCH, prelude=PRELUDE)
    assert r.plan.shardable and {pairs for *_, pairs in r.constraints} == {same("frame[54..57]")}


def test_each_version_of_ip_has_bits_that_decide(tmp_path: Path) -> None:
    """R3 is asked of each: state of IPv6 that no hash can serve is shared, that of IPv4 is not."""
    body = (
        "if (is4) { memcpy(&key.more, frame + 26, 4); touch(&first, key, now); return 0; } if (!is6) return device; "
        "memcpy(key.words, frame + (frame[20] == 6 ? 22 : 38), 16); "
    )
    r = plan_of(tmp_path, "if (device) return 0; " + body + "touch(&second, key, now);", prelude=PRELUDE)
    assert "R3" in r.rules and r.constraints == {(0, 0, same("src_ip"))}
    assert all(("first" in name) == (t == "sharded") for name, t in r.treatments.items())
