#pragma once
#include <stdint.h>
#include "lib/verified/vigor-time.h"
#define IRANG_LIMIT 1048576
struct DoubleChain;
int dchain_allocate(int range, struct DoubleChain **chain_out);
int dchain_allocate_new_index(struct DoubleChain *chain, int *index_out, vigor_time_t time);
int dchain_rejuvenate_index(struct DoubleChain *chain, int index, vigor_time_t time);
int dchain_expire_one_index(struct DoubleChain *chain, int *index_out, vigor_time_t time);
int dchain_is_index_allocated(struct DoubleChain *chain, int index);
int dchain_free_index(struct DoubleChain *chain, int index);
