#ifndef FLOW_H
#define FLOW_H

#include <linux/types.h>

/* Hosts and ports as they are inside and outside. */
struct flow {
  __be32 inside;
  __be32 outside;
  __be16 inner;
  __be16 outer;
  __u32 protocol;
};

#endif
