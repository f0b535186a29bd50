#include "address.h.gen.h"

bool address_eq(void *a, void *b) {
  struct address *x = a;
  struct address *y = b;
  return x->number == y->number;
}

unsigned address_hash(void *obj) {
  struct address *x = obj;
  unsigned hash = 0;
  hash = __builtin_ia32_crc32si(hash, x->number);
  return hash;
}

void address_allocate(void *obj) {
  struct address *x = obj;
  x->number = 0;
}
