/* Hides hosts behind one address: a channel's door is the source port that the outside sees. */
#include "masq_options.h"
#include "doors.h"

#include "nf-log.h"
#include "nf-util.h"

struct nf_config config;

struct Doors *doors;

bool nf_init(void) {
  doors = doors_build(config.first_door, config.outer_host, config.outside, config.lifetime_us, config.max_channels);
  return doors != NULL;
}

static int answer(uint16_t device, uint8_t **buffer, struct rte_ipv4_hdr *ip, struct tcpudp_hdr *l4, vigor_time_t now) {
  struct channel channel;
  if (!doors_behind(doors, l4->dst_port, now, &channel)) return device;
  /* Both are looked at in any case: one branch. */
  if ((channel.remote_host != ip->src_addr) | (channel.remote_port != l4->src_port) |
      (channel.transport != ip->next_proto_id))
    return device;
  ip->dst_addr = channel.local_host;
  l4->dst_port = channel.local_port;
  nf_set_rte_ipv4_udptcp_checksum(ip, l4, *buffer);
  return channel.local_device;
}

static int question(uint16_t device, uint8_t **buffer, struct rte_ipv4_hdr *ip, struct tcpudp_hdr *l4, vigor_time_t now) {
  struct channel channel = { .local_host = ip->src_addr,
                             .local_port = l4->src_port,
                             .local_device = device,
                             .remote_host = ip->dst_addr,
                             .remote_port = l4->dst_port,
                             .transport = ip->next_proto_id };
  LOG_CHANNEL(&channel, NF_DEBUG);
  uint16_t door = 0;
  if (!doors_find(doors, &channel, now, &door) && !doors_open(doors, &channel, now, &door)) {
    NF_DEBUG("no door is left");
    return device;
  }
  ip->src_addr = config.outer_host;
  l4->src_port = door;
  nf_set_rte_ipv4_udptcp_checksum(ip, l4, *buffer);
  return config.outside;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)packet_length;
  (void)mbuf;
  doors_close_old(doors, now);
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (ip == NULL) return device;
  struct tcpudp_hdr *l4 = nf_then_get_tcpudp_header(ip, buffer);
  if (l4 == NULL) return device;
  uint16_t out = device == config.outside ? answer(device, buffer, ip, l4, now) : question(device, buffer, ip, l4, now);
  concretize_devices(&out, rte_eth_dev_count_avail());
  if (out == device) return device;
  ether->src_addr = config.ours[out];
  ether->dst_addr = config.theirs[out];
  return out;
}
