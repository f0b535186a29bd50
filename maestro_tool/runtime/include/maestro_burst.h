/* For generated code: makes an NF's process_burst in the translation unit that defines nf_process, so that the
 * compiler can inline it.
 *
 *     MAESTRO_DEFINE_BURST(fw_process_burst)
 *
 * MAESTRO_DEFINE_BURST_AS(fw_process_burst, nf_process(device, frame, length, now)) for other parameters.
 */
#ifndef MAESTRO_BURST_H
#define MAESTRO_BURST_H

#include <string.h>

#include <rte_mbuf.h>

#include "maestro.h"
#include "maestro_sharing.h"
#include "maestro_stages.h"
#include "nf-util.h"
#include "nf.h"

/* Starts a packet: cursor at its first byte, no chunk borrowed (libVig returns all chunks after each packet instead).
 * NFs see one contiguous buffer: of a packet in several, the first. */
static inline uint8_t *maestro_cursor_begin(struct maestro_cursor *cursor, struct rte_mbuf *mbuf) {
  uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
  cursor->given = frame;
  cursor->frame = frame;
  cursor->end = frame + mbuf->data_len;
  cursor->total_length = mbuf->data_len;
  cursor->read_length = 0;
  cursor->n_chunks = 0;
  return frame;
}

static inline uint8_t *maestro_packet_begin(struct rte_mbuf *mbuf) {
  return maestro_cursor_begin(&maestro_cursor, mbuf);
}

/* Leading bytes of a frame that the NF may change: another run of the packet must find them as they were. */
#ifndef MAESTRO_RESTORE_BYTES
#define MAESTRO_RESTORE_BYTES 0
#endif

/* Before a packet and after it, where workers share state.  Returns the time of the packet. */
#ifdef MAESTRO_SHARING
_Static_assert(MAESTRO_RESTORE_BYTES <= MAESTRO_MAX_RESTORE, "the packet can be restored");

static inline int64_t maestro_share_begin(const uint8_t *frame, uint16_t length, int64_t now) {
  struct maestro_share *share = &maestro_share;
  if (!share->reader) return now;
  if (MAESTRO_UNLIKELY(atomic_load_explicit(share->wanted, memory_order_relaxed)))
    now = maestro_now = maestro_give_way();
  share->n_undo = 0;
  share->copied = 0;
  if (MAESTRO_UNLIKELY(share->variables != NULL)) share->save(share->variables);
  share->saved = MAESTRO_RESTORE_BYTES;
  if (MAESTRO_UNLIKELY(length < MAESTRO_RESTORE_BYTES)) share->saved = length;
  if (MAESTRO_LIKELY(share->saved == MAESTRO_RESTORE_BYTES))
    memcpy(share->frame, frame, MAESTRO_RESTORE_BYTES); /* of a length that the compiler knows */
  else
    memcpy(share->frame, frame, share->saved);
  return now;
}

static inline void maestro_share_end(void) {
  if (maestro_share.reader && maestro_share.n_copies > 0) maestro_compare_copies();
}
#else
static inline int64_t maestro_share_begin(const uint8_t *frame, uint16_t length, int64_t now) {
  (void)frame;
  (void)length;
  return now;
}

static inline void maestro_share_end(void) {}
#endif

/* Unless the NF's dialect says otherwise, the input port means drop, and FLOOD_FRAME is MAESTRO_FLOOD. */
#ifndef MAESTRO_VERDICT
#define MAESTRO_VERDICT(output, device) ((output) == (device) ? MAESTRO_DROP : (output))
#endif

/* nf_process's result -> verdict. */
static inline uint16_t maestro_verdict(int result, uint16_t device) {
  const uint16_t output = (uint16_t)result; /* as libVig's main loop: -1 is 65535 */
  return MAESTRO_VERDICT(output, device);
}

/* The cursor of a burst: the thread's, or one that only the burst knows. */
#ifdef MAESTRO_LOCAL_CURSOR
#define MAESTRO_BURST_CURSOR(name) struct maestro_cursor local, *const name = &local
#else
#define MAESTRO_BURST_CURSOR(name) struct maestro_cursor *const name = &maestro_cursor
#endif

static inline void maestro_cursor_at(struct maestro_cursor *cursor, struct rte_mbuf **packets) {
  cursor->burst = packets;
#if defined(MAESTRO_LOCAL_CURSOR) && defined(MAESTRO_SHARING)
  maestro_cursor.burst = packets; /* a packet that leaves starts again there */
#endif
}

/* With MAESTRO_LOOKS_AHEAD, generated code before this header's macros defines maestro_look_ahead (maestro_stages.h), for
 * parts of a burst.  Otherwise frames are fetched as NFs read them. */
#ifdef MAESTRO_LOOKS_AHEAD
#define MAESTRO_LOOK_AHEAD(packets, n) maestro_look_ahead(packets, n)
#define MAESTRO_PART(n) ((n) < MAESTRO_STAGE_MOST ? (n) : MAESTRO_STAGE_MOST)
#else
#define MAESTRO_LOOK_AHEAD(packets, n) ((void)0)
#define MAESTRO_PART(n) (n)
#endif

/* Written out as a macro: nf_process must be a name in the same translation unit to be inlined.  `flatten` asks for
 * that whatever its size.  NFs read the Ethernet header without asking for the length, and their analysis assumes that
 * it is there: frames without one are dropped. */
#define MAESTRO_DEFINE_BURST(name) MAESTRO_DEFINE_BURST_AS(name, nf_process(device, &frame, length, now, mbuf))
#define MAESTRO_DEFINE_BURST_AS(name, call)                                                                   \
  __attribute__((flatten)) void name(struct rte_mbuf **packets, uint16_t n, int64_t now, uint16_t *verdicts); \
  void name(struct rte_mbuf **packets, uint16_t n, int64_t now, uint16_t *verdicts) {                         \
    MAESTRO_BURST_CURSOR(cursor);                                                                             \
    maestro_now = now;                                                                                        \
    cursor->burst_end = packets + n;                                                                          \
    for (uint32_t i = 0; i < n;) {                                                                            \
      MAESTRO_LOOK_AHEAD(packets + i, MAESTRO_PART(n - i));                                                   \
      for (const uint32_t end = i + MAESTRO_PART(n - i); i < end; i++) {                                      \
        struct rte_mbuf *mbuf = packets[i];                                                                   \
        const uint16_t device = mbuf->port, length = mbuf->data_len;                                          \
        if (MAESTRO_UNLIKELY(length < RTE_ETHER_HDR_LEN)) {                                                   \
          verdicts[i] = MAESTRO_DROP;                                                                         \
          continue;                                                                                           \
        }                                                                                                     \
        maestro_cursor_at(cursor, packets + i);                                                               \
        uint8_t *frame = maestro_cursor_begin(cursor, mbuf);                                                  \
        now = maestro_share_begin(frame, length, now);                                                        \
        const int result = call;                                                                              \
        verdicts[i] = maestro_verdict(result, device);                                                        \
        maestro_share_end();                                                                                  \
      }                                                                                                       \
    }                                                                                                         \
  }

#endif
