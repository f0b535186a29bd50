/* For generated code: makes an NF's process_burst in the translation unit that defines nf_process, so that the
 * compiler can inline it.
 *
 *     MAESTRO_DEFINE_BURST(fw_process_burst)
 */
#ifndef MAESTRO_BURST_H
#define MAESTRO_BURST_H

#include <string.h>

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "maestro.h"
#include "nf-util.h"
#include "nf.h"

/* How many packets ahead bytes are fetched: about the time one comes from memory. */
#define MAESTRO_PREFETCH_AHEAD 4

/* Starts a packet: cursor at its first byte, no chunk borrowed (libVig returns all chunks after each packet instead).
 */
static inline uint8_t *maestro_packet_begin(struct rte_mbuf *mbuf) {
  uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
  /* NFs read the Ethernet header without asking for the length: what is not there reads as 0, not as what was left of
   * an earlier packet. */
  if (MAESTRO_UNLIKELY(mbuf->pkt_len < RTE_ETHER_HDR_LEN) &&
      mbuf->data_off + (uint32_t)RTE_ETHER_HDR_LEN <= mbuf->buf_len)
    memset(frame + mbuf->pkt_len, 0, RTE_ETHER_HDR_LEN - mbuf->pkt_len);
  struct maestro_cursor *cursor = &maestro_cursor;
  cursor->end = frame + mbuf->data_len;
  cursor->total_length = mbuf->pkt_len;
  cursor->read_length = 0;
  cursor->n_chunks = 0;
  return frame;
}

/* nf_process's result -> verdict. */
static inline uint16_t maestro_verdict(int result, uint16_t device) {
  const uint16_t output = (uint16_t)result; /* as libVig's main loop: -1 floods, too */
  return output == device ? MAESTRO_DROP : output;
}

/* Written out as a macro: nf_process must be a name in the same translation unit to be inlined.  `flatten` asks for
 * that whatever its size. */
#define MAESTRO_DEFINE_BURST(name)                                                                            \
  __attribute__((flatten)) void name(struct rte_mbuf **packets, uint16_t n, int64_t now, uint16_t *verdicts); \
  void name(struct rte_mbuf **packets, uint16_t n, int64_t now, uint16_t *verdicts) {                         \
    maestro_now = now;                                                                                        \
    for (uint16_t i = 0; i < n && i < MAESTRO_PREFETCH_AHEAD; i++)                                            \
      rte_prefetch0(rte_pktmbuf_mtod(packets[i], void *));                                                    \
    for (uint16_t i = 0; i < n; i++) {                                                                        \
      if (i + MAESTRO_PREFETCH_AHEAD < n)                                                                     \
        rte_prefetch0(rte_pktmbuf_mtod(packets[i + MAESTRO_PREFETCH_AHEAD], void *));                         \
      struct rte_mbuf *mbuf = packets[i];                                                                     \
      const uint16_t device = mbuf->port;                                                                     \
      uint8_t *frame = maestro_packet_begin(mbuf);                                                            \
      const int result = nf_process(device, &frame, (uint16_t)mbuf->pkt_len, now, mbuf);                      \
      verdicts[i] = maestro_verdict(result, device);                                                          \
    }                                                                                                         \
  }

#endif
