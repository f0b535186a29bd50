/* The sketch of libVig, with its quirk: one map serves all rows.  It leads from a hash value to a slot, which the row
 * that saw the value first took from its own allocator; that row owns the value, and its clock ends it.  The map does
 * not say whose slot it is: each row adds its own number, so a row that comes to another's value counts where the slot
 * of that number is in its own row.  It is one object for the plan, though made of a map, two vectors and a chain per
 * row. */
/* The functions of the only map here, to be inlined: keys are hash values. */
#define MAESTRO_KNOWN_KEYS                                                                          \
  enum { BUCKET_KEYS = 1 };                                                                         \
  static inline bool maestro_known_hash(unsigned number, void *key, uint32_t *result) {             \
    *result = number == BUCKET_KEYS ? *(uint32_t *)key : 0;                                         \
    return number == BUCKET_KEYS;                                                                   \
  }                                                                                                 \
  static inline bool maestro_known_equal(unsigned number, void *a, void *b, bool *result) {         \
    *result = number == BUCKET_KEYS && *(uint32_t *)a == *(uint32_t *)b;                            \
    return number == BUCKET_KEYS;                                                                   \
  }
#include "lib/unverified/sketch.h"

#include "lib/verified/boilerplate-util.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/expirator.h"
#include "objects.h"

enum { ROWS = 4 };
static const uint32_t SALTS[ROWS] = {0x9b78350f, 0x9bcf144c, 0x8ab29a3e, 0x34d48bf5};

struct row {
  uint32_t hash;
  int slot; /* -1: not there */
};

struct Sketch {
  struct Map *slots;                    /* hash value -> slot */
  struct Vector *keys;                  /* row * capacity + slot -> hash value that the row owns there */
  struct Vector *counts;                /* row * capacity + slot -> packets */
  struct DoubleChain *allocators[ROWS]; /* of slots */
  uint32_t capacity;
  uint64_t inverse; /* of the capacity, see remainder_of */
  uint16_t threshold;
  map_key_hash *hash;
  struct Sketch *target; /* maestro_sharing.h */
  bool guarded;
  bool current;          /* the rows have the slots that are in the map now */
  struct row rows[ROWS]; /* of the key at hand */
};

static bool hash_equal(void *a, void *b) { return *(uint32_t *)a == *(uint32_t *)b; }
static unsigned hash_itself(void *key) { return *(uint32_t *)key; }

int sketch_allocate(map_key_hash *hash, uint32_t capacity, uint16_t threshold, struct Sketch **sketch_out) {
  const struct maestro_object *object = maestro_number_object(MAESTRO_SKETCH, capacity);
  if (capacity == 0 || capacity > INT32_MAX / (2 * ROWS)) return 0;
  uint32_t total = 1;
  while (total < ROWS * capacity) total *= 2;
  struct Sketch *sketch = maestro_object_memory(sizeof *sketch);
  if (sketch == NULL) return 0;
  *sketch = (struct Sketch){.slots = maestro_map_made(hash_equal, hash_itself, total, false),
                            .keys = maestro_vector_new(sizeof(uint32_t), total, null_init, false),
                            .counts = maestro_vector_new(sizeof(uint32_t), total, null_init, false),
                            .capacity = capacity,
                            .inverse = UINT64_MAX / capacity + 1,
                            .threshold = threshold,
                            .hash = hash,
                            .target = sketch,
                            .guarded = maestro_guarded(object)};
  if (sketch->slots == NULL || sketch->keys == NULL || sketch->counts == NULL) return 0;
  sketch->slots->known_hash = sketch->slots->known_equal = BUCKET_KEYS;
  for (unsigned i = 0; i < ROWS; i++) {
    sketch->allocators[i] = maestro_dchain_new(capacity, NULL);
    if (sketch->allocators[i] == NULL) return 0;
  }
  maestro_made_object(sketch);
  *sketch_out = sketch;
  return 1;
}

uint32_t maestro_sketch_filled(const struct Sketch *sketch) { return sketch->slots->size; }

map_key_hash *maestro_sketch_hash(const struct Sketch *sketch) { return sketch->hash; }

void maestro_sketch_share(struct Sketch *sketch, struct Sketch *target) { sketch->target = target; }

/* The sketch behind this one, before any use of it: even reading leaves the rows at hand in it. */
static struct Sketch *enter(struct Sketch *sketch) {
  sketch = sketch->target;
  if (sketch->guarded) maestro_before_write();
  return sketch;
}

/* What a row has at a slot. */
static uint32_t *borrow(const struct Sketch *sketch, struct Vector *vector, unsigned row, int slot) {
  void *element;
  vector_borrow(vector, (int)(row * sketch->capacity) + slot, &element);
  return element;
}

static void look_up(struct Sketch *sketch, struct row *row) {
  row->slot = -1;
  map_get(sketch->slots, &row->hash, &row->slot);
}

static void look_up_rows(struct Sketch *sketch) {
  for (unsigned i = 0; i < ROWS && !sketch->current; i++) look_up(sketch, &sketch->rows[i]);
  sketch->current = true;
}

/* number % capacity without a division: `inverse` is 2^64 / capacity, rounded up, so the low half of their product is
 * the fraction of number / capacity, less than 2^32 / 2^64 too large; times capacity, that stays below the next whole. */
static uint32_t remainder_of(const struct Sketch *sketch, uint32_t number) {
  return (uint32_t)((unsigned __int128)(sketch->inverse * number) * sketch->capacity >> 64);
}

void sketch_compute_hashes(struct Sketch *sketch, void *key) {
  sketch = enter(sketch);
  const unsigned hash = sketch->hash(key);
  for (unsigned i = 0; i < ROWS; i++) {
    struct row *row = &sketch->rows[i];
    row->hash = remainder_of(sketch, __builtin_ia32_crc32si(__builtin_ia32_crc32si(0, SALTS[i]), hash));
  }
  sketch->current = false;
  look_up_rows(sketch);
}

void sketch_refresh(struct Sketch *sketch, vigor_time_t now) {
  sketch = enter(sketch);
  look_up_rows(sketch);
  for (unsigned i = 0; i < ROWS; i++) {
    /* -1, and a slot that is in use in another row only, are not in use here: nothing happens. */
    dchain_rejuvenate_index(sketch->allocators[i], sketch->rows[i].slot, now);
  }
}

int sketch_fetch(struct Sketch *sketch) {
  sketch = enter(sketch);
  bool found = false;
  uint32_t least = UINT32_MAX;
  look_up_rows(sketch);
  for (unsigned i = 0; i < ROWS; i++) {
    const struct row *row = &sketch->rows[i];
    if (row->slot < 0) continue;
    const uint32_t count = *borrow(sketch, sketch->counts, i, row->slot);
    found = true;
    if (count < least) least = count;
  }
  const bool passed = found && least > sketch->threshold;
  maestro_noted.counted += passed;
  return passed;
}

int sketch_touch_buckets(struct Sketch *sketch, vigor_time_t now) {
  sketch = enter(sketch);
  for (unsigned i = 0; i < ROWS; i++) {
    struct row *row = &sketch->rows[i];
    if (!sketch->current) look_up(sketch, row); /* a value that a row before put may be this one's */
    if (row->slot >= 0) {
      ++*borrow(sketch, sketch->counts, i, row->slot);
      dchain_rejuvenate_index(sketch->allocators[i], row->slot, now);
      continue;
    }
    /* There is room: hash values are below the capacity, a row has as many slots, and each value has one owner. */
    dchain_allocate_new_index(sketch->allocators[i], &row->slot, now);
    uint32_t *key = borrow(sketch, sketch->keys, i, row->slot);
    *key = row->hash;
    *borrow(sketch, sketch->counts, i, row->slot) = 0;
    map_put(sketch->slots, key, row->slot);
    sketch->current = false;
  }
  return 1;
}

void sketch_expire(struct Sketch *sketch, vigor_time_t time) {
  sketch = sketch->target;
  bool any = false;
  for (unsigned i = 0; i < ROWS; i++) any |= sketch->allocators[i]->oldest.cell.time < time;
  if (!any) return;
  enter(sketch);
  sketch->current = false;
  for (unsigned i = 0; i < ROWS; i++) {
    int slot;
    while (dchain_expire_one_index(sketch->allocators[i], &slot, time)) {
      void *key = borrow(sketch, sketch->keys, i, slot);
      map_erase(sketch->slots, key, &key);
    }
  }
}
