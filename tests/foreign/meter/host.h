#pragma once
#include <stdint.h>

struct host {
  uint32_t number;
};
