#pragma once
#define RTE_VERSION_NUM(a, b, c, d) ((a) << 24 | (b) << 16 | (c) << 8 | (d))
#ifdef MAESTRO_DPDK_VERSION
#define RTE_VERSION MAESTRO_DPDK_VERSION
#endif
