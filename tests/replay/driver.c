/* Around a sequential program as Maestro generates it, in place of DPDK's ports: one frame at a time, for program.py.
 * NF is the program's `struct maestro_nf`, N_PORTS what the analysis assumes. */
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "maestro.h"

extern const struct maestro_nf NF;

/* What NFs ask for while they are configured. */
uint16_t rte_eth_dev_count_avail(void) { return N_PORTS; }
int rte_eth_macaddr_get(uint16_t port, struct rte_ether_addr *address) {
  *address = (struct rte_ether_addr){{2, 0, 0, 0, 0, (uint8_t)port}};
  return 0;
}

static struct maestro_instance *instance;

int replay_start(int argc, char **argv, char *error, size_t error_size);
int replay_start(int argc, char **argv, char *error, size_t error_size) {
  return maestro_create(&NF, 1, argc, argv, &instance, error, error_size);
}

/* The verdict; the frame that leaves lies where *frame points, until the next call. */
uint16_t replay_process(uint16_t port, const uint8_t *given, uint16_t length, int64_t now, uint8_t **frame,
                        uint16_t *length_out);
uint16_t replay_process(uint16_t port, const uint8_t *given, uint16_t length, int64_t now, uint8_t **frame,
                        uint16_t *length_out) {
  static uint8_t buffer[RTE_PKTMBUF_HEADROOM + UINT16_MAX];
  struct rte_mbuf mbuf = {.buf_addr = buffer,
                          .data_off = RTE_PKTMBUF_HEADROOM,
                          .buf_len = UINT16_MAX,
                          .refcnt = 1,
                          .nb_segs = 1,
                          .port = port,
                          .data_len = length,
                          .pkt_len = length};
  struct rte_mbuf *packet = &mbuf;
  memcpy(buffer + RTE_PKTMBUF_HEADROOM, given, length);
  uint16_t verdict = MAESTRO_DROP;
  if (maestro_process_burst(instance, 0, &packet, 1, now, &verdict) != 0) abort();
  *frame = rte_pktmbuf_mtod(&mbuf, uint8_t *);
  *length_out = mbuf.data_len;
  return verdict;
}
