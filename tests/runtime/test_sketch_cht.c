/* Sketch and consistent hashing table. */
#include "check.h"
#include "lib/unverified/sketch.h"
#include "lib/unverified/util.h"
#include "lib/verified/cht.h"

static unsigned hash(void *key) { return hash_obj(key, sizeof(uint32_t)); }

/* Keys whose values no other row has: the sketch never counts too few of them. */
static void counts_enough(uint64_t seed) {
  enum { KEYS = 4, THRESHOLD = 20 };
  struct Sketch *sketch = NULL;
  CHECK_EQ(sketch_allocate(hash, 0, THRESHOLD, &sketch), 0);
  CHECK_EQ(sketch_allocate(hash, 1 << 20, THRESHOLD, &sketch), 1);
  unsigned touched[KEYS] = {0};
  for (int64_t now = 0; now < 3000; now++) {
    uint32_t key = below(&seed, KEYS);
    sketch_compute_hashes(sketch, &key);
    sketch_refresh(sketch, now);
    /* The first touch leaves 0. */
    CHECK_EQ(sketch_fetch(sketch), touched[key] > THRESHOLD + 1);
    CHECK_EQ(sketch_touch_buckets(sketch, now), 1);
    touched[key]++;
  }
  uint32_t unknown = 12345;
  sketch_expire(sketch, 5000);
  sketch_compute_hashes(sketch, &unknown);
  CHECK_EQ(sketch_fetch(sketch), 0);
  uint32_t key = 0;
  sketch_compute_hashes(sketch, &key);
  CHECK_EQ(sketch_fetch(sketch), 0);
}

/* One value only, so all rows have the same: the first owns it and counts from 0, the others go on counting at the
 * slot of that number in themselves, also when the value has ended and come back. */
static void rows_count_in_places_of_their_own(void) {
  struct Sketch *sketch;
  CHECK_EQ(sketch_allocate(hash, 1, 1, &sketch), 1);
  uint32_t key = 7;
  sketch_compute_hashes(sketch, &key);
  for (int64_t now = 0; now < 3; now++) {
    CHECK_EQ(sketch_fetch(sketch), 0); /* the first row: nothing, 0, 1; the others: nothing, 1, 2 */
    CHECK_EQ(sketch_touch_buckets(sketch, now), 1);
  }
  CHECK_EQ(sketch_fetch(sketch), 1);
  sketch_expire(sketch, 2); /* used at 2 */
  CHECK_EQ(sketch_fetch(sketch), 1);
  sketch_expire(sketch, 3);
  CHECK_EQ(sketch_fetch(sketch), 0);
  CHECK_EQ(sketch_touch_buckets(sketch, 4), 1);
  CHECK_EQ(sketch_fetch(sketch), 0); /* the first row: 0, whatever the others have */
}

/* However few values there are, no row is ever full. */
static void always_room(uint64_t seed) {
  for (uint32_t capacity = 1; capacity < 9; capacity++) {
    struct Sketch *sketch;
    CHECK_EQ(sketch_allocate(hash, capacity, 3, &sketch), 1);
    for (int64_t now = 0; now < 500; now++) {
      uint32_t key = below(&seed, 100);
      sketch_expire(sketch, now - 3);
      sketch_compute_hashes(sketch, &key);
      CHECK_EQ(sketch_touch_buckets(sketch, now), 1);
    }
  }
}

static void exact_for_one_key(void) {
  struct Sketch *sketch;
  CHECK_EQ(sketch_allocate(hash, 1024, 3, &sketch), 1);
  uint32_t key = 77;
  for (unsigned touches = 0; touches < 10; touches++) {
    sketch_compute_hashes(sketch, &key);
    CHECK_EQ(sketch_fetch(sketch), touches > 4); /* counts touches - 1 */
    sketch_touch_buckets(sketch, touches);
  }
}

static void rows_are_permutations(void) {
  enum { HEIGHT = 97, BACKENDS = 20 };
  struct Vector *cht;
  struct DoubleChain *active;
  CHECK_EQ(vector_allocate(sizeof(uint32_t), HEIGHT * BACKENDS, null_init, &cht), 1);
  CHECK_EQ(dchain_allocate(BACKENDS, &active), 1);
  CHECK_EQ(cht_fill_cht(cht, HEIGHT + 1, BACKENDS), 0); /* too small */
  CHECK_EQ(cht_fill_cht(cht, HEIGHT, BACKENDS), 1);
  unsigned preferred[BACKENDS] = {0};
  for (int row = 0; row < HEIGHT; row++) {
    uint32_t seen = 0;
    for (int i = 0; i < BACKENDS; i++) {
      uint32_t *backend;
      vector_borrow(cht, row * BACKENDS + i, (void **)&backend);
      CHECK(*backend < BACKENDS);
      if (i == 0) preferred[*backend]++;
      seen |= 1u << *backend;
    }
    CHECK_EQ(seen, (1u << BACKENDS) - 1);
  }
  for (unsigned b = 0; b < BACKENDS; b++) CHECK(preferred[b] > 0);
  int chosen = -1, only;
  CHECK_EQ(cht_find_preferred_available_backend(5, cht, active, HEIGHT, BACKENDS, &chosen), 0);
  CHECK_EQ(chosen, -1);
  CHECK_EQ(dchain_allocate_new_index(active, &only, 1), 1);
  for (uint64_t h = 0; h < 300; h++) {
    CHECK_EQ(cht_find_preferred_available_backend(h * 0x100000001, cht, active, HEIGHT, BACKENDS, &chosen), 1);
    CHECK_EQ(chosen, only);
  }
}

int main(void) {
  counts_enough(1);
  exact_for_one_key();
  rows_count_in_places_of_their_own();
  always_room(2);
  rows_are_permutations();
  return 0;
}
