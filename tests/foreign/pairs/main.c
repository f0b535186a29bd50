/* A firewall that finds flows from either end in a double map, and lets the outside reach none but networks from which
 * the inside has sent, which it keeps as routes: cores share both. */
#include <getopt.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/double-map.h"
#include "lib/verified/expirator.h"
#include "lib/verified/lpm-dir-24-8.h"

enum { INSIDE, OUTSIDE };
enum { KNOWN = 1 };

struct nf_config {
  vigor_time_t lifetime; /* of flows, in ns */
} config;

struct end {
  uint32_t address, other;
  uint16_t port, other_port;
};
/* A flow as the inside sends, and as the outside answers. */
struct pair {
  struct end inner, outer;
};

static struct DoubleMap *pairs;
static struct DoubleChain *ages;
static struct lpm *networks;

static bool end_eq(void *a, void *b) {
  struct end *x = a, *y = b;
  return x->address == y->address && x->other == y->other && x->port == y->port && x->other_port == y->other_port;
}
static unsigned end_hash(void *key) {
  struct end *end = key;
  return __builtin_ia32_crc32si(__builtin_ia32_crc32si(0, end->address ^ end->other), end->port ^ end->other_port);
}
static void pair_copy(char *to, void *from) { memcpy(to, from, sizeof(struct pair)); }
static void pair_destroy(void *pair) { (void)pair; }
static void pair_keys(void *pair, void **a, void **b) {
  *a = &((struct pair *)pair)->inner;
  *b = &((struct pair *)pair)->outer;
}
static void pair_pack(void *pair, void *a, void *b) {
  ((struct pair *)pair)->inner = *(struct end *)a;
  ((struct pair *)pair)->outer = *(struct end *)b;
}

void nf_config_usage(void) { NF_INFO("--expire US"); }
void nf_config_print(void) { NF_INFO("flows live for %" PRId64 " ns", config.lifetime); }

void nf_config_init(int argc, char **argv) {
  config = (struct nf_config){ .lifetime = 10 * VIGOR_TIME_SECONDS_MULTIPLIER };
  const struct option options[] = { { "expire", required_argument, NULL, 't' }, { NULL, 0, NULL, 0 } };
  for (int letter; (letter = getopt_long(argc, argv, "t:", options, NULL)) != -1;) {
    const uintmax_t value = letter == '?' ? 0 : nf_util_parse_int(optarg, "expire", 10, '\0');
    if (value == 0 || value > 1000 * 1000 * 1000) {
      nf_config_usage();
      exit(EXIT_FAILURE);
    }
    config.lifetime = (vigor_time_t)value * 1000;
  }
}

bool nf_init(void) {
  return dmap_allocate(end_eq, end_hash, end_eq, end_hash, sizeof(struct pair), pair_copy, pair_destroy, pair_keys,
                       pair_pack, 4096, 4096, &pairs) &&
         dchain_allocate(4096, &ages) && lpm_allocate(&networks);
}

static int outwards(struct pair *pair, vigor_time_t now) {
  int index;
  if (dmap_get_a(pairs, &pair->inner, &index)) {
    dchain_rejuvenate_index(ages, index, now);
    return OUTSIDE;
  }
  lpm_update_elem(networks, rte_be_to_cpu_32(pair->inner.address), 28, KNOWN);
  if (!dchain_allocate_new_index(ages, &index, now)) return INSIDE;
  dmap_put(pairs, pair, index);
  return OUTSIDE;
}

static int inwards(struct end *answer, vigor_time_t now) {
  int index;
  if (lpm_lookup_elem(networks, rte_be_to_cpu_32(answer->other)) != KNOWN) return OUTSIDE;
  if (!dmap_get_b(pairs, answer, &index)) return OUTSIDE;
  dchain_rejuvenate_index(ages, index, now);
  return INSIDE;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  expire_items(ages, pairs, now - config.lifetime);
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  struct tcpudp_hdr *l4 = ip ? nf_then_get_tcpudp_header(ip, buffer) : NULL;
  if (l4 == NULL) return device;
  struct end sent = { ip->src_addr, ip->dst_addr, l4->src_port, l4->dst_port };
  if (device == OUTSIDE) return inwards(&sent, now);
  struct pair pair = { sent, { sent.other, sent.address, sent.other_port, sent.port } };
  return outwards(&pair, now);
}
