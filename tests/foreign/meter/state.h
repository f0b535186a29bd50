#pragma once
#include "loop.h"

struct State {
  struct Map *known;
  struct Vector *hosts;
  struct Vector *allowances;
  struct DoubleChain *ages;
  uint32_t capacity;
};

struct State *alloc_state(uint32_t capacity);
