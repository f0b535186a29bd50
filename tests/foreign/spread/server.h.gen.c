#include "server.h.gen.h"

bool server_eq(void *a, void *b) {
  struct server *x = a;
  struct server *y = b;
  return rte_ether_addr_eq(&x->station, &y->station) AND x->device == y->device AND x->host == y->host;
}

unsigned server_hash(void *obj) {
  struct server *x = obj;
  unsigned hash = 0;
  hash = __builtin_ia32_crc32si(hash, x->device);
  hash = __builtin_ia32_crc32si(hash, rte_ether_addr_hash(&x->station));
  hash = __builtin_ia32_crc32si(hash, x->host);
  return hash;
}

void server_allocate(void *obj) {
  struct server *x = obj;
  x->device = 0;
  rte_ether_addr_allocate(&x->station);
  x->host = 0;
}
