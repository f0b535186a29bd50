/* Two inner networks (ports 0 and 1) and one outside (port 2): replies go where the flow came from. */
#include <getopt.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "lib/verified/expirator.h"
#include "flows/flow_key.h"

struct nf_config {
  uint16_t outside;
  vigor_time_t lifetime;
} config;

static struct Map *flows;
static struct Vector *keys, *homes;
static struct DoubleChain *ages;

void nf_config_usage(void) { NF_INFO("--outside PORT"); }
void nf_config_print(void) { NF_INFO("outside: %d", config.outside); }

void nf_config_init(int argc, char **argv) {
  config = (struct nf_config){ .outside = 2, .lifetime = 10 * VIGOR_TIME_SECONDS_MULTIPLIER };
  for (int letter; (letter = getopt(argc, argv, "o:")) != -1;) {
    if (letter != 'o' || atoi(optarg) >= rte_eth_dev_count_avail()) {
      nf_config_usage();
      exit(EXIT_FAILURE);
    }
    config.outside = (uint16_t)atoi(optarg);
  }
}

bool nf_init() {
  return map_allocate(flow_key_eq, flow_key_hash, 4096, &flows) &&
         vector_allocate(sizeof(struct flow_key), 4096, flow_key_allocate, &keys) &&
         vector_allocate(sizeof(uint32_t), 4096, null_init, &homes) && dchain_allocate(4096, &ages);
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  expire_items_single_map(ages, keys, flows, now - config.lifetime);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(nf_then_get_rte_ether_header(buffer), buffer);
  struct tcpudp_hdr *l4 = ip ? nf_then_get_tcpudp_header(ip, buffer) : NULL;
  if (!l4) return device;

  const bool out = device != config.outside;
  struct flow_key key = { .inner = { out ? ip->src_addr : ip->dst_addr, out ? l4->src_port : l4->dst_port },
                          .outer = { out ? ip->dst_addr : ip->src_addr, out ? l4->dst_port : l4->src_port } };
  int index;
  uint32_t *home;
  if (map_get(flows, &key, &index)) {
    dchain_rejuvenate_index(ages, index, now);
    vector_borrow(homes, index, (void **)&home);
    const uint32_t inner = *home;
    vector_return(homes, index, home);
    return out ? config.outside : inner == 0 ? 0 : 1;
  }
  if (!out || !dchain_allocate_new_index(ages, &index, now)) return device;
  struct flow_key *stored;
  vector_borrow(keys, index, (void **)&stored);
  *stored = key;
  map_put(flows, stored, index);
  vector_return(keys, index, stored);
  vector_borrow(homes, index, (void **)&home);
  *home = device;
  vector_return(homes, index, home);
  return config.outside;
}
