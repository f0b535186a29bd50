/* A source NAT between networks whose frames have one VLAN tag or two: connections from inside get an outside port, by
 * which answers find them; only the server that a connection was made to may answer. */
#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "lib/unverified/util.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/expirator.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

enum { INSIDE, OUTSIDE, CONNECTIONS = 4096, FIRST_PORT = 1024, TAG = 4, OWN_ADDRESS = 0x010200c0 };

struct connection {
  uint32_t host, server;
  uint16_t host_port, server_port;
  uint8_t protocol;
};

static unsigned connection_hash(void *object) {
  struct connection *c = object;
  unsigned hash = __builtin_ia32_crc32si(0, c->host);
  hash = __builtin_ia32_crc32si(hash, c->server);
  hash = __builtin_ia32_crc32si(hash, c->host_port);
  hash = __builtin_ia32_crc32si(hash, c->server_port);
  return __builtin_ia32_crc32si(hash, c->protocol);
}
static bool connection_eq(void *a, void *b) {
  struct connection *x = a, *y = b;
  return x->host == y->host && x->server == y->server && x->host_port == y->host_port &&
         x->server_port == y->server_port && x->protocol == y->protocol;
}
static void clear(void *object) { memset(object, 0, sizeof(struct connection)); }

static struct Map *numbers;
static struct Vector *connections;
static struct DoubleChain *ages;

void nf_config_init(int argc, char **argv) { (void)argc, (void)argv; }
void nf_config_usage(void) { NF_INFO("no options"); }
void nf_config_print(void) { NF_INFO("up to %d connections", CONNECTIONS); }

bool nf_init(void) {
  return map_allocate(connection_eq, connection_hash, CONNECTIONS, &numbers) &&
         vector_allocate(sizeof(struct connection), CONNECTIONS, clear, &connections) &&
         dchain_allocate(CONNECTIONS, &ages);
}

static bool number_of(struct connection *connection, vigor_time_t now, int *number) {
  if (map_get(numbers, connection, number)) {
    dchain_rejuvenate_index(ages, *number, now);
    return true;
  }
  if (!dchain_allocate_new_index(ages, number, now)) return false;
  struct connection *stored;
  vector_borrow(connections, *number, (void **)&stored);
  *stored = *connection;
  map_put(numbers, stored, *number);
  vector_return(connections, *number, stored);
  return true;
}

/* A checksum of what has another address and port (RFC 1624). */
static uint16_t adjusted(uint16_t checksum, uint32_t ip, uint32_t new_ip, uint16_t port, uint16_t new_port) {
  uint32_t sum = (uint16_t)~checksum + (new_ip >> 16) + (new_ip & 0xffff) + new_port;
  sum += (uint16_t) ~(ip >> 16) + (uint16_t)~ip + (uint16_t)~port;
  sum = (sum >> 16) + (sum & 0xffff);
  return (uint16_t) ~((sum >> 16) + (sum & 0xffff));
}

/* Puts the checksums right for an address and a port that are about to change. */
static void adjust(struct rte_ipv4_hdr *ip, uint32_t address, uint32_t new_address, uint16_t port, uint16_t new_port) {
  void *l4 = ip + 1;
  struct rte_tcp_hdr *tcp = l4;
  struct rte_udp_hdr *udp = l4;
  ip->hdr_checksum = adjusted(ip->hdr_checksum, address, new_address, 0, 0);
  if (ip->next_proto_id == IPPROTO_TCP)
    tcp->cksum = adjusted(tcp->cksum, address, new_address, port, new_port);
  else
    udp->dgram_cksum = adjusted(udp->dgram_cksum, address, new_address, port, new_port);
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)mbuf;
  expire_items_single_map(ages, connections, numbers, now - 20 * 1000 * 1000);
  const int tagged = sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr) + TAG;
  uint8_t *frame = *buffer;
  if (packet_length < tagged || frame[12] != 0x81 || frame[13] != 0x00) return device;
  int tags = TAG;
  if (frame[16] == 0x81 && frame[17] == 0x00) {
    if (packet_length < tagged + TAG) return device;
    tags = 2 * TAG;
  }
  if (frame[12 + tags] != 0x08 || frame[13 + tags] != 0x00 || frame[14 + tags] != 0x45) return device;
  struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame + 14 + tags);
  struct tcpudp_hdr *l4 = (struct tcpudp_hdr *)(ip + 1);
  if (ip->next_proto_id != IPPROTO_TCP && ip->next_proto_id != IPPROTO_UDP) return device;
  int n;
  if (device == INSIDE) {
    struct connection key = {ip->src_addr, ip->dst_addr, l4->src_port, l4->dst_port, ip->next_proto_id};
    if (!number_of(&key, now, &n)) return device;
    const uint16_t port = rte_cpu_to_be_16((uint16_t)(FIRST_PORT + n));
    adjust(ip, ip->src_addr, OWN_ADDRESS, l4->src_port, port);
    ip->src_addr = OWN_ADDRESS;
    l4->src_port = port;
    return OUTSIDE;
  }
  n = rte_be_to_cpu_16(l4->dst_port) - FIRST_PORT;
  if (n < 0 || n >= CONNECTIONS || !dchain_is_index_allocated(ages, n)) return device;
  struct connection *stored;
  vector_borrow(connections, n, (void **)&stored);
  struct connection connection = *stored;
  vector_return(connections, n, stored);
  if (connection.server != ip->src_addr || connection.server_port != l4->src_port) return device;
  if (connection.protocol != ip->next_proto_id) return device;
  dchain_rejuvenate_index(ages, n, now);
  adjust(ip, ip->dst_addr, connection.host, l4->dst_port, connection.host_port);
  ip->dst_addr = connection.host;
  l4->dst_port = connection.host_port;
  return INSIDE;
}
