"""Each function of the API that may be called at all is followed: by a small NF that calls it in set-up, or for
packets.  What is not followed is named here, with the reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from maestro_tool import forms, frontend
from maestro_tool.frontend import load_program
from maestro_tool.operations import OPERATIONS, Operation, operation
from maestro_tool.sharding import derive_plan
from maestro_tool.symex import analyse, models
from maestro_tool.symex.callpath import Analysis

HEADERS = Path(frontend.__file__).parent / "headers"

NF = """
#include "nf.h"
#include "nf-log.h"
#include "nf-parse.h"
#include "nf-util.h"
#include "lib/verified/boilerplate-util.h"
#include "lib/verified/cht.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/double-map.h"
#include "lib/verified/ether.h"
#include "lib/verified/expirator.h"
#include "lib/verified/lpm-dir-24-8.h"
#include "lib/verified/map.h"
#include "lib/verified/packet-io.h"
#include "lib/verified/vector.h"
#include "lib/verified/vigor-time.h"
#include "lib/unverified/expirator.h"
#include "lib/unverified/sketch.h"
#include "lib/unverified/util.h"
struct nf_config { struct rte_ether_addr mac; uint32_t ip; uint16_t number; uint8_t byte; } config;
void nf_config_init(int argc, char **argv) {}
void nf_config_print(void) {}
void nf_config_usage(void) {}
struct Pair { uint32_t a, b; } pair;
static bool eq(void *a, void *b) { return *(uint32_t *)a == *(uint32_t *)b; }
static unsigned hash(void *a) { return __builtin_ia32_crc32si(0, *(uint32_t *)a); }
static void copy(char *to, void *from) { memcpy(to, from, sizeof pair); }
static void destroy(void *value) {}
static void keys_of(void *value, void **a, void **b) { *a = &((struct Pair *)value)->a; *b = &((struct Pair *)value)->b; }
static void pack(void *value, void *a, void *b) {}
static struct Map *map;
static struct Vector *keys, *table;
static struct DoubleChain *chain;
static struct DoubleMap *pairs;
static struct Sketch *sketch;
static struct lpm *routes;
static bool filled;
static void put(vigor_time_t now) {
  uint32_t key = 7, *stored;
  int index;
  if (map_get(map, &key, &index) || !dchain_allocate_new_index(chain, &index, now)) return;
  vector_borrow(keys, index, (void **)&stored);
  *stored = key;
  map_put(map, stored, index);
  vector_return(keys, index, stored);
}
bool nf_init(void) {
  if (!map_allocate(eq, hash, 16, &map) || !vector_allocate(4, 16, null_init, &keys) || !dchain_allocate(16, &chain) ||
      !vector_allocate(4, 28, null_init, &table) || !cht_fill_cht(table, 7, 4) || !lpm_allocate(&routes) ||
      !sketch_allocate(hash, 16, 3, &sketch) ||
      !dmap_allocate(eq, hash, eq, hash, sizeof pair, copy, destroy, keys_of, pack, 16, 16, &pairs)) return false;
  uint32_t key = 7, *key_pointer = &key;
  void *stored = &key;
  int index = 0;
  vigor_time_t now = 5;
  SET_UP
  return true;
}
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  uint32_t key = 7, *key_pointer = &key;
  void *stored = &key;
  int index = 0;
  PACKETS
  return 1 - device;
}
"""

HEADER = "struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer); "
IPV4 = HEADER + "struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer); if (ip == NULL) return device; "
PORTS = IPV4 + "struct tcpudp_hdr *ports = nf_then_get_tcpudp_header(ip, buffer); if (ports == NULL) return device; "
CHUNK = "nf_borrow_next_chunk(buffer, 14); "
OWN = "void *own[2]; size_t n = 1; packet_borrow_next_chunk(*buffer, 14, &own[0]); "
PAIR = "pair.a = key; pair.b = 8; "
COUNT = "sketch_compute_hashes(sketch, &key); "

#: Called alike in both.
BOTH = {
    "map_get": "if (map_get(map, &key, &index)) index++;",
    "map_put": "put(now);",
    "map_erase": "put(now); if (map_get(map, &key, &index)) map_erase(map, &key, &stored);",
    "map_size": "unsigned size = map_size(map); if (size > 3) index = 1; if (map_size(map) != size) index = 1 / index;",
    "vector_borrow": "vector_borrow(keys, index, (void **)&key_pointer); index = *key_pointer;",
    "vector_return": "vector_return(keys, index, stored);",
    "dchain_allocate_new_index": "dchain_allocate_new_index(chain, &index, now);",
    "dchain_rejuvenate_index": "dchain_rejuvenate_index(chain, index, now);",
    "dchain_is_index_allocated": "if (dchain_is_index_allocated(chain, index)) index++;",
    "dchain_free_index": "dchain_free_index(chain, index);",
    "dchain_expire_one_index": "dchain_expire_one_index(chain, &index, now);",
    "expire_items_single_map": "expire_items_single_map(chain, keys, map, now);",
    "expire_items_single_map_iteratively": "expire_items_single_map_iteratively(keys, map, 0, 0);",
    "expire_items": "expire_items(chain, pairs, now);",
    "cht_find_preferred_available_backend":
        "cht_find_preferred_available_backend(hash(&key), table, chain, 7, 4, &index);",
    "sketch_compute_hashes": COUNT,
    "sketch_refresh": COUNT + "sketch_refresh(sketch, now);",
    "sketch_fetch": COUNT + "if (sketch_fetch(sketch)) index = 2;",
    "sketch_touch_buckets": COUNT + "if (sketch_touch_buckets(sketch, now)) index = 3;",
    "sketch_expire": "sketch_expire(sketch, now);",
    "lpm_update_elem": "lpm_update_elem(routes, 0x0A000000, 8, 3);",
    "lpm_lookup_elem": "index = lpm_lookup_elem(routes, 0x0A000001);",
    "dmap_get_a": "if (dmap_get_a(pairs, &key, &index)) index++;",
    "dmap_get_b": "if (dmap_get_b(pairs, &key, &index)) index++;",
    "dmap_put": PAIR + "dmap_put(pairs, &pair, 1);",
    "dmap_get_value": PAIR + "if (dmap_put(pairs, &pair, 1)) dmap_get_value(pairs, 1, &pair);",
    "dmap_erase": "dmap_erase(pairs, 1);",
    "dmap_size": "if (dmap_size(pairs) > 3) index = 1;",
    "rte_ether_addr_eq": "if (rte_ether_addr_eq(&config.mac, &config.mac)) index = 1;",
    "rte_ether_addr_hash": "key = rte_ether_addr_hash(&config.mac);",
    "rte_ether_addr_allocate": "struct rte_ether_addr mac; rte_ether_addr_allocate(&mac);",
    "hash_obj": "key = hash_obj(&key, 4);",
    "null_init": "null_init(&key);",
    "current_time": "now = current_time();",
    "recent_time": "now = recent_time();",
    "concretize_devices": "uint16_t to = 1; concretize_devices(&to, rte_eth_dev_count_avail());",
    "rte_eth_dev_count_avail": "index = rte_eth_dev_count_avail();",
    "vigor_note": "vigor_note(index == 0);",
    "nf_mac_to_str": 'NF_INFO("%s", nf_mac_to_str(&config.mac));',
    "nf_rte_ipv4_to_str": 'NF_INFO("%s", nf_rte_ipv4_to_str(config.ip));',
}  # fmt: skip

SETUP = {
    "map_allocate": "map_allocate(eq, hash, 64, &map);",
    "vector_allocate": "vector_allocate(4, 64, null_init, &keys);",
    "dchain_allocate": "dchain_allocate(64, &chain);",
    "sketch_allocate": "sketch_allocate(hash, 64, 3, &sketch);",
    "lpm_allocate": "lpm_allocate(&routes);",
    "dmap_allocate":
        "dmap_allocate(eq, hash, eq, hash, sizeof pair, copy, destroy, keys_of, pack, 16, 16, &pairs);",
    "cht_fill_cht": "cht_fill_cht(table, 7, 4);",
    "rte_eth_macaddr_get": "rte_eth_macaddr_get(0, &config.mac);",
    "nf_parse_etheraddr": 'nf_parse_etheraddr("02:00:00:00:00:01", &config.mac);',
    "nf_parse_ipv4addr": 'nf_parse_ipv4addr("10.0.0.1", &config.ip);',
    "nf_parse_port": 'nf_parse_port("80", &config.number);',
    "nf_parse_proto": 'nf_parse_proto("6", &config.byte);',
    "nf_parse_device": 'nf_parse_device("1", &config.number);',
    "nf_util_parse_int": "index = nf_util_parse_int(\"17\", \"number\", 10, '\\0');",
}  # fmt: skip

PACKET = {
    "packet_borrow_next_chunk": "packet_borrow_next_chunk(*buffer, 14, &stored);",
    "packet_return_chunk": "packet_borrow_next_chunk(*buffer, 14, &stored); packet_return_chunk(*buffer, stored);",
    "packet_get_unread_length": "key = packet_get_unread_length(buffer);",
    "packet_get_chunk_length":
        "packet_borrow_next_chunk(*buffer, 14, &stored); key = packet_get_chunk_length(*buffer, stored);",
    "packet_shrink_chunk": OWN + "packet_shrink_chunk(buffer, 6, own, n, mbuf);",
    "packet_insert_new_chunk": OWN + "packet_insert_new_chunk(buffer, 4, own, &n, mbuf);",
    "nf_borrow_next_chunk": CHUNK,
    "nf_return_chunk": CHUNK + "nf_return_chunk(buffer);",
    "nf_return_all_chunks": CHUNK + "nf_return_all_chunks(*buffer);",
    "nf_get_borrowed_chunk": CHUNK + "if (nf_get_borrowed_chunk(0) == NULL) return device;",
    "nf_shrink_chunk": CHUNK + "nf_shrink_chunk(buffer, 6, mbuf);",
    "nf_insert_new_chunk": CHUNK + "nf_insert_new_chunk(buffer, 4, mbuf);",
    "nf_then_get_rte_ether_header": HEADER,
    "nf_then_get_rte_ipv4_header": IPV4,
    "nf_then_get_rte_ipv4_header_with_options":
        HEADER + "uint8_t *options; if (!nf_then_get_rte_ipv4_header_with_options(ether, buffer, &options)) return device;",
    "nf_then_get_tcpudp_header": PORTS,
    "nf_then_get_tcp_header": IPV4 + "if (nf_then_get_tcp_header(ip, buffer) == NULL) return device;",
    "nf_then_get_udp_header": IPV4 + "if (nf_then_get_udp_header(ip, buffer) == NULL) return device;",
    "nf_has_rte_ipv4_header": HEADER + "if (nf_has_rte_ipv4_header(ether)) return device;",
    "nf_has_tcpudp_header": IPV4 + "if (nf_has_tcpudp_header(ip)) return device;",
    "nf_has_tcp_header": IPV4 + "if (nf_has_tcp_header(ip)) return device;",
    "nf_has_udp_header": IPV4 + "if (nf_has_udp_header(ip)) return device;",
    "nf_set_rte_ipv4_udptcp_checksum": PORTS + "nf_set_rte_ipv4_udptcp_checksum(ip, ports, *buffer);",
    "nf_log_pkt": PORTS + "nf_log_pkt(ether, ip, ports);",
}  # fmt: skip

NOT_FOLLOWED = {
    "lpm_free": "workers may still use the table",
    "packet_state_total_length": "the main loop's",
    "nf_init": "the NF's", "nf_process": "the NF's", "nf_config_init": "the NF's", "nf_config_print": "the NF's",
    "nf_config_usage": "the NF's",
}  # fmt: skip


def declared() -> set[str]:
    """All functions of the API's own headers."""
    found: set[str] = set()
    for header in [*HEADERS.glob("nf*.h"), *HEADERS.glob("lib/**/*.h")]:
        text = re.sub(r"/\*.*?\*/|^\s*#.*?(?<!\\)$|\btypedef[^;]*;", "", header.read_text(), flags=re.S | re.M)
        found |= set(re.findall(r"^[a-z][\w ]*[ *](\w+)\(", text, re.M))
    return found


def test_no_function_is_forgotten() -> None:
    known = {*BOTH, *SETUP, *PACKET, *NOT_FOLLOWED}
    assert {n for n in declared() if not n.startswith("__builtin")} <= known


def analysed(folder: Path, setup: str, packets: str) -> Analysis:
    source = folder / "nf.c"
    source.write_text(NF.replace("SET_UP", setup).replace("PACKETS", packets))
    found = analyse(load_program([source], [], []))
    assert forms.read(Analysis, forms.write(found)) == found
    derive_plan(found)
    return found


@pytest.mark.parametrize("name", BOTH | SETUP)
def test_in_set_up(name: str, tmp_path: Path) -> None:
    assert len(analysed(tmp_path, (BOTH | SETUP)[name], "").paths) == 2


@pytest.mark.parametrize("name", BOTH | PACKET)
def test_for_packets(name: str, tmp_path: Path) -> None:
    assert len(analysed(tmp_path, "", (BOTH | PACKET)[name]).paths) >= 2


#: Where `BOTH` does not come to the operation: nothing is written to what is returned.
PERFORMED = {
    "vector_return": "vector_borrow(keys, 0, &stored); *(uint32_t *)stored = 8; vector_return(keys, 0, stored);"
}


@pytest.mark.parametrize("op", [op for op in OPERATIONS.values() if op.functions], ids=repr)
def test_models_perform_the_operations_of_their_rows(op: Operation, tmp_path: Path) -> None:
    """The rows and `symex.models` bind the same C functions to the operation, for packets and in set-up."""
    for function in op.functions:
        assert {function} <= models.PACKET.keys() & models.SETUP.keys() or function == "sketch_expire"
        found = analysed(tmp_path, "", PERFORMED.get(function, BOTH[function]))
        assert op in {e.op for path in found.paths for e in path.events}


def test_no_model_performs_an_operation_that_no_row_gives_it(tmp_path: Path) -> None:
    of_rows = {function for op in OPERATIONS.values() for function in op.functions}
    for function in sorted((BOTH | PACKET).keys() - of_rows):
        performed = {e.op for p in analysed(tmp_path, "", (BOTH | PACKET)[function]).paths for e in p.events}
        own = {operation("map_put"), *(op for op in OPERATIONS.values() if not op.functions)}
        assert performed <= own, function
