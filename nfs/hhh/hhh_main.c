/* hhh: hierarchical heavy hitters: limits what source prefixes send, with a token bucket for each.
 *
 * WAN -> LAN: an IPv4 frame takes its length out of the bucket of each of its source's prefixes, the shortest first.
 * It passes if all of them hold as much; the first that does not drops it, and it takes nothing there or from longer
 * prefixes.  A new prefix starts with a full bucket; if the table of a length is full, the frame is dropped.  Frames
 * that are not IPv4 are dropped.
 * LAN -> WAN: every frame passes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "lib/verified/expirator.h"

#include "bucket.h"
#include "ip_addr.h"
#include "hhh_config.h"
#include "state.h"

struct nf_config config;
static struct State *state;

bool nf_init(void) {
  state = alloc_state(config.n_levels, config.capacity);
  return state != NULL;
}

/* Brings the bucket up to date.  Nothing overflows: elapsed < fill_time means elapsed * rate <= burst
 * (hhh_config.c), tokens <= burst, and two bursts fit 64 bits (LIMIT_BURST). */
static void refill(struct Bucket *bucket, vigor_time_t now) {
  uint64_t tokens = config.burst;
  vigor_time_t elapsed = now - bucket->updated;
  if (elapsed < config.fill_time) {
    tokens = bucket->tokens + (uint64_t)elapsed * config.rate;
    if (tokens > config.burst) {
      tokens = config.burst;
    }
  }
  bucket->tokens = tokens;
  bucket->updated = now;
}

/* Takes the frame's bytes out of the bucket; false if it does not hold enough. */
static bool take(struct Bucket *bucket, uint16_t frame_length) {
  uint64_t needed = frame_length * NANOBYTES_PER_BYTE;
  if (bucket->tokens < needed) {
    return false;
  }
  bucket->tokens -= needed;
  return true;
}

/* Whether prefix `prefix` of a level may send the frame now. */
static bool police(const struct Level *level, uint32_t prefix, uint16_t frame_length, vigor_time_t now) {
  struct IpAddr key = {.addr = prefix};
  struct Bucket *bucket;
  bool pass;
  int index;

  if (map_get(level->prefixes, &key, &index)) {
    dchain_rejuvenate_index(level->ages, index, now);
    vector_borrow(level->buckets, index, (void **)&bucket);
    refill(bucket, now);
    pass = take(bucket, frame_length);
    vector_return(level->buckets, index, bucket);
    return pass;
  }

  if (!dchain_allocate_new_index(level->ages, &index, now)) {
    NF_DEBUG("Table full, dropping");
    return false;
  }

  /* The map keeps a pointer to its key, so the key must live in the vector. */
  struct IpAddr *stored;
  vector_borrow(level->addresses, index, (void **)&stored);
  stored->addr = prefix;
  map_put(level->prefixes, stored, index);
  vector_return(level->addresses, index, stored);

  vector_borrow(level->buckets, index, (void **)&bucket);
  bucket->tokens = config.burst;
  bucket->updated = now;
  pass = take(bucket, frame_length);
  vector_return(level->buckets, index, bucket);
  return pass;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)mbuf;

  if (device != config.wan_device) {
    return config.wan_device;
  }

  /* A bucket that nobody used for fill_time is full again, as a new one is: forgetting it changes nothing. */
  for (uint32_t i = 0; i < config.n_levels; i++) {
    const struct Level *level = &state->levels[i];
    expire_items_single_map(level->ages, level->addresses, level->prefixes, now - config.fill_time);
  }

  if (packet_length < sizeof(struct rte_ether_hdr)) {
    NF_DEBUG("Truncated Ethernet header, dropping");
    return device;
  }
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);

  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (ip == NULL) {
    NF_DEBUG("Not IPv4, dropping");
    return device;
  }

  for (uint32_t i = 0; i < config.n_levels; i++) {
    if (!police(&state->levels[i], ip->src_addr & config.masks[i], packet_length, now)) {
      return device;
    }
  }
  return config.lan_device;
}
