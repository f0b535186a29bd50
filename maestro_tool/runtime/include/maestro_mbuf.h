/* What NFs do with mbufs in DPDK's dialect (dialects/dpdk.h). */
#ifndef MAESTRO_MBUF_H
#define MAESTRO_MBUF_H

#include <rte_ether.h>
#include <rte_mbuf.h>

#endif
