#pragma once
#include <rte_common.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#define RTE_ETH_NAME_MAX_LEN 64
uint16_t rte_eth_dev_count_avail(void);
int rte_eth_macaddr_get(uint16_t port, struct rte_ether_addr *address);
int rte_eth_dev_is_valid_port(uint16_t port);
#define RTE_ETH_FOREACH_DEV(port) for (port = 0; port < rte_eth_dev_count_avail(); port++)
