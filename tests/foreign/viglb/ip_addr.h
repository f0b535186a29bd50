#ifndef _IP_ADDR_H_INCLUDED_
#define _IP_ADDR_H_INCLUDED_

#include <stdint.h>

struct ip_addr {
  uint32_t addr;
};

#endif //_IP_ADDR_H_INCLUDED_
