#define MAESTRO_DIALECT "dialects/dpdk.h"
#define WHOSE ours
#include "dpdk_api_of.h"
