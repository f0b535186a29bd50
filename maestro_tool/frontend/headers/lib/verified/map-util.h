#pragma once
#include <stdbool.h>
typedef unsigned map_key_hash(void *key);
typedef bool map_keys_equality(void *a, void *b);
