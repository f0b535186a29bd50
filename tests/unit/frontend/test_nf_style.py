"""What NFs of the libVig family include and write, beyond what our own NFs do."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_tool.frontend import load_program

SOURCE = """\
#include <stdint.h>
#include <rte_byteorder.h>
#ifdef KLEE_VERIFICATION
#include <klee/klee.h>
#include "lib/models/verified/map-control.h"
#endif
#include "nf.h"
#include "../nf-log.h"
#include "nf-util.h"
#include "nf-parse.h"
#include "{prefix}/verified/map.h"
#include "{prefix}/verified/vector.h"
#include "{prefix}/verified/double-chain.h"
#include "{prefix}/verified/cht.h"
#include "{prefix}/verified/lpm-dir-24-8.h"
#include "{prefix}/verified/expirator.h"
#include "{prefix}/verified/ether.h"
#include "{prefix}/verified/vigor-time.h"
#include "{prefix}/verified/boilerplate-util.h"
#include "{prefix}/unverified/sketch.h"
#include "{prefix}/unverified/expirator.h"
#include "{prefix}/unverified/util.h"
#include "{prefix}/proof/coherence.h"

struct FlowId {{ uint16_t src_port; uint32_t src_ip; uint8_t protocol; }} __attribute__((packed));
#define LOG_FLOWID(obj, p) p("{{"); p("src_port: %d", (obj)->src_port); p("}}");
struct nf_config {{ struct rte_ether_addr *macs; uint16_t wan; }} config;
static struct Map *map; static struct Vector *keys; static struct DoubleChain *chain; static struct Sketch *sketch;

bool FlowId_eq(void *a, void *b) {{
  struct FlowId *x = (struct FlowId *)a, *y = (struct FlowId *)b;
  return x->src_port == y->src_port AND x->src_ip == y->src_ip AND x->protocol == y->protocol;
}}
unsigned FlowId_hash(void *a) {{
  struct FlowId *x = a; unsigned hash = 0;
  hash = __builtin_ia32_crc32si(hash, x->src_port); hash = __builtin_ia32_crc32di(hash, x->src_ip);
  return __builtin_ia32_crc32si(hash, rte_ether_addr_hash(&config.macs[0]));
}}
bool nf_init() {{
  return map_allocate(FlowId_eq, FlowId_hash, 65536, &map) && vector_allocate(sizeof(struct FlowId), 65536, null_init, &keys)
      && dchain_allocate(65536, &chain) && sketch_allocate(FlowId_hash, 1024, 16, &sketch);
}}
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {{
#pragma GCC diagnostic push
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (ip == NULL || unlikely(ip->version_ihl != RTE_BE16(0x4500) >> 8)) {{ NF_DEBUG("no %" PRIu16, device); return -1; }}
  struct rte_tcp_hdr *tcp = nf_then_get_tcp_header(ip, buffer);
  struct FlowId id = {{ .src_port = rte_be_to_cpu_16(tcp->src_port), .src_ip = ip->src_addr, .protocol = ip->next_proto_id }};
  LOG_FLOWID(&id, NF_DEBUG);
  int value; assert(tcp != NULL); vigor_time_t oldest = now - 10 * VIGOR_TIME_SECONDS_MULTIPLIER;
  expire_items_single_map(chain, keys, map, oldest); concretize_devices(&device, rte_eth_dev_count_avail());
  if (!map_get(map, &id, &value) | (tcp->tcp_flags & (RTE_TCP_FIN_FLAG | RTE_TCP_RST_FLAG))) return FLOOD_FRAME;
  ether->s_addr = ether->d_addr; ether->d_addr = config.macs[device]; rte_ether_addr_copy(&ether->s_addr, &config.macs[0]);
  nf_set_rte_ipv4_udptcp_checksum(ip, (struct tcpudp_hdr *)tcp, *buffer);
  sketch_compute_hashes(sketch, &id); if (sketch_fetch(sketch)) return device; sketch_touch_buckets(sketch, now);
  return config.wan;
}}
void nf_config_init(int argc, char **argv) {{ if (argc < 2 || !nf_parse_device(argv[1], &config.wan)) rte_exit(EXIT_FAILURE, "x"); }}
"""


@pytest.mark.parametrize("prefix", ["lib", "libvig"])
@pytest.mark.parametrize("log", [(), ("ENABLE_LOG",)])
def test_source_of_the_family(tmp_path: Path, prefix: str, log: tuple[str, ...]) -> None:
    folder = tmp_path / "nfs" / "x"
    folder.mkdir(parents=True)
    (folder / "x.c").write_text(SOURCE.format(prefix=prefix))
    program = load_program([folder / "x.c"], (), log)
    assert program.structs["struct FlowId"].size == 7
    assert {"map_get", "sketch_touch_buckets", "maestro_assert_failed", "__builtin_ia32_crc32si"} <= set(
        program.externals
    )
    assert ("fprintf" in program.externals) == bool(log)
    assert "rte_ether_addr_hash" in program.functions and "null_init" in program.functions
    assert program.files == (str(folder / "x.c"),)
    assert set(program.globals) >= {"config", "map", "keys", "chain", "sketch"}


def test_the_users_own_headers_come_first(tmp_path: Path) -> None:
    """A header beside the source wins over ours of the same name; include folders come last."""
    nf, common = tmp_path / "nf", tmp_path / "common"
    for folder in (nf, common):
        folder.mkdir()
    (nf / "map.h").write_text("enum { WHICH = 1 };\n")
    (common / "map.h").write_text("enum { WHICH = 2 };\n")
    (common / "only.h").write_text("enum { ONLY = 3 };\n")
    (nf / "nf.c").write_text('#include "map.h"\n#include "only.h"\nint which = WHICH + ONLY;\n')
    program = load_program([nf / "nf.c"], [common])
    assert program.globals["which"].initial[0].value.value == 4  # type: ignore[union-attr]
    assert program.files == (str(nf / "nf.c"), str(nf / "map.h"), str(common / "only.h"))
