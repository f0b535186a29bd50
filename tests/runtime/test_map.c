/* Map against a list: random operations, several hashes from good to constant. */
#include "check.h"
#include "lib/verified/boilerplate-util.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "objects.h"

static bool equal(void *a, void *b) { return *(uint32_t *)a == *(uint32_t *)b; }
static unsigned crc(void *key) { return __builtin_ia32_crc32si(0, *(uint32_t *)key); }
static unsigned constant(void *key) {
  (void)key;
  return 0xFFFFFFFF;
}
static unsigned four_values(void *key) { return *(uint32_t *)key & 3; }
static unsigned high_bits(void *key) { return *(uint32_t *)key << 28; }
static unsigned near_end(void *key) { return 0xFFFFFFF0u + (*(uint32_t *)key & 15); } /* probes wrap around */

enum { MAX_CAPACITY = 300, STEPS = 6000 };

/* What numbers keys have: any; that of their place, so that keys are near; the same until half of the steps are done; or
 * places counted backwards. */
enum numbers { ANY, PLACES, PLACES_AT_FIRST, BACKWARDS, N_NUMBERS };

struct model {
  uint32_t keys[MAX_CAPACITY];
  int values[MAX_CAPACITY];
  bool used[MAX_CAPACITY];
  unsigned size;
};

static int find(const struct model *model, unsigned capacity, uint32_t key) {
  for (unsigned i = 0; i < capacity; i++)
    if (model->used[i] && model->keys[i] == key) return (int)i;
  return -1;
}

static void get(struct Map *map, const struct model *model, unsigned capacity, uint32_t key) {
  int value = -77;
  const int at = find(model, capacity, key);
  CHECK_EQ(map_get(map, &key, &value), at >= 0);
  CHECK_EQ(value, at >= 0 ? model->values[at] : -77);
}

static int number_of(enum numbers numbers, unsigned place, unsigned step, int any) {
  switch (numbers) {
    case PLACES: return (int)place - 7;
    case PLACES_AT_FIRST: return step < STEPS / 2 ? (int)place : any;
    case BACKWARDS: return -(int)place;
    default: return any;
  }
}

static void put(struct Map *map, struct model *model, unsigned capacity, uint32_t key, enum numbers numbers,
                unsigned step, int value) {
  if (find(model, capacity, key) >= 0) return;
  unsigned slot = 0;
  while (slot < capacity && model->used[slot]) slot++;
  if (slot == capacity) {
    map_put(map, &key, value); /* full: no effect */
    CHECK_EQ(map_size(map), capacity);
    return;
  }
  value = number_of(numbers, slot, step, value);
  model->keys[slot] = key;
  model->values[slot] = value;
  model->used[slot] = true;
  model->size++;
  map_put(map, &model->keys[slot], value);
}

static void erase(struct Map *map, struct model *model, unsigned capacity, uint32_t key) {
  const int at = find(model, capacity, key);
  void *trash = &key;
  map_erase(map, &key, &trash); /* absent: no effect */
  if (at < 0) {
    CHECK(trash == &key);
    return;
  }
  CHECK(trash == &model->keys[at]);
  model->used[at] = false;
  model->size--;
}

static struct Map *made(map_key_hash *hash, unsigned capacity, bool packed) {
  struct Map *map = maestro_map_made(equal, hash, capacity, packed);
  CHECK(map != NULL && (map->packed != NULL) == packed);
  return map;
}

static bool far(const struct Map *map) { return map->packed == NULL || map->packed->far; }

static void random_operations(map_key_hash *hash, unsigned capacity, enum numbers numbers, bool packed, uint64_t seed) {
  static struct model model;
  memset(&model, 0, sizeof model);
  struct Map *map = made(hash, capacity, packed);
  const uint32_t n_keys = 2 * capacity + 3;
  for (unsigned step = 0; step < STEPS; step++) {
    const uint32_t key = below(&seed, n_keys);
    /* Phases that fill and phases that drain. */
    const bool filling = step / 500 % 2 == 0;
    const uint32_t what = below(&seed, 10);
    if (what < 4)
      get(map, &model, capacity, key);
    else if ((what < 8) == filling)
      put(map, &model, capacity, key, numbers, step, (int)next_random(&seed));
    else
      erase(map, &model, capacity, key);
    CHECK_EQ(map_size(map), model.size);
    if (packed && (numbers == PLACES || (numbers == PLACES_AT_FIRST && step < STEPS / 2)))
      CHECK(!far(map) || !map->packed->is_known);
  }
  if (capacity > 3 && numbers != PLACES) CHECK(far(map));
  for (uint32_t key = 0; key < n_keys; key++) get(map, &model, capacity, key);
}

static void rejected_capacities(void) {
  struct Map *map = (struct Map *)1;
  CHECK_EQ(map_allocate(equal, crc, 0, &map), 0);
  CHECK_EQ(map_allocate(equal, crc, UINT32_MAX, &map), 0);
  CHECK(map == (struct Map *)1);
}

/* libVig: a second put of a key makes a second entry. */
static void duplicates(bool packed) {
  struct Map *map = made(crc, 4, packed);
  uint32_t first = 5, second = 5;
  int value = 0;
  map_put(map, &first, 1);
  map_put(map, &second, 2);
  CHECK_EQ(map_size(map), 2);
  CHECK_EQ(map_get(map, &first, &value), 1);
  CHECK_EQ(value, 1);
  void *key = &second;
  map_erase(map, key, &key); /* key and trash alias */
  CHECK(key == &first);
  CHECK_EQ(map_get(map, &first, &value), 1);
  CHECK_EQ(value, 2);
}

/* A packed map: what the first two keys say need not be so of the third. */
static void near_or_not(void) {
  static uint32_t keys[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  struct Map *map = made(crc, 8, true);
  void *trash;
  int value = 0;
  map_put(map, &keys[3], 3);
  map_erase(map, &keys[3], &trash); /* what `home` was found by is gone */
  map_put(map, &keys[4], 40);
  map_put(map, &keys[6], 60);
  CHECK(far(map)); /* numbers are ten times as far from each other */
  for (uint32_t i = 4; i <= 6; i += 2) {
    CHECK_EQ(map_get(map, &keys[i], &value), 1);
    CHECK_EQ(value, 10 * i);
    map_erase(map, &keys[i], &trash);
    CHECK(trash == &keys[i]);
  }
  map = made(crc, 8, true);
  map_put(map, &keys[3], 3);
  map_put(map, &keys[5], 4);
  CHECK(!far(map) && map->packed->apart == 2 * sizeof keys[0]);
  map_erase(map, &keys[3], &trash);
  map_erase(map, &keys[5], &trash);
  CHECK(trash == &keys[5]);
  map_put(map, &keys[1], 5); /* empty: elsewhere, at the same distance */
  CHECK(!far(map));
  map_put(map, &keys[7], 5);
  CHECK(far(map));
  map_put(map, &keys[2], 6);
  for (uint32_t i = 0; i < 8; i++) CHECK_EQ(map_get(map, &keys[i], &value), i == 1 || i == 2 || i == 7);
  map_erase(map, &keys[7], &trash);
  CHECK(trash == &keys[7]);
  map_erase(map, &keys[1], &trash);
  CHECK(trash == &keys[1]);
}

/* One key twice, with two numbers, is two entries; which of them is left says where keys are. */
static void same_place(void) {
  static uint32_t keys[4] = {0, 1, 2, 3};
  struct Map *map = made(crc, 8, true);
  void *trash = NULL;
  int value = 0;
  map_put(map, &keys[0], 0);
  map_put(map, &keys[0], 1);
  map_erase(map, &keys[0], &trash);
  map_put(map, &keys[2], 2);
  CHECK_EQ(map_get(map, &keys[0], &value), 1);
  CHECK_EQ(value, 1);
  map_erase(map, &keys[0], &trash);
  CHECK(trash == &keys[0]);
  CHECK_EQ(map_get(map, &keys[0], &value), 0);
  CHECK_EQ(map_get(map, &keys[2], &value), 1);
  CHECK_EQ(value, 2);
}

/* Full to the last key, all of one hash. */
static void full(bool packed) {
  enum { N = 128 };
  static uint32_t keys[N];
  struct Map *map = made(constant, N, packed);
  for (uint32_t i = 0; i < N; i++) {
    keys[i] = i;
    map_put(map, &keys[i], (int)i);
  }
  for (uint32_t i = 0; i < N; i++) {
    int value = -1;
    CHECK_EQ(map_get(map, &i, &value), 1);
    CHECK_EQ(value, i);
  }
  uint32_t absent = N;
  int value = 9;
  CHECK_EQ(map_get(map, &absent, &value), 0);
  CHECK_EQ(value, 9);
}

/* The instruction, of this machine, and what stands for it elsewhere. */
static void same_crc(void) {
  uint64_t value = UINT64_C(88172645463325252);
  for (int i = 0; i < 10000; i++) {
    value ^= value << 13;
    value ^= value >> 7;
    value ^= value << 17;
    const uint32_t start = (uint32_t)(value >> 21);
    CHECK_EQ(maestro_crc32c(start, value, 8), __builtin_ia32_crc32qi(start, (uint8_t)value));
    CHECK_EQ(maestro_crc32c(start, value, 16), __builtin_ia32_crc32hi(start, (uint16_t)value));
    CHECK_EQ(maestro_crc32c(start, value, 32), __builtin_ia32_crc32si(start, (uint32_t)value));
    CHECK_EQ(maestro_crc32c(start, value, 64), __builtin_ia32_crc32di(start, value));
  }
  uint32_t check = UINT32_MAX; /* the check value that catalogues of CRCs list for CRC-32C (iSCSI) */
  for (const char *c = "123456789"; *c != 0; c++) check = maestro_crc32c(check, (uint64_t)*c, 8);
  CHECK_EQ(~check, 0xE3069283);
}

int main(void) {
  static map_key_hash *const hashes[] = {crc, constant, four_values, high_bits, near_end};
  static const unsigned capacities[] = {1, 2, 3, 7, 8, 16, 64, 100, 300};
  for (unsigned h = 0; h < sizeof hashes / sizeof hashes[0]; h++)
    for (unsigned c = 0; c < sizeof capacities / sizeof capacities[0]; c++)
      for (enum numbers n = 0; n < N_NUMBERS; n++)
        for (int packed = 0; packed < 2; packed++) random_operations(hashes[h], capacities[c], n, packed, 1000 * h + c);
  rejected_capacities();
  for (int packed = 0; packed < 2; packed++) duplicates(packed);
  near_or_not();
  same_place();
  for (int packed = 0; packed < 2; packed++) full(packed);
  same_crc();
  return 0;
}
