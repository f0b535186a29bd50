#pragma once
#include <rte_ether.h>
#include "nf.h"

struct nf_config {
  uint16_t outside;
  uint32_t outer_host; /* network byte order */
  uint16_t first_door;
  uint32_t lifetime_us;
  uint32_t max_channels;
  struct rte_ether_addr *ours;
  struct rte_ether_addr *theirs;
};
