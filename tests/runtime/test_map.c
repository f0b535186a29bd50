/* Map against a list: random operations, several hashes from good to constant. */
#include "check.h"
#include "lib/verified/boilerplate-util.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

static bool equal(void *a, void *b) { return *(uint32_t *)a == *(uint32_t *)b; }
static unsigned crc(void *key) { return __builtin_ia32_crc32si(0, *(uint32_t *)key); }
static unsigned constant(void *key) {
  (void)key;
  return 0xFFFFFFFF;
}
static unsigned four_values(void *key) { return *(uint32_t *)key & 3; }
static unsigned high_bits(void *key) { return *(uint32_t *)key << 28; }
static unsigned near_end(void *key) { return 0xFFFFFFF0u + (*(uint32_t *)key & 15); } /* probes wrap around */

enum { MAX_CAPACITY = 300 };

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

static void put(struct Map *map, struct model *model, unsigned capacity, uint32_t key, int value) {
  if (find(model, capacity, key) >= 0) return;
  unsigned slot = 0;
  while (slot < capacity && model->used[slot]) slot++;
  if (slot == capacity) {
    map_put(map, &key, value); /* full: no effect */
    CHECK_EQ(map_size(map), capacity);
    return;
  }
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

static void random_operations(map_key_hash *hash, unsigned capacity, uint64_t seed) {
  static struct model model;
  memset(&model, 0, sizeof model);
  struct Map *map = NULL;
  CHECK_EQ(map_allocate(equal, hash, capacity, &map), 1);
  const uint32_t n_keys = 2 * capacity + 3;
  for (unsigned step = 0; step < 6000; step++) {
    const uint32_t key = below(&seed, n_keys);
    /* Phases that fill and phases that drain. */
    const bool filling = step / 500 % 2 == 0;
    const uint32_t what = below(&seed, 10);
    if (what < 4)
      get(map, &model, capacity, key);
    else if ((what < 8) == filling)
      put(map, &model, capacity, key, (int)next_random(&seed));
    else
      erase(map, &model, capacity, key);
    CHECK_EQ(map_size(map), model.size);
  }
  for (uint32_t key = 0; key < n_keys; key++) get(map, &model, capacity, key);
}

static void rejected_capacities(void) {
  struct Map *map = (struct Map *)1;
  CHECK_EQ(map_allocate(equal, crc, 0, &map), 0);
  CHECK_EQ(map_allocate(equal, crc, UINT32_MAX, &map), 0);
  CHECK(map == (struct Map *)1);
}

/* libVig: a second put of a key makes a second entry. */
static void duplicates(void) {
  struct Map *map;
  CHECK_EQ(map_allocate(equal, crc, 4, &map), 1);
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

/* Full to the last key, all of one hash. */
static void full(void) {
  enum { N = 128 };
  static uint32_t keys[N];
  struct Map *map;
  CHECK_EQ(map_allocate(equal, constant, N, &map), 1);
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
      random_operations(hashes[h], capacities[c], 1000 * h + c);
  rejected_capacities();
  duplicates();
  full();
  same_crc();
  return 0;
}
