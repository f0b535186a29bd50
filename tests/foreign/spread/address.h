#pragma once
#include <stdint.h>

struct address {
  uint32_t number;
};
