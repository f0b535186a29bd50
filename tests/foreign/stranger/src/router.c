/* Routes by longest prefix first; each source may send --burst packets, then rests for a second. */
#include <getopt.h>
#include "nf.h"
#include "nf-util.h"
#include "nf-log.h"
#include "lib/verified/expirator.h"
#include "table.h"
#include "source.h.gen.h"

struct nf_config { const char *table; uint32_t burst; } config;
static struct table table;
static struct Map *sources;
static struct Vector *keys, *counts;
static struct DoubleChain *ages;

void nf_config_usage(void) { NF_INFO("--table FILE --burst N"); }
void nf_config_print(void) { NF_INFO("table %s, burst %u", config.table, config.burst); }
void nf_config_init(int argc, char **argv) {
  static const struct option options[] = {{"table", required_argument, NULL, 't'}, {"burst", required_argument, NULL, 'b'}, {0}};
  config.burst = 100;
  for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (c == 't') config.table = optarg;
    else if (c == 'b') config.burst = nf_util_parse_int(optarg, "burst", 10, '\0');
    else { nf_config_usage(); exit(1); }
  }
}
bool nf_init(void) {
  if (!table_read(config.table, &table)) {
    fprintf(stderr, "cannot read %s\n", config.table);
    return false;
  }
  for (int i = 0; i < table.count; i++)
    if (table.routes[i].port >= rte_eth_dev_count_avail()) return false;
  return map_allocate(source_eq, source_hash, 8192, &sources) && vector_allocate(sizeof(struct source), 8192, source_allocate, &keys) &&
         vector_allocate(4, 8192, null_init, &counts) && dchain_allocate(8192, &ages);
}
static bool may_send(uint32_t address, vigor_time_t now) {
  static const uint32_t one = 1;
  struct source key = {address}, *stored;
  int i;
  uint32_t *count;
  if (!map_get(sources, &key, &i)) {
    if (!dchain_allocate_new_index(ages, &i, now)) return false;
    vector_borrow(keys, i, (void **)&stored);
    *stored = key;
    map_put(sources, stored, i);
    vector_return(keys, i, stored);
    vector_borrow(counts, i, (void **)&count);
    *count = one;
    vector_return(counts, i, count);
    return true;
  }
  vector_borrow(counts, i, (void **)&count);
  bool may = *count < config.burst;
  if (may) ++*count;
  vector_return(counts, i, count);
  return may;
}
int nf_process(uint16_t device, uint8_t **p, uint16_t length, vigor_time_t now, struct rte_mbuf *mbuf) {
  static uint32_t seen;
  seen++;
  expire_items_single_map(ages, keys, sources, now - VIGOR_TIME_SECONDS_MULTIPLIER);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(nf_then_get_rte_ether_header(p), p);
  if (!ip || !may_send(ip->src_addr, now)) return device;
  const uint32_t to = rte_be_to_cpu_32(ip->dst_addr);
  for (int i = 0; i < table.count; i++)
    if ((to & table.routes[i].mask) == table.routes[i].prefix) return table.routes[i].port;
  return device;
}
