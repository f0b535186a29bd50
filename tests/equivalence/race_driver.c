/* Three threads give bursts to three workers of an NF at the same time, for ThreadSanitizer: no EAL, no ports.
 *
 * Packets belong to few flows of few hosts, so that workers meet in the same entries; times make entries expire. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "maestro.h"

enum { WORKERS = 3, ROUNDS = 1500, BURST = 16, FRAME = 64 };

extern const struct maestro_nf *const maestro_main_nf;

struct worker {
  pthread_t thread;
  struct maestro_instance *instance;
  unsigned number;
  uint16_t *tables[2];
};

struct packet {
  struct rte_mbuf mbuf;
  uint8_t frame[FRAME];
};

static void fill(struct packet *packet, uint64_t random) {
  memset(packet, 0, sizeof *packet);
  packet->mbuf.buf_addr = packet->frame;
  packet->mbuf.data_len = FRAME;
  packet->mbuf.pkt_len = FRAME;
  packet->mbuf.port = random & 1;
  struct rte_ether_hdr *ether = (struct rte_ether_hdr *)packet->frame;
  struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(ether + 1);
  struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);
  const uint8_t host = random >> 1 & 15, server = random >> 5 & 3, port = random >> 7 & 3;
  const bool from_lan = packet->mbuf.port == 0;
  ether->src_addr.addr_bytes[5] = from_lan ? host : 128 + server;
  ether->dst_addr.addr_bytes[5] = from_lan ? 128 + server : host;
  ether->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
  ip->version_ihl = RTE_IPV4_VHL_DEF;
  ip->total_length = rte_cpu_to_be_16(FRAME - sizeof *ether);
  ip->next_proto_id = 17;
  const uint32_t lan = rte_cpu_to_be_32(0x0A000000u + host), wan = rte_cpu_to_be_32(0x60000000u + server);
  ip->src_addr = from_lan ? lan : wan;
  ip->dst_addr = from_lan ? wan : lan;
  udp->src_port = from_lan ? rte_cpu_to_be_16(1000 + port) : RTE_BE16(443);
  udp->dst_port = from_lan ? RTE_BE16(443) : rte_cpu_to_be_16(1000 + port);
  udp->dgram_len = rte_cpu_to_be_16(FRAME - sizeof *ether - sizeof *ip);
}

static bool mine(const struct worker *self, const struct packet *packet) {
  const struct maestro_port *port = &maestro_main_nf->ports[packet->mbuf.port];
  return self->tables[packet->mbuf.port][maestro_index(port, packet->frame, FRAME)] == self->number;
}

static void *run(void *context) {
  const struct worker *self = context;
  static _Thread_local struct packet packets[BURST];
  struct rte_mbuf *mbufs[BURST];
  uint16_t verdicts[BURST];
  uint64_t random = self->number + 1;
  for (unsigned round = 0; round < ROUNDS; round++) {
    for (unsigned i = 0; i < BURST;) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      fill(&packets[i], random >> 33);
      mbufs[i] = &packets[i].mbuf;
      i += mine(self, &packets[i]);
    }
    if (maestro_process_burst(self->instance, self->number, mbufs, BURST, (int64_t)round * 20000, verdicts) != 0)
      abort();
  }
  maestro_detach(self->instance);
  return NULL;
}

int main(int argc, char **argv) {
  char error[256];
  struct maestro_instance *instance;
  struct worker workers[WORKERS];
  uint16_t *tables[2];
  for (unsigned i = 0; i < 2; i++) {
    tables[i] = calloc(maestro_main_nf->ports[i].table_size, sizeof *tables[i]);
    if (tables[i] == NULL) return 1;
    maestro_fill_table(&maestro_main_nf->ports[i], WORKERS, tables[i]);
  }
  if (maestro_create(maestro_main_nf, WORKERS, argc, argv, &instance, error, sizeof error) != 0) {
    fprintf(stderr, "%s\n", error);
    return 1;
  }
  for (unsigned i = 0; i < WORKERS; i++) {
    workers[i] = (struct worker){.instance = instance, .number = i, .tables = {tables[0], tables[1]}};
    if (pthread_create(&workers[i].thread, NULL, run, &workers[i]) != 0) return 1;
  }
  uint64_t write_locks = 0, restarts = 0;
  for (unsigned i = 0; i < WORKERS; i++) {
    pthread_join(workers[i].thread, NULL);
    write_locks += maestro_sharing_counts(instance, i).write_locks;
    restarts += maestro_sharing_counts(instance, i).restarts;
  }
  printf("%llu %llu\n", (unsigned long long)write_locks, (unsigned long long)restarts);
  maestro_destroy(instance);
  free(tables[0]);
  free(tables[1]);
  return 0;
}
