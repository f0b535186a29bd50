/* One packet after another through a program that Maestro generated, without ports: for counted.py.
 *
 *     driver TRACE [NF options]
 *
 * TRACE: per packet its port and length (16 bits each), its time (64 bits), and the frame.  */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "maestro.h"

extern const struct maestro_nf *const maestro_main_nf;

/* What NFs ask for while they are configured. */
uint16_t rte_eth_dev_count_avail(void) { return maestro_main_nf->n_ports; }
int rte_eth_macaddr_get(uint16_t port, struct rte_ether_addr *address) {
  *address = (struct rte_ether_addr){{2, 0, 0, 0, 0, (uint8_t)port}};
  return 0;
}

/* A burst of a runt, which no NF sees, and of a packet: beside a burst of the runt alone, what the packet costs. */
static uint8_t buffer[RTE_PKTMBUF_HEADROOM + UINT16_MAX];
static struct rte_mbuf runt = {
    .buf_addr = buffer, .data_off = RTE_PKTMBUF_HEADROOM, .buf_len = UINT16_MAX, .refcnt = 1, .nb_segs = 1};

/* Instructions of `counted`, and of what it calls, are counted; what was, is written out before each `next`. */
__attribute__((noipa)) static int counted(struct maestro_instance *instance, struct rte_mbuf *packet, int64_t now) {
  uint16_t verdicts[2];
  struct rte_mbuf *burst[2] = {&runt, packet};
  return maestro_process_burst(instance, 0, burst, 1 + (packet != NULL), now, verdicts);
}

__attribute__((noipa)) static int next(struct maestro_instance *instance, struct rte_mbuf *packet, int64_t now) {
  return counted(instance, packet, now);
}

int main(int argc, char **argv) {
  FILE *trace = argc < 2 ? NULL : fopen(argv[1], "rb");
  if (trace == NULL) return EXIT_FAILURE;
  argv[1] = argv[0];
  char error[512];
  struct maestro_instance *instance;
  if (maestro_create(maestro_main_nf, 1, argc - 1, argv + 1, &instance, error, sizeof error) != 0) {
    fprintf(stderr, "%s\n", error);
    return EXIT_FAILURE;
  }
  struct {
    uint16_t port, length;
  } head;
  int64_t now;
  for (int i = 0; i < 2; i++) /* the first call binds names */
    if (next(instance, NULL, 0) != 0) return EXIT_FAILURE;
  while (fread(&head, sizeof head, 1, trace) == 1 && fread(&now, sizeof now, 1, trace) == 1 &&
         fread(buffer + RTE_PKTMBUF_HEADROOM, 1, head.length, trace) == head.length) {
    struct rte_mbuf packet = {.buf_addr = buffer,
                              .data_off = RTE_PKTMBUF_HEADROOM,
                              .buf_len = UINT16_MAX,
                              .refcnt = 1,
                              .nb_segs = 1,
                              .port = head.port,
                              .data_len = head.length,
                              .pkt_len = head.length};
    if (next(instance, &packet, now) != 0) return EXIT_FAILURE;
  }
  fclose(trace);
  return EXIT_SUCCESS;
}
