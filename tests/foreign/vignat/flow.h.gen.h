#ifndef _flow_GEN_H_INCLUDED_
#define _flow_GEN_H_INCLUDED_

#include <stdbool.h>
#include "lib/verified/boilerplate-util.h"

#include "lib/verified/ether.h"

#include "flow.h"

#define DEFAULT_FLOWID FlowIdc(0, 0, 0, 0, 0, 0)

/*@
fixpoint unsigned _FlowId_hash(FlowIdi x) {
  switch (x) { case FlowIdc(src_port_f, dst_port_f, src_ip_f, dst_ip_f, internal_device_f, protocol_f):
    return crc32_hash(crc32_hash(0, src_port_f), dst_port_f); }
}
@*/

unsigned FlowId_hash(void *obj);
//@ requires [?f]FlowIdp(obj, ?v);
//@ ensures [f]FlowIdp(obj, v) &*& result == _FlowId_hash(v);

bool FlowId_eq(void *a, void *b);
//@ requires [?f1]FlowIdp(a, ?aid) &*& [?f2]FlowIdp(b, ?bid);
//@ ensures [f1]FlowIdp(a, aid) &*& [f2]FlowIdp(b, bid) &*& (false == result ? (aid != bid) : (aid == bid));

void FlowId_allocate(void *obj);
//@ requires chars(obj, sizeof(struct FlowId), _);
//@ ensures FlowIdp(obj, DEFAULT_FLOWID);

#define LOG_FLOWID(obj, p)                                \
  ;                                                       \
  p("{");                                                 \
  p("src_port: %d", (obj)->src_port);                     \
  p("dst_port: %d", (obj)->dst_port);                     \
  p("src_ip: %d", (obj)->src_ip);                         \
  p("dst_ip: %d", (obj)->dst_ip);                         \
  p("internal_device: %d", (obj)->internal_device);       \
  p("protocol: %d", (obj)->protocol);                     \
  p("}");

#ifdef KLEE_VERIFICATION
#  include <klee/klee.h>
#  include "lib/models/str-descr.h"

extern struct str_field_descr FlowId_descrs[6];
extern struct nested_field_descr FlowId_nests[0];
#endif // KLEE_VERIFICATION

#endif //_flow_GEN_H_INCLUDED_
