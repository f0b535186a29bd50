#pragma once
#include "loop.h"

struct State {
  struct Map *visits;
  struct Vector *visit_keys;
  struct Vector *server_of_visit; /* uint32_t */
  struct DoubleChain *visit_ages;
  struct Map *server_by_address;
  struct Vector *addresses;
  struct Vector *servers;
  struct DoubleChain *servers_in_use;
  struct Vector *preferences; /* a consistent hashing table */
  uint32_t max_servers;
  uint32_t max_visits;
  uint32_t height;
};

struct State *alloc_state(uint32_t max_servers, uint32_t max_visits, uint32_t height);
