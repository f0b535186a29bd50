#pragma once
#include <stdbool.h>
#define CAPACITY_UPPER_LIMIT 140000
typedef unsigned map_key_hash(void *key);
typedef bool map_keys_equality(void *a, void *b);
