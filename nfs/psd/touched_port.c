#include "touched_port.h"

_Static_assert(sizeof(struct TouchedPort) == 16, "no padding");

unsigned TouchedPort_hash(void *obj) {
  struct TouchedPort *touched = (struct TouchedPort *)obj;

  unsigned hash = 0;
  hash = __builtin_ia32_crc32si(hash, touched->src_ip);
  hash = __builtin_ia32_crc32si(hash, touched->dst_port);
  return hash;
}

bool TouchedPort_eq(void *a, void *b) {
  struct TouchedPort *touched1 = (struct TouchedPort *)a;
  struct TouchedPort *touched2 = (struct TouchedPort *)b;

  return (touched1->src_ip == touched2->src_ip)
     AND (touched1->dst_port == touched2->dst_port)
     AND (touched1->since == touched2->since);
}

void TouchedPort_allocate(void *obj) {
  struct TouchedPort *touched = (struct TouchedPort *)obj;

  touched->src_ip = 0;
  touched->dst_port = 0;
  touched->since = 0;
}
