/* For generated code: makes an NF's process_burst in the translation unit that defines nf_process, so that the
 * compiler can inline it.
 *
 *     MAESTRO_DEFINE_BURST(fw_process_burst)
 */
#ifndef MAESTRO_BURST_H
#define MAESTRO_BURST_H

#include <string.h>

#include <rte_mbuf.h>

#include "maestro.h"
#include "nf-util.h"
#include "nf.h"

/* Starts a packet: cursor at its first byte, no chunk borrowed (libVig returns all chunks after each packet instead).
 * NFs see one contiguous buffer: of a packet in several, the first. */
static inline uint8_t *maestro_packet_begin(struct rte_mbuf *mbuf) {
  uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
  struct maestro_cursor *cursor = &maestro_cursor;
  cursor->end = frame + mbuf->data_len;
  cursor->total_length = mbuf->data_len;
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
 * that whatever its size.  NFs read the Ethernet header without asking for the length, and their analysis assumes that
 * it is there: frames without one are dropped. */
#define MAESTRO_DEFINE_BURST(name)                                                                            \
  __attribute__((flatten)) void name(struct rte_mbuf **packets, uint16_t n, int64_t now, uint16_t *verdicts); \
  void name(struct rte_mbuf **packets, uint16_t n, int64_t now, uint16_t *verdicts) {                         \
    maestro_now = now;                                                                                        \
    maestro_cursor.burst_end = packets + n;                                                                   \
    for (uint32_t i = 0; i < n; i++) {                                                                        \
      struct rte_mbuf *mbuf = packets[i];                                                                     \
      const uint16_t device = mbuf->port, length = mbuf->data_len;                                            \
      if (MAESTRO_UNLIKELY(length < RTE_ETHER_HDR_LEN)) {                                                     \
        verdicts[i] = MAESTRO_DROP;                                                                           \
        continue;                                                                                             \
      }                                                                                                       \
      maestro_cursor.burst = packets + i;                                                                     \
      uint8_t *frame = maestro_packet_begin(mbuf);                                                            \
      const int result = nf_process(device, &frame, length, now, mbuf);                                       \
      verdicts[i] = maestro_verdict(result, device);                                                          \
    }                                                                                                         \
  }

#endif
