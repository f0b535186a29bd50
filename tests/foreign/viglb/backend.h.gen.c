#include "backend.h.gen.h"

#include <stdint.h>

#ifdef KLEE_VERIFICATION
struct str_field_descr LoadBalancedBackend_descrs[] = {
  { offsetof(struct LoadBalancedBackend, nic), sizeof(((struct LoadBalancedBackend *)0)->nic), 0, "nic" },
  { offsetof(struct LoadBalancedBackend, mac), sizeof(((struct LoadBalancedBackend *)0)->mac), 0, "mac" },
  { offsetof(struct LoadBalancedBackend, ip), sizeof(((struct LoadBalancedBackend *)0)->ip), 0, "ip" },
};
struct nested_field_descr LoadBalancedBackend_nests[] = {};
unsigned LoadBalancedBackend_hash(void *obj) {
  klee_trace_ret();
  return klee_int("LoadBalancedBackend_hash");
}
#else
unsigned LoadBalancedBackend_hash(void *obj) {
  struct LoadBalancedBackend *id = (struct LoadBalancedBackend *)obj;

  unsigned hash = 0;
  hash = __builtin_ia32_crc32si(hash, id->nic);
  hash = __builtin_ia32_crc32si(hash, rte_ether_addr_hash(&id->mac));
  hash = __builtin_ia32_crc32si(hash, id->ip);
  return hash;
}
#endif // KLEE_VERIFICATION

bool LoadBalancedBackend_eq(void *a, void *b) {
  struct LoadBalancedBackend *id1 = (struct LoadBalancedBackend *)a;
  struct LoadBalancedBackend *id2 = (struct LoadBalancedBackend *)b;
  return (id1->nic == id2->nic)
     AND rte_ether_addr_eq(&id1->mac, &id2->mac)
     AND (id1->ip == id2->ip);
}

void LoadBalancedBackend_allocate(void *obj) {
  struct LoadBalancedBackend *id = (struct LoadBalancedBackend *)obj;
  id->nic = 0;
  rte_ether_addr_allocate(&id->mac);
  id->ip = 0;
}
