/* The key of the NAT's flow table.
 *
 * Fields are in network byte order, as in the frame, and named as seen from the LAN: `src` is the LAN
 * host.  16 bytes without padding, so that a key never straddles two cache lines.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/verified/boilerplate-util.h"

struct FlowId {
  uint32_t src_ip;
  uint32_t dst_ip;
  uint16_t src_port;
  uint16_t dst_port;
  uint32_t protocol;
};

unsigned FlowId_hash(void *obj);
bool FlowId_eq(void *a, void *b);
void FlowId_allocate(void *obj);
