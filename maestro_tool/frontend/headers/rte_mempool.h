#pragma once
#include <rte_lcore.h>
struct rte_mempool;
