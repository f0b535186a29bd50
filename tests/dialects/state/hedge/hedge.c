/* A firewall between devices inside and others: frames from outside pass if they answer. */
#include "hedge_config.h"
#include "lib/util/expirator.h"
#include "state.h"

struct nf_config config;
static struct State *state;

bool nf_init(void) {
  uint16_t devices = rte_eth_dev_count_avail();
  state = alloc_state(config.most, devices);
  if (state == NULL) return false;
  for (int d = 0; d < devices; d++) {
    uint16_t *next = NULL;
    vector_borrow(state->next, d, (void **)&next);
    *next = DROP;
    for (size_t r = 0; r < config.ways.n && *next == DROP; r++)
      if (config.ways.rule[r].from == d) *next = config.ways.rule[r].to;
    vector_return(state->next, d, next);
  }
  for (size_t i = 0; i < config.inside.n; i++) {
    int *inside = NULL;
    vector_borrow(state->inside, config.inside.device[i], (void **)&inside);
    *inside = 1;
    vector_return(state->inside, config.inside.device[i], inside);
  }
  return true;
}

static void forget(time_ns_t now) {
  time_ns_t last = now - config.expiry * 1000;
  expire_items_single_map(state->ages, state->sessions, state->numbers, last);
}

static void remember(struct session *session, time_ns_t now) {
  int index = -1;
  if (map_get(state->numbers, session, &index) == 1) {
    dchain_rejuvenate_index(state->ages, index, now);
    return;
  }
  if (dchain_allocate_new_index(state->ages, &index, now) == 0) return;
  struct session *kept = NULL;
  vector_borrow(state->sessions, index, (void **)&kept);
  memcpy((void *)kept, (void *)session, sizeof(struct session));
  map_put(state->numbers, kept, index);
  vector_return(state->sessions, index, kept);
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, time_ns_t now, struct rte_mbuf *mbuf) {
  forget(now);
  struct rte_ether_hdr *ether = nf_then_get_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_ipv4_header(ether, buffer);
  if (ip == NULL) return DROP;
  struct tcpudp_hdr *l4 = nf_then_get_tcpudp_header(ip, buffer);
  if (l4 == NULL) return DROP;
  int *inside = NULL;
  vector_borrow(state->inside, device, (void **)&inside);
  int from_inside = *inside;
  vector_return(state->inside, device, inside);
  if (from_inside) {
    struct session session = {.protocol = ip->next_proto_id, .inner = ip->src_addr, .outer = ip->dst_addr,
                              .inner_port = l4->src_port, .outer_port = l4->dst_port};
    remember(&session, now);
  } else {
    struct session session = {.protocol = ip->next_proto_id, .inner = ip->dst_addr, .outer = ip->src_addr,
                              .inner_port = l4->dst_port, .outer_port = l4->src_port};
    int index;
    if (map_get(state->numbers, &session, &index) == 0) return DROP;
    dchain_rejuvenate_index(state->ages, index, now);
  }
  uint16_t *next = NULL;
  vector_borrow(state->next, device, (void **)&next);
  uint16_t to = *next;
  vector_return(state->next, device, next);
  return to;
}
