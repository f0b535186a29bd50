/* Limits what inside hosts send and get, by their IPv4 address, wherever it is in the frame: behind Ethernet, behind one
 * VLAN tag or two, or in ARP. */
#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "lib/unverified/util.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/expirator.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

enum { INSIDE, OUTSIDE, HOSTS = 4096, MOST_FRAMES = 20 };

struct host {
  uint8_t address[4];
};
struct allowance {
  uint32_t used;
};

static unsigned host_hash(void *object) {
  struct host *host = object;
  return hash_obj(host->address, sizeof host->address);
}
static bool host_eq(void *a, void *b) {
  return memcmp(((struct host *)a)->address, ((struct host *)b)->address, 4) == 0;
}
static void clear_host(void *object) { memset(object, 0, sizeof(struct host)); }
static void clear_allowance(void *object) { memset(object, 0, sizeof(struct allowance)); }

static struct Map *numbers;
static struct Vector *hosts;
static struct Vector *allowances;
static struct DoubleChain *ages;

void nf_config_init(int argc, char **argv) { (void)argc, (void)argv; }
void nf_config_usage(void) { NF_INFO("no options"); }
void nf_config_print(void) { NF_INFO("up to %d hosts", HOSTS); }

bool nf_init(void) {
  return map_allocate(host_eq, host_hash, HOSTS, &numbers) &&
         vector_allocate(sizeof(struct host), HOSTS, clear_host, &hosts) &&
         vector_allocate(sizeof(struct allowance), HOSTS, clear_allowance, &allowances) &&
         dchain_allocate(HOSTS, &ages);
}

static bool is_allowed(struct host *host, vigor_time_t now) {
  int n;
  struct allowance *allowance;
  if (map_get(numbers, host, &n)) {
    dchain_rejuvenate_index(ages, n, now);
    vector_borrow(allowances, n, (void **)&allowance);
    const bool left = allowance->used < MOST_FRAMES;
    if (left) allowance->used++;
    vector_return(allowances, n, allowance);
    return left;
  }
  if (!dchain_allocate_new_index(ages, &n, now)) return false;
  struct host *stored;
  vector_borrow(hosts, n, (void **)&stored);
  *stored = *host;
  map_put(numbers, stored, n);
  vector_return(hosts, n, stored);
  vector_borrow(allowances, n, (void **)&allowance);
  allowance->used = 1;
  vector_return(allowances, n, allowance);
  return true;
}

/* Where the host's address is; 0: nowhere. */
static int place(const uint8_t *frame, uint16_t length, bool out) {
  const int type = frame[12] << 8 | frame[13];
  if (type == 0x0800 && length >= 34) return out ? 26 : 30;
  if (type == 0x8100 && length >= 38 && frame[16] == 8 && frame[17] == 0) return out ? 30 : 34;
  if (type == 0x88a8 && length >= 42 && frame[16] == 0x81 && frame[17] == 0 && frame[20] == 8 && frame[21] == 0)
    return out ? 34 : 38;
  if (type == 0x0806 && length >= 42) return out ? 28 : 38;
  return 0;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)mbuf;
  expire_items_single_map(ages, hosts, numbers, now - 10 * 1000 * 1000);
  const int at = place(*buffer, packet_length, device == INSIDE);
  if (at == 0) return device;
  struct host host;
  memcpy(host.address, *buffer + at, sizeof host.address);
  return is_allowed(&host, now) ? 1 - device : device;
}
