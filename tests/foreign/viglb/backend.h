#ifndef _BACKEND_H_INCLUDED_
#define _BACKEND_H_INCLUDED_

#include <stdint.h>
#include "lib/verified/boilerplate-util.h"
#include "lib/verified/ether.h"

struct LoadBalancedBackend {
  uint16_t nic;
  struct rte_ether_addr mac;
  uint32_t ip;
};

#endif //_BACKEND_H_INCLUDED_
