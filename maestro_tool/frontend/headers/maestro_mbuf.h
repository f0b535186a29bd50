/* Mbufs of one piece (dialects/dpdk.h).  The executor models what is only declared; where the frame lies is known to it
 * alone, so that buf_addr and data_off have no value. */
#pragma once
#include <rte_common.h>
struct rte_mempool;
struct __attribute__((aligned(64))) rte_mbuf {
  void *buf_addr;
  uint64_t buf_iova;
  uint16_t data_off;
  uint16_t refcnt;
  uint16_t nb_segs;
  uint16_t port;
  uint64_t ol_flags;
  uint32_t packet_type;
  uint32_t pkt_len;
  uint16_t data_len;
  uint16_t vlan_tci;
  union {
    uint32_t rss;
    uint32_t usr;
    uint8_t maestro_bytes[8];
  } hash;
  uint16_t vlan_tci_outer;
  uint16_t buf_len;
  struct rte_mempool *pool;
  struct rte_mbuf *next; /* and more: it has two cache lines */
};
void *maestro_mbuf_data(const struct rte_mbuf *m);
#define rte_pktmbuf_mtod(m, t) ((t)maestro_mbuf_data(m))
#define rte_pktmbuf_mtod_offset(m, t, o) ((t)((char *)maestro_mbuf_data(m) + (o)))
#define rte_pktmbuf_pkt_len(m) ((m)->pkt_len)
#define rte_pktmbuf_data_len(m) ((m)->data_len)
char *rte_pktmbuf_adj(struct rte_mbuf *m, uint16_t length);
char *rte_pktmbuf_prepend(struct rte_mbuf *m, uint16_t length);
int rte_pktmbuf_trim(struct rte_mbuf *m, uint16_t length);
static inline int rte_pktmbuf_is_contiguous(const struct rte_mbuf *m) { return m->nb_segs == 1; }
/* Of a frame in one piece, nothing is copied. */
static inline const void *rte_pktmbuf_read(const struct rte_mbuf *m, uint32_t offset, uint32_t length, void *copy) {
  (void)copy;
  return offset + length <= m->data_len ? rte_pktmbuf_mtod_offset(m, const char *, offset) : NULL;
}
/* Not supported: declared, so that their use is told by name. */
char *rte_pktmbuf_append(struct rte_mbuf *m, uint16_t length);
uint16_t rte_pktmbuf_headroom(const struct rte_mbuf *m);
uint16_t rte_pktmbuf_tailroom(const struct rte_mbuf *m);
void rte_pktmbuf_free(struct rte_mbuf *m);
struct rte_mbuf *rte_pktmbuf_alloc(struct rte_mempool *pool);
struct rte_mbuf *rte_pktmbuf_clone(struct rte_mbuf *m, struct rte_mempool *pool);
struct rte_mbuf *rte_pktmbuf_copy(const struct rte_mbuf *m, struct rte_mempool *pool, uint32_t offset, uint32_t length);
int rte_pktmbuf_chain(struct rte_mbuf *head, struct rte_mbuf *tail);
int rte_pktmbuf_linearize(struct rte_mbuf *m);
int rte_vlan_strip(struct rte_mbuf *m);
int rte_vlan_insert(struct rte_mbuf **m);
