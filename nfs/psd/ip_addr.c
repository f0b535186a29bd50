#include "ip_addr.h"

unsigned IpAddr_hash(void *obj) {
  struct IpAddr *ip = (struct IpAddr *)obj;

  return __builtin_ia32_crc32si(0, ip->addr);
}

bool IpAddr_eq(void *a, void *b) {
  struct IpAddr *ip1 = (struct IpAddr *)a;
  struct IpAddr *ip2 = (struct IpAddr *)b;

  return ip1->addr == ip2->addr;
}

void IpAddr_allocate(void *obj) {
  struct IpAddr *ip = (struct IpAddr *)obj;

  ip->addr = 0;
}
