/* Who opens connections to whom: the key of the sketch.  Addresses are in network byte order. */
#pragma once

#include <stdint.h>

#include "lib/verified/boilerplate-util.h"

struct Client {
  uint32_t src_ip;
  uint32_t dst_ip;
};

unsigned Client_hash(void *obj);
