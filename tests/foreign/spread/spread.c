/* Spreads visits over servers: whoever sends from the servers' side is one, and visitors keep theirs while it lives. */
#include "spread_options.h"
#include "pool.h"

#include "nf-log.h"
#include "nf-util.h"

struct nf_config config;

static struct Pool *pool;

bool nf_init(void) {
  pool = pool_new(config.max_visits, config.max_servers, config.height, config.visit_us, config.server_us);
  return pool != NULL;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)packet_length;
  (void)mbuf;
  pool_forget(pool, now);
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (ip == NULL) return device;
  struct tcpudp_hdr *l4 = nf_then_get_tcpudp_header(ip, buffer);
  if (l4 == NULL) return device;

  if (device != config.clients) {
    struct server sender = { .host = ip->src_addr, .station = ether->src_addr, .device = device };
    pool_announced(pool, sender, now);
    return config.clients;
  }
  struct visit visit = { .client = ip->src_addr,
                         .client_port = l4->src_port,
                         .service = ip->dst_addr,
                         .service_port = l4->dst_port,
                         .transport = ip->next_proto_id };
  LOG_VISIT(&visit, NF_DEBUG);
  struct server server = pool_serving(pool, visit, now, config.clients);
  concretize_devices(&server.device, rte_eth_dev_count_avail());
  if (server.device == config.clients) return device;
  ip->dst_addr = server.host;
  ether->src_addr = config.stations[server.device];
  ether->dst_addr = server.station;
  nf_set_rte_ipv4_udptcp_checksum(ip, l4, *buffer);
  return server.device;
}
