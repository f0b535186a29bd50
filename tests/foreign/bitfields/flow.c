#include "flow.h"

bool flow_eq(void *a, void *b) {
  const struct flow *x = a, *y = b;
  return x->inner == y->inner && x->outer == y->outer && x->version == y->version && x->tcp == y->tcp &&
         x->inner_port == y->inner_port && x->outer_port == y->outer_port;
}

unsigned flow_hash(void *key) {
  const struct flow *flow = key;
  return (flow->inner ^ flow->outer) * 31u + (unsigned)(flow->inner_port * 17u ^ flow->outer_port) + flow->tcp;
}

void flow_init(void *flow) { *(struct flow *)flow = (struct flow){ .version = 0 }; }
