/* Where NFs are given a frame, they only pass mbufs on; what is in them is none of their business. */
#pragma once
#include <rte_branch_prediction.h>
#include <rte_common.h>
#ifdef MAESTRO_DIALECT
#include MAESTRO_DIALECT
#endif
struct rte_mbuf;
