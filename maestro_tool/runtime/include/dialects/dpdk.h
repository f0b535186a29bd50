/* What nf.h has besides for NFs that are written as programs for DPDK (docs/dialects.md).  Analysed as it is compiled.
 *
 *     int nf_process(struct rte_mbuf *mbuf, int64_t now);
 *     void nf_process(struct rte_mbuf **mbufs, uint16_t n, int64_t now, uint16_t *outputs);
 *
 * `now`: ns.  The second is given bursts of one packet: what such a function does with more must be the same, one after
 * the other, as nobody can tell how many a card has. */
#ifndef MAESTRO_DIALECT_DPDK_H
#define MAESTRO_DIALECT_DPDK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "maestro_mbuf.h"

/* What nf_process returns, or puts into `outputs`, besides port numbers.  The input port is a port like others. */
#define NF_DROP ((uint16_t)-1)
#define NF_FLOOD ((uint16_t)-2)

/* The result as the runtime counts it (maestro.h); what is no port is dropped there. */
#define MAESTRO_VERDICT(output, device) \
  ((void)(device), (output) == NF_DROP ? MAESTRO_DROP : (output) == NF_FLOOD ? MAESTRO_FLOOD : (output))

/* For generated code.  Whether the NF may see the packet: it is in one piece.  No card strips tags (the program asks for
 * none of their offloads), and drivers need not say so: what an NF finds as the stripped tag is 0. */
#define MAESTRO_MBUF_BEGINS(mbuf) ((mbuf)->vlan_tci = 0, (mbuf)->nb_segs == 1)

#endif
