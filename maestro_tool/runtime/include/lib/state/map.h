/* Maps whose keys are raw bytes.
 *
 * Padding is part of such a key, and what it holds is chance: so it is set to 0 in each key that the NF looks up, puts
 * or erases (MAESTRO_KEY), which no NF can tell that worked before.
 */
#ifndef MAESTRO_STATE_MAP_H
#define MAESTRO_STATE_MAP_H

#include "lib/state/map-util.h"
#include "lib/util/hash.h"
#include "lib/verified/map.h"
#include "maestro_key.h"
#include "maestro_raw_keys.h"

#define map_allocate(capacity, key_size, map_out) maestro_map_of_bytes(capacity, key_size, map_out)
#define map_get(map, key, value_out) map_get(map, MAESTRO_KEY(key), value_out)
#define map_put(map, key, value) map_put(map, MAESTRO_KEY(key), value)
#define map_erase(map, key, trash) map_erase(map, MAESTRO_KEY(key), trash)

#endif
