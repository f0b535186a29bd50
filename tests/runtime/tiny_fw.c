/* A small firewall with the tables that code generation would write: shared-nothing, symmetric key.
 *
 * -DTINY_SEQUENTIAL: the sequential build.  -DTINY_HARDWARE: for ports that do RSS.
 * -DTINY_HANDOFF: for ports that do, but not by a key of ours.  Options: --max N, --expire NS. */
#include <getopt.h>

#ifdef TINY_SEQUENTIAL
#define PER_WORKER
#else
#define PER_WORKER _Thread_local
#endif
#define MAESTRO_THREAD_LOCAL PER_WORKER

#include "lib/unverified/util.h"
#include "lib/verified/expirator.h"
#include "maestro_burst.h"
#include "nf-parse.h"

struct nf_config {
  uint32_t max_flows;
  vigor_time_t expire;
};
PER_WORKER struct nf_config config;

struct flow {
  uint32_t lan, wan;
  uint16_t lan_port, wan_port;
  uint32_t protocol;
};

static PER_WORKER struct Map *flows;
static PER_WORKER struct Vector *keys;
static PER_WORKER struct DoubleChain *ages;

static unsigned flow_hash(void *object) { return hash_obj(object, sizeof(struct flow)); }
static bool flow_eq(void *a, void *b) { return memcmp(a, b, sizeof(struct flow)) == 0; }
static void flow_allocate(void *object) { memset(object, 0, sizeof(struct flow)); }

bool nf_init(void) {
  if (flows != NULL) return false; /* not a fresh worker */
  return map_allocate(flow_eq, flow_hash, config.max_flows, &flows) &&
         vector_allocate(sizeof(struct flow), config.max_flows, flow_allocate, &keys) &&
         dchain_allocate((int)config.max_flows, &ages);
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)packet_length;
  (void)mbuf;
  expire_items_single_map(ages, keys, flows, now - config.expire);
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  if (ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP)) return FLOOD_FRAME;
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (ip == NULL) return device;
  struct tcpudp_hdr *ports = nf_then_get_tcpudp_header(ip, buffer);
  if (ports == NULL) return device;
  const bool wan = device == 1;
  struct flow flow = {.lan = wan ? ip->dst_addr : ip->src_addr,
                      .wan = wan ? ip->src_addr : ip->dst_addr,
                      .lan_port = wan ? ports->dst_port : ports->src_port,
                      .wan_port = wan ? ports->src_port : ports->dst_port,
                      .protocol = ip->next_proto_id};
  int index = -1;
  if (map_get(flows, &flow, &index)) {
    dchain_rejuvenate_index(ages, index, now);
    return 1 - device;
  }
  if (wan || !dchain_allocate_new_index(ages, &index, now)) return device;
  struct flow *key;
  vector_borrow(keys, index, (void **)&key);
  *key = flow;
  map_put(flows, key, index);
  vector_return(keys, index, key);
  return 1;
}

void nf_config_init(int argc, char **argv) {
  static const struct option OPTIONS[] = {
      {"max", required_argument, NULL, 'm'}, {"expire", required_argument, NULL, 'e'}, {0}};
  config = (struct nf_config){.max_flows = 65536, .expire = 1000000000};
  for (int o; (o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
    if (o == 'm')
      config.max_flows = (uint32_t)nf_util_parse_int(optarg, "max", 10, '\0');
    else if (o == 'e')
      config.expire = (vigor_time_t)nf_util_parse_int(optarg, "expire", 10, '\0');
    else
      rte_exit(EXIT_FAILURE, "tiny: unknown option\n");
  }
  optind = 1;
}

void nf_config_print(void) { NF_INFO("tiny: %" PRIu32 " flows", config.max_flows); }

MAESTRO_DEFINE_BURST(tiny_process_burst)

#ifndef TINY_SEQUENTIAL
static void save(void *block) {
  char *p = block;
  p = memcpy(p, &config, sizeof config);
  p = memcpy(p + sizeof config, &flows, sizeof flows);
  p = memcpy(p + sizeof flows, &keys, sizeof keys);
  memcpy(p + sizeof keys, &ages, sizeof ages);
}

static void load(const void *block) {
  const char *p = block;
  memcpy(&config, p, sizeof config);
  memcpy(&flows, p + sizeof config, sizeof flows);
  memcpy(&keys, p + sizeof config + sizeof flows, sizeof keys);
  memcpy(&ages, p + sizeof config + sizeof flows + sizeof keys, sizeof ages);
}
#endif

const void *maestro_allocated(unsigned number);

static bool check(char *text, size_t size) {
  if (maestro_allocated(0) == flows && maestro_allocated(1) == keys && maestro_allocated(2) == ages &&
      maestro_allocated(3) == NULL && config.expire != 13)
    return true;
  snprintf(text, size, "tiny: not as analysed");
  return false;
}

/* 16 bits repeated: swapping source and destination does not change the hash. */
#define K4 0x6d, 0x5a, 0x6d, 0x5a
#define K20 K4, K4, K4, K4, K4
static const uint8_t KEY[] = {K20, K20};

#ifdef TINY_HARDWARE
#define HF (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP)
#else
#define HF 0
#endif
#ifdef TINY_HARDWARE
static const char *const DRIVERS[] = {"net_null"};
#define CARD .drivers = DRIVERS, .n_drivers = 1, .table_size = 1024, /* net_null's has 128, whatever else it can */
#else
#define CARD .table_size = 128,
#endif
#define PORT                                                                                \
  {                                                                                         \
    CARD .key = KEY, .key_length = 40, .key_length_passed = 40, .rss_hf = HF,       \
    .software_classes = 0x1FFFF, .l4 = {4, {{26, 4}, {30, 4}, {34, 2}, {36, 2}}}, .l3 = {   \
      2,                                                                                    \
      {{26, 4}, {30, 4}}                                                                    \
    }                                                                                       \
  }
static const struct maestro_port PORTS[] = {PORT, PORT};
#ifndef TINY_SEQUENTIAL
static const struct maestro_object OBJECTS[] = {
    {.name = "flows", .kind = MAESTRO_MAP, .treatment = MAESTRO_SHARDED},
    {.name = "keys", .kind = MAESTRO_VECTOR, .treatment = MAESTRO_SHARDED, .element_size = sizeof(struct flow)},
    {.name = "ages", .kind = MAESTRO_DCHAIN, .treatment = MAESTRO_SHARDED, .split = true},
};
#endif

extern const struct maestro_nf tiny_nf;
const struct maestro_nf tiny_nf = {
    .name = "tiny",
    .n_ports = 2,
    .ports = PORTS,
#ifdef TINY_SEQUENTIAL
    .nic = "none",
    .strategy = "sequential",
#else
#if defined TINY_HARDWARE || defined TINY_HANDOFF
    .nic = "card",
#else
    .nic = "soft",
    .software_rss = true,
#endif
    .strategy = "shared-nothing",
    .objects = OBJECTS,
    .n_objects = 3,
    .globals_size = sizeof config + 3 * sizeof(void *),
    .globals_save = save,
    .globals_load = load,
#endif
    .check = check,
    .config_init = nf_config_init,
    .config_print = nf_config_print,
    .init = nf_init,
    .process_burst = tiny_process_burst,
};

extern const struct maestro_nf *const maestro_main_nf;
const struct maestro_nf *const maestro_main_nf = &tiny_nf;
