/* Each host behind device 0 gets so many bytes per second of what comes in at the metered device.  In the older flavour
 * of the API: the buffer is a pointer, and the IPv4 header comes with its options. */
#include "meter_options.h"
#include "state.h"

#include <assert.h>

#include "libvig/verified/expirator.h"
#include "nf-log.h"
#include "nf-util.h"

#define SECOND VIGOR_TIME_SECONDS_MULTIPLIER

struct nf_config config;

static struct State *state;

bool nf_init() {
  state = alloc_state(config.capacity);
  return state != NULL;
}

/* How long it takes until an empty allowance is full. */
static vigor_time_t refill_time(void) { return (vigor_time_t)(config.burst * SECOND / config.rate); }

static int forget_full_ones(vigor_time_t now) {
  assert(now >= 0);
  return expire_items_single_map(state->ages, state->hosts, state->known, now - refill_time());
}

static bool take(struct allowance *allowance, uint16_t bytes, vigor_time_t now) {
  assert(0 <= allowance->refreshed);
  assert(allowance->refreshed <= now);
  const uint64_t passed = (uint64_t)(now - allowance->refreshed);
  if (passed < (uint64_t)refill_time()) {
    allowance->bytes += passed * config.rate / SECOND;
    if (allowance->bytes > config.burst) allowance->bytes = config.burst;
  } else {
    allowance->bytes = config.burst;
  }
  allowance->refreshed = now;
  const bool enough = allowance->bytes > bytes;
  if (enough) allowance->bytes -= bytes;
  return enough;
}

static bool admit(uint32_t number, uint16_t bytes, vigor_time_t now) {
  int at;
  bool enough;
  struct allowance *allowance = NULL;
  if (map_get(state->known, &number, &at) == 1) {
    dchain_rejuvenate_index(state->ages, at, now);
    vector_borrow(state->allowances, at, (void **)&allowance);
    enough = take(allowance, bytes, now);
    vector_return(state->allowances, at, allowance);
    return enough;
  }
  enough = bytes <= config.burst;
  if (dchain_allocate_new_index(state->ages, &at, now) == 0) return false;
  uint32_t *key = NULL;
  vector_borrow(state->hosts, at, (void **)&key);
  vector_borrow(state->allowances, at, (void **)&allowance);
  *key = number;
  allowance->bytes = enough ? config.burst - bytes : config.burst;
  allowance->refreshed = now;
  map_put(state->known, key, at);
  vector_return(state->hosts, at, key);
  vector_return(state->allowances, at, allowance);
  return enough;
}

int nf_process(uint16_t device, uint8_t *buffer, uint16_t packet_length, vigor_time_t now) {
  (void)forget_full_ones(now);
  uint8_t *options;
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer, &options);
  if (ip == NULL) {
    NF_DEBUG("not IPv4");
    return device;
  }
  if (device != config.metered) return config.metered;
  return admit(ip->dst_addr, packet_length, now) ? 0 : device;
}
