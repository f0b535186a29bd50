/* A firewall: what comes from the outer device must belong to a session that the inner side opened, and goes to the
 * device behind which the session was opened. */
#include "gate_options.h"
#include "registry.h"

#include "nf-log.h"
#include "nf-util.h"

struct nf_config config;

static struct Registry *registry;

bool nf_init(void) {
  registry = registry_new((int)config.max_sessions, config.patience_us, config.outer);
  return registry != NULL;
}

static struct session of_inner(const struct rte_ipv4_hdr *ip, const struct tcpudp_hdr *ports) {
  return (struct session){ .transport = ip->next_proto_id,
                           .inner_host = ip->src_addr,
                           .inner_port = ports->src_port,
                           .outer_host = ip->dst_addr,
                           .outer_port = ports->dst_port };
}

static struct session of_outer(const struct rte_ipv4_hdr *ip, const struct tcpudp_hdr *ports) {
  return (struct session){ .transport = ip->next_proto_id,
                           .inner_host = ip->dst_addr,
                           .inner_port = ports->dst_port,
                           .outer_host = ip->src_addr,
                           .outer_port = ports->src_port };
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)packet_length;
  (void)mbuf;
  NF_DEBUG("a packet from device %u", device);
  registry_forget(registry, now);

  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  struct tcpudp_hdr *ports = ip == NULL ? NULL : nf_then_get_tcpudp_header(ip, buffer);
  if (ports == NULL) return device;

  uint32_t target = config.outer;
  if (device == config.outer) {
    struct session session = of_outer(ip, ports);
    LOG_SESSION(&session, NF_DEBUG);
    if (!registry_find(registry, &session, now, &target)) return device;
  } else {
    struct session session = of_inner(ip, ports);
    registry_note(registry, &session, device, now);
  }
  ether->src_addr = config.own[target];
  ether->dst_addr = config.next[target];
  return (int)target;
}
