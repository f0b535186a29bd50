/* Types of key functions. */
#ifndef MAESTRO_MAP_UTIL_H
#define MAESTRO_MAP_UTIL_H

#include <stdbool.h>

/* libVig's largest capacity, which NFs name; here it is no limit. */
#define CAPACITY_UPPER_LIMIT 140000

typedef unsigned map_key_hash(void *key);
typedef bool map_keys_equality(void *a, void *b);

#endif
