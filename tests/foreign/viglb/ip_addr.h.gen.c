#include "ip_addr.h.gen.h"

#include <stdint.h>

#ifdef KLEE_VERIFICATION
struct str_field_descr ip_addr_descrs[] = {
  { offsetof(struct ip_addr, addr), sizeof(((struct ip_addr *)0)->addr), 0, "addr" },
};
struct nested_field_descr ip_addr_nests[] = {};
unsigned ip_addr_hash(void *obj) {
  klee_trace_ret();
  return klee_int("ip_addr_hash");
}
#else
unsigned ip_addr_hash(void *obj) {
  struct ip_addr *id = (struct ip_addr *)obj;

  unsigned hash = 0;
  hash = __builtin_ia32_crc32si(hash, id->addr);
  return hash;
}
#endif // KLEE_VERIFICATION

bool ip_addr_eq(void *a, void *b) {
  struct ip_addr *id1 = (struct ip_addr *)a;
  struct ip_addr *id2 = (struct ip_addr *)b;
  return (id1->addr == id2->addr);
}

void ip_addr_allocate(void *obj) {
  struct ip_addr *id = (struct ip_addr *)obj;
  id->addr = 0;
}
