#define WHOSE theirs
#include "dpdk_api_of.h"
