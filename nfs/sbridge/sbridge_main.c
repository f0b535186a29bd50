/* sbridge: a bridge whose table is given by options.
 *
 * A frame to a known MAC address leaves on that address's port; it is dropped if it came in there.  Frames to unknown
 * addresses, broadcast and multicast leave on all other ports.
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

bool nf_init(void) {
  state = alloc_state(config.capacity);
  if (state == NULL) {
    return false;
  }

  for (uint32_t i = 0; i < config.n_entries; i++) {
    int known;
    if (map_get(state->devices, &config.entries[i].address, &known)) {
      continue;
    }
    /* The map keeps a pointer to its key, so the key must live in the vector. */
    struct rte_ether_addr *stored;
    vector_borrow(state->addresses, (int)i, (void **)&stored);
    *stored = config.entries[i].address;
    map_put(state->devices, stored, config.entries[i].device);
    vector_return(state->addresses, (int)i, stored);
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
  return out; /* `device` itself means drop */
}
