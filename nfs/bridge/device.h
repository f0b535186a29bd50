/* Where an address was seen last. */
#pragma once

#include <stdint.h>

struct Device {
  uint16_t number;
};

void Device_allocate(void *obj);
