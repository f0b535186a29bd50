#include "flow.h"

_Static_assert(sizeof(struct FlowId) == 16, "no padding");

unsigned FlowId_hash(void *obj) {
  struct FlowId *id = (struct FlowId *)obj;

  unsigned hash = 0;
  hash = __builtin_ia32_crc32si(hash, id->src_ip);
  hash = __builtin_ia32_crc32si(hash, id->dst_ip);
  hash = __builtin_ia32_crc32si(hash, (uint32_t)id->src_port << 16 | id->dst_port);
  hash = __builtin_ia32_crc32si(hash, id->protocol);
  return hash;
}

bool FlowId_eq(void *a, void *b) {
  struct FlowId *id1 = (struct FlowId *)a;
  struct FlowId *id2 = (struct FlowId *)b;

  return (id1->src_ip == id2->src_ip)
     AND (id1->dst_ip == id2->dst_ip)
     AND (id1->src_port == id2->src_port)
     AND (id1->dst_port == id2->dst_port)
     AND (id1->protocol == id2->protocol);
}

void FlowId_allocate(void *obj) {
  struct FlowId *id = (struct FlowId *)obj;

  id->src_ip = 0;
  id->dst_ip = 0;
  id->src_port = 0;
  id->dst_port = 0;
  id->protocol = 0;
}
