#pragma once
#include <rte_common.h>
unsigned rte_lcore_id(void);
unsigned rte_socket_id(void);
