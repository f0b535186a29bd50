#pragma once
#include "lib/state/double-chain.h"
#include "lib/state/map.h"
#include "lib/state/vector.h"
#include "lib/util/boilerplate.h"
#include "session.h"

struct State {
  struct Map *numbers;
  struct Vector *sessions;
  struct DoubleChain *ages;
  struct Vector *inside; /* of int, by device: 0 or 1 */
  struct Vector *next;   /* of uint16_t, by device */
};

struct State *alloc_state(uint32_t most, uint16_t devices);
