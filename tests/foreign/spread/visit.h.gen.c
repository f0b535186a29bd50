#include "visit.h.gen.h"

bool visit_eq(void *a, void *b) {
  struct visit *x = a;
  struct visit *y = b;
  return x->client == y->client AND x->service == y->service AND x->client_port == y->client_port AND x->service_port == y->service_port AND x->transport == y->transport;
}

unsigned visit_hash(void *obj) {
  struct visit *x = obj;
  unsigned hash = 0;
  hash = __builtin_ia32_crc32si(hash, x->client);
  hash = __builtin_ia32_crc32si(hash, x->service);
  hash = __builtin_ia32_crc32si(hash, x->client_port);
  hash = __builtin_ia32_crc32si(hash, x->service_port);
  hash = __builtin_ia32_crc32si(hash, x->transport);
  return hash;
}

void visit_allocate(void *obj) {
  struct visit *x = obj;
  x->client = 0;
  x->service = 0;
  x->client_port = 0;
  x->service_port = 0;
  x->transport = 0;
}
