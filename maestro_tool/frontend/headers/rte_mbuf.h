/* NFs only pass mbufs on; what is in them is none of their business. */
#pragma once
#include <rte_branch_prediction.h>
#include <rte_common.h>
struct rte_mbuf;
