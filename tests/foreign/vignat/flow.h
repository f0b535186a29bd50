#ifndef _FLOW_H_INCLUDED_
#define _FLOW_H_INCLUDED_

#include "lib/verified/boilerplate-util.h"
#include "lib/verified/ether.h"

struct FlowId {
  uint16_t src_port;
  uint16_t dst_port;
  uint32_t src_ip;
  uint32_t dst_ip;
  uint16_t internal_device;
  uint8_t protocol;
};

/*@
inductive FlowIdi = FlowIdc(uint16_t, uint16_t, uint32_t, uint32_t, uint16_t, uint8_t);
predicate FlowIdp(struct FlowId *ptr; FlowIdi v) =
  struct_FlowId_padding(ptr) &*&
  ptr->src_port |-> ?src_port_f &*&
  v == FlowIdc(src_port_f, _, _, _, _, _);
@*/

#endif //_FLOW_H_INCLUDED_
