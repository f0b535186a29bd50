#pragma once
#include <rte_ether.h>
#include "nf.h"

struct nf_config {
  uint16_t clients; /* the device behind which they are */
  struct rte_ether_addr *stations;
  uint32_t max_visits;
  uint32_t max_servers;
  uint32_t height;
  uint32_t visit_us;
  uint32_t server_us;
};
