#pragma once
#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;

/* As the inside sees it. */
struct flow {
  uint32_t inside, outside;
  uint16_t inside_port, outside_port;
  uint32_t protocol;
};

/* False if the frame is of no flow; `turned`: it comes from outside. */
bool flow_of(struct rte_mbuf *m, bool turned, struct flow *flow);
