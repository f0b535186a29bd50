"""What small NFs begin with: keys, a table, and the packet's IPv4 header."""

PRELUDE = """
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/double-map.h"
#include "lib/verified/expirator.h"
#include "lib/verified/lpm-dir-24-8.h"

struct nf_config { int unused; };
struct nf_config config;
void nf_config_init(int argc, char **argv) { (void)argc; (void)argv; }
void nf_config_usage(void) {}
void nf_config_print(void) {}

struct addr { uint32_t addr; };
bool ip_eq(void *a, void *b) { return ((struct addr *)a)->addr == ((struct addr *)b)->addr; }
unsigned ip_hash(void *a) { return __builtin_ia32_crc32si(0, ((struct addr *)a)->addr); }
/* Neighbours are one. */
bool third_eq(void *a, void *b) { return ((struct addr *)a)->addr / 3 == ((struct addr *)b)->addr / 3; }
unsigned third_hash(void *a) { return ((struct addr *)a)->addr / 3; }
/* The hash tells keys apart that are equal. */
unsigned low_hash(void *a) { return ((struct addr *)a)->addr & 1; }

static struct Map *map;
static struct Vector *keys, *values;
static struct DoubleChain *chain;
static bool make(map_keys_equality *eq, map_key_hash *hash, int size, unsigned capacity) {
  return map_allocate(eq, hash, capacity, &map) && vector_allocate(size, capacity, null_init, &keys) &&
         vector_allocate(8, capacity, null_init, &values) && dchain_allocate((int)capacity, &chain);
}
"""
PROCESS = """
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)packet_length; (void)mbuf; (void)now;
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (ip == NULL) return device;
"""
