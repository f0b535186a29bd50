/* sbridge: a bridge whose table is given by options.
 *
 * A frame to a known MAC address leaves on that address's port; it is dropped if it came in there.  Frames to unknown
 * addresses, broadcast and multicast leave on all other ports, but those to the bridge group address on none.
 */
#include <stdint.h>
#include <stdlib.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "lib/verified/ether.h"

#include "sbridge_config.h"
#include "state.h"

struct nf_config config;
static struct State *state;

/* Of the spanning tree protocol, the first of the addresses whose frames no bridge forwards (IEEE 802.1D, 7.12.6). */
static const struct rte_ether_addr BRIDGE_GROUP = {{0x01, 0x80, 0xC2, 0x00, 0x00, 0x00}};
#define NOWHERE (-1) /* instead of a port */

/* Entry `index` of the table; the first one of an address counts. */
static void add_entry(uint32_t index, const struct rte_ether_addr *address, int device) {
  /* The map keeps a pointer to its key, so the key must live in the vector. */
  struct rte_ether_addr *stored;
  vector_borrow(state->addresses, (int)index, (void **)&stored);
  *stored = *address;
  int known;
  if (!map_get(state->devices, stored, &known)) {
    map_put(state->devices, stored, device);
  }
  vector_return(state->addresses, (int)index, stored);
}

bool nf_init(void) {
  state = alloc_state(config.capacity);
  if (state == NULL) {
    return false;
  }

  add_entry(0, &BRIDGE_GROUP, NOWHERE);
  for (uint32_t i = 0; i < config.n_entries; i++) {
    add_entry(i + 1, &config.entries[i].address, config.entries[i].device);
  }
  return true;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)now;
  (void)mbuf;

  if (packet_length < sizeof(struct rte_ether_hdr)) {
    NF_DEBUG("Truncated Ethernet header, dropping");
    return device;
  }
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);

  int out;
  if (!map_get(state->devices, &ether->dst_addr, &out)) {
    return FLOOD_FRAME;
  }
  return out == NOWHERE ? device : out; /* `device` itself means drop */
}
