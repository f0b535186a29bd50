/* pol: polices what each destination address receives, with one token bucket per destination.
 *
 * WAN -> LAN: an IPv4 frame passes if the bucket of its destination holds as many bytes as the frame is
 * long, and takes them out; else it is dropped.  A new destination starts with a full bucket; if the
 * table is full, its frames are dropped.  Frames that are not IPv4 are dropped.
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
#include "pol_config.h"
#include "state.h"

struct nf_config config;
static struct State *state;

bool nf_init(void) {
  state = alloc_state(config.capacity);
  return state != NULL;
}

/* Brings the bucket up to date.  Nothing overflows: elapsed < fill_time means elapsed * rate <= burst
 * (pol_config.c), tokens <= burst, and two bursts fit 64 bits (LIMIT_BURST). */
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

/* Whether the destination may receive the frame now. */
static bool police(uint32_t destination, uint16_t frame_length, vigor_time_t now) {
  struct IpAddr key = {.addr = destination};
  struct Bucket *bucket;
  bool pass;
  int index;

  if (map_get(state->destinations, &key, &index)) {
    dchain_rejuvenate_index(state->ages, index, now);
    vector_borrow(state->buckets, index, (void **)&bucket);
    refill(bucket, now);
    pass = take(bucket, frame_length);
    vector_return(state->buckets, index, bucket);
    return pass;
  }

  if (!dchain_allocate_new_index(state->ages, &index, now)) {
    NF_DEBUG("Table full, dropping");
    return false;
  }

  /* The map keeps a pointer to its key, so the key must live in the vector. */
  struct IpAddr *stored;
  vector_borrow(state->addresses, index, (void **)&stored);
  stored->addr = destination;
  map_put(state->destinations, stored, index);
  vector_return(state->addresses, index, stored);

  vector_borrow(state->buckets, index, (void **)&bucket);
  bucket->tokens = config.burst;
  bucket->updated = now;
  pass = take(bucket, frame_length);
  vector_return(state->buckets, index, bucket);
  return pass;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)mbuf;

  if (device != config.wan_device) {
    return config.wan_device;
  }

  /* A bucket that nobody used for fill_time is full again, as a new one is: forgetting it changes nothing. */
  expire_items_single_map(state->ages, state->addresses, state->destinations, now - config.fill_time);

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

  return police(ip->dst_addr, packet_length, now) ? config.lan_device : device;
}
