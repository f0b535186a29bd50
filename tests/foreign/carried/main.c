/* Limits what inside hosts send and get, by their IPv4 address where it is carried: behind up to three MPLS labels, the
 * last of which says so, or in GRE, whose header is as long as its flags say. */
#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "lib/unverified/util.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/expirator.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

enum { INSIDE, OUTSIDE, HOSTS = 4096, MOST_FRAMES = 20 };
enum { LABEL = 4, MOST_LABELS = 3, GRE = 47, CHECKSUM = 0x8000, KEY = 0x2000 };

struct host {
  uint32_t address;
};

static unsigned host_hash(void *object) { return __builtin_ia32_crc32si(0, ((struct host *)object)->address); }
static bool host_eq(void *a, void *b) { return ((struct host *)a)->address == ((struct host *)b)->address; }
static void clear(void *object) { memset(object, 0, sizeof(uint32_t)); }

static struct Map *numbers;
static struct Vector *hosts, *allowances;
static struct DoubleChain *ages;

void nf_config_init(int argc, char **argv) { (void)argc, (void)argv; }
void nf_config_usage(void) { NF_INFO("no options"); }
void nf_config_print(void) { NF_INFO("up to %d hosts", HOSTS); }

bool nf_init(void) {
  return map_allocate(host_eq, host_hash, HOSTS, &numbers) &&
         vector_allocate(sizeof(struct host), HOSTS, clear, &hosts) &&
         vector_allocate(sizeof(uint32_t), HOSTS, clear, &allowances) && dchain_allocate(HOSTS, &ages);
}

static bool is_allowed(struct host *host, vigor_time_t now) {
  int n;
  uint32_t *used;
  bool left = true;
  if (map_get(numbers, host, &n)) {
    dchain_rejuvenate_index(ages, n, now);
    vector_borrow(allowances, n, (void **)&used);
    left = *used < MOST_FRAMES;
    if (left) ++*used;
    vector_return(allowances, n, used);
    return left;
  }
  if (!dchain_allocate_new_index(ages, &n, now)) return false;
  struct host *stored;
  vector_borrow(hosts, n, (void **)&stored);
  *stored = *host;
  map_put(numbers, stored, n);
  vector_return(hosts, n, stored);
  vector_borrow(allowances, n, (void **)&used);
  *used = 1;
  vector_return(allowances, n, used);
  return left;
}

static uint16_t word(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

/* Where the carried IPv4 header is; 0: nowhere. */
static int place(const uint8_t *frame, int length) {
  int at = sizeof(struct rte_ether_hdr);
  if (length < at + MOST_LABELS * LABEL) return 0;
  if (word(frame + 12) == 0x8847) {
    for (int n = 0; n < MOST_LABELS; n++, at += LABEL)
      if (frame[at + 2] & 1) return at + LABEL;
    return 0;
  }
  at += sizeof(struct rte_ipv4_hdr);
  if (word(frame + 12) != 0x0800 || length < at + 4 || frame[14] != 0x45 || frame[23] != GRE) return 0;
  if (word(frame + at + 2) != 0x0800) return 0;
  const uint16_t flags = word(frame + at);
  at += 4;
  if (flags & CHECKSUM) at += 4;
  if (flags & KEY) at += 4;
  return at;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)mbuf;
  expire_items_single_map(ages, hosts, numbers, now - 20 * 1000 * 1000);
  const int at = place(*buffer, packet_length);
  if (at == 0 || packet_length < at + (int)sizeof(struct rte_ipv4_hdr)) return device;
  const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(*buffer + at);
  struct host host = {device == INSIDE ? ip->src_addr : ip->dst_addr};
  return is_allowed(&host, now) ? 1 - device : device;
}
