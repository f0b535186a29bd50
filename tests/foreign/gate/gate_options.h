#pragma once
#include <rte_ether.h>
#include "nf.h"

struct nf_config {
  uint16_t outer;              /* the device to the outside */
  uint32_t patience_us;        /* without packets, until a session is forgotten */
  uint32_t max_sessions;
  struct rte_ether_addr *own;  /* of each device */
  struct rte_ether_addr *next; /* whom each device sends to */
};
