#pragma once
#include "lib/verified/double-chain.h"
#include "lib/verified/vector.h"
#define MAX_CHT_HEIGHT 40000
int cht_fill_cht(struct Vector *cht, uint32_t height, uint32_t backend_capacity);
int cht_find_preferred_available_backend(uint64_t hash, struct Vector *cht, struct DoubleChain *active, uint32_t height,
                                         uint32_t backend_capacity, int *chosen);
