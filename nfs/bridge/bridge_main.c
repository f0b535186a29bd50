/* bridge: a bridge that learns which addresses are behind which port.
 *
 * A frame's source address is remembered with its port; if the table is full, it is not.  A frame to a known address
 * leaves on that address's port, and is dropped if it came in there.  Frames to unknown addresses, broadcast and
 * multicast leave on all other ports.  An address that sends nothing for a while is forgotten.
 */
#include <stdint.h>
#include <stdlib.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "lib/verified/ether.h"
#include "lib/verified/expirator.h"

#include "bridge_config.h"
#include "device.h"
#include "state.h"

#define GROUP_BIT 1 /* of the first byte: broadcast and multicast; no host sends from there */

struct nf_config config;
static struct State *state;

bool nf_init(void) {
  state = alloc_state(config.capacity);
  return state != NULL;
}

static uint16_t get_device(int index) {
  struct Device *device;
  vector_borrow(state->devices, index, (void **)&device);
  uint16_t number = device->number;
  vector_return(state->devices, index, device);
  return number;
}

static void set_device(int index, uint16_t number) {
  struct Device *device;
  vector_borrow(state->devices, index, (void **)&device);
  device->number = number;
  vector_return(state->devices, index, device);
}

static void learn(struct rte_ether_addr *source, uint16_t device, vigor_time_t now) {
  int index;
  if (map_get(state->indices, source, &index)) {
    dchain_rejuvenate_index(state->ages, index, now);
    if (get_device(index) != device) { /* hosts seldom move, and who only reads can share the table */
      set_device(index, device);
    }
    return;
  }
  if (!dchain_allocate_new_index(state->ages, &index, now)) {
    NF_DEBUG("Table full, not learning");
    return;
  }

  /* The map keeps a pointer to its key, so the key must live in the vector. */
  struct rte_ether_addr *stored;
  vector_borrow(state->addresses, index, (void **)&stored);
  *stored = *source;
  map_put(state->indices, stored, index);
  vector_return(state->addresses, index, stored);
  set_device(index, device);
}

/* The port of an address, or FLOOD_FRAME. */
static uint16_t find(struct rte_ether_addr *destination) {
  int index;
  return map_get(state->indices, destination, &index) ? get_device(index) : FLOOD_FRAME;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)mbuf;

  expire_items_single_map(state->ages, state->addresses, state->indices, now - config.address_timeout);

  if (packet_length < sizeof(struct rte_ether_hdr)) {
    NF_DEBUG("Truncated Ethernet header, dropping");
    return device;
  }
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);

  if ((ether->src_addr.addr_bytes[0] & GROUP_BIT) == 0) {
    learn(&ether->src_addr, device, now);
  }
  return find(&ether->dst_addr); /* `device` itself means drop */
}
