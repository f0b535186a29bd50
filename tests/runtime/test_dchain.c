/* Double chain against two arrays (list of use, stack of free indices), and the structures around it. */
#include <stdio.h>
#include <unistd.h>

#include "check.h"
#include "lib/unverified/util.h"
#include "lib/verified/expirator.h"
#include "objects.h"

enum { MAX_RANGE = 600 }; /* four levels of bounds */

struct model {
  int range;
  int order[MAX_RANGE], n_order; /* oldest first */
  int64_t times[MAX_RANGE];
  int free[MAX_RANGE], n_free; /* the last is taken next */
};

static int position(const struct model *model, int index) {
  for (int i = 0; i < model->n_order; i++)
    if (model->order[i] == index) return i;
  return -1;
}

static bool take_out(struct model *model, int index) {
  const int at = position(model, index);
  if (at < 0) return false;
  memmove(&model->order[at], &model->order[at + 1], (size_t)(--model->n_order - at) * sizeof model->order[0]);
  return true;
}

static void append(struct model *model, int index, int64_t time) {
  model->order[model->n_order++] = index;
  model->times[index] = time;
}

static void allocate(struct DoubleChain *chain, struct model *model, int64_t now) {
  int index = -5;
  const bool possible = model->n_free > 0;
  CHECK_EQ(dchain_allocate_new_index(chain, &index, now), possible);
  CHECK_EQ(index, possible ? model->free[model->n_free - 1] : -5);
  if (possible) append(model, model->free[--model->n_free], now);
}

static void rejuvenate(struct DoubleChain *chain, struct model *model, int index, int64_t now) {
  const bool allocated = take_out(model, index);
  CHECK_EQ(dchain_rejuvenate_index(chain, index, now), allocated);
  if (allocated) append(model, index, now);
}

static void release(struct DoubleChain *chain, struct model *model, int index) {
  const bool allocated = take_out(model, index);
  CHECK_EQ(dchain_free_index(chain, index), allocated);
  if (allocated) model->free[model->n_free++] = index;
}

static void expire(struct DoubleChain *chain, struct model *model, int64_t before) {
  int index = -5;
  const bool possible = model->n_order > 0 && model->times[model->order[0]] < before;
  const int oldest = possible ? model->order[0] : -5;
  CHECK_EQ(dchain_expire_one_index(chain, &index, before), possible);
  CHECK_EQ(index, oldest);
  if (!possible) return;
  take_out(model, oldest);
  model->free[model->n_free++] = oldest;
}

/* A vector with the chain's cells among its elements (size 0: none), and what was written into these. */
struct elements {
  struct Vector *vector;
  unsigned size;
  uint8_t bytes[MAX_RANGE + 3]; /* of all bytes of an element; the last is the spare one's */
};

static void seven(void *element) { *(uint32_t *)element = 7; }

static void make_elements(struct elements *elements, unsigned size, unsigned capacity) {
  elements->size = size;
  if (size == 0) return;
  elements->vector = maestro_vector_new(size, capacity, seven, true);
  for (unsigned i = 0; i <= capacity; i++) {
    uint32_t *element;
    vector_borrow(elements->vector, (int)i, (void **)&element);
    CHECK_EQ(*element, 7);
    memset(element, 0, size);
  }
}

/* Writes to an element, or the spare one, after looking whether it is as it was. */
static void use_element(struct elements *elements, int index, uint8_t byte) {
  if (elements->size == 0) return;
  uint8_t *element;
  vector_borrow(elements->vector, index, (void **)&element);
  const uint32_t capacity = elements->vector->capacity, at = (uint32_t)index < capacity ? (uint32_t)index : capacity;
  for (unsigned i = 0; i < elements->size; i++) CHECK_EQ(element[i], elements->bytes[at]);
  memset(element, byte, elements->size);
  elements->bytes[at] = byte;
}

static void random_operations(int range, unsigned phase, uint64_t seed, unsigned size) {
  static struct elements elements;
  memset(&elements, 0, sizeof elements);
  make_elements(&elements, size, (unsigned)range + (unsigned)seed % 3);
  struct model model = {.range = range};
  for (int i = range - 1; i >= 0; i--) model.free[model.n_free++] = i;
  struct DoubleChain *chain = maestro_dchain_new((uint32_t)range, size > 0 ? elements.vector : NULL);
  CHECK(size == 0 || chain->cells == elements.vector->data + elements.vector->cell_at);
  int64_t now = -20; /* times may be negative: now - expiry */
  for (unsigned step = 0; step < 20 * phase; step++) {
    now += below(&seed, 3) == 0;
    /* -1 and range: not there. */
    const int index = (int)below(&seed, (uint32_t)range + 2) - 1;
    use_element(&elements, index, (uint8_t)next_random(&seed));
    switch (below(&seed, step / phase % 2 == 0 ? 5 : 8)) {
      case 0:
      case 1: allocate(chain, &model, now); break;
      case 2:
      case 3: rejuvenate(chain, &model, index, now); break;
      case 4: release(chain, &model, index); break;
      default: expire(chain, &model, now - (int64_t)below(&seed, 6 * (phase / 400))); break;
    }
    CHECK_EQ(dchain_is_index_allocated(chain, index), position(&model, index) >= 0);
  }
}

/* Strictly before; an empty chain at any time. */
static void boundaries(void) {
  struct DoubleChain *chain = NULL;
  int index = -1;
  CHECK_EQ(dchain_allocate(0, &chain), 0);
  CHECK_EQ(dchain_allocate(-1, &chain), 0);
  CHECK(chain == NULL);
  CHECK_EQ(dchain_allocate(2, &chain), 1);
  CHECK_EQ(dchain_expire_one_index(chain, &index, INT64_MAX), 0);
  CHECK_EQ(dchain_allocate_new_index(chain, &index, 100), 1);
  CHECK_EQ(dchain_expire_one_index(chain, &index, 100), 0);
  CHECK_EQ(dchain_expire_one_index(chain, &index, 101), 1);
  CHECK_EQ(index, 0);
  CHECK_EQ(dchain_rejuvenate_index(chain, -1, 5), 0);
  CHECK_EQ(dchain_is_index_allocated(chain, INT32_MIN), 0);
}

static bool equal(void *a, void *b) { return *(uint32_t *)a == *(uint32_t *)b; }
static unsigned hash(void *key) { return hash_obj(key, sizeof(uint32_t)); }
static void expirator(uint64_t seed) {
  enum { N = 16 };
  struct Map *map;
  struct Vector *keys;
  struct DoubleChain *chain;
  CHECK_EQ(map_allocate(equal, hash, N, &map), 1);
  CHECK_EQ(vector_allocate(sizeof(uint32_t), N, null_init, &keys), 1);
  CHECK_EQ(dchain_allocate(N, &chain), 1);
  int64_t times[1000];
  memset(times, -1, sizeof times);
  for (int64_t now = 0; now < 4000; now++) {
    int n_expired = 0;
    for (uint32_t k = 0; k < 1000; k++)
      if (times[k] >= 0 && times[k] < now - 30) {
        times[k] = -1;
        n_expired++;
      }
    CHECK_EQ(expire_items_single_map(chain, keys, map, now - 30), n_expired);
    uint32_t key = below(&seed, 1000), *stored;
    int index = -1;
    CHECK_EQ(map_get(map, &key, &index), times[key] >= 0);
    if (index >= 0) {
      CHECK_EQ(dchain_rejuvenate_index(chain, index, now), 1);
      times[key] = now;
    } else if (dchain_allocate_new_index(chain, &index, now)) {
      vector_borrow(keys, index, (void **)&stored);
      *stored = key;
      map_put(map, stored, index);
      vector_return(keys, index, stored);
      times[key] = now;
    }
  }
}

/* n_elems is where to end, not how many. */
static void iteratively(void) {
  struct Map *map;
  struct Vector *keys;
  CHECK_EQ(map_allocate(equal, hash, 8, &map), 1);
  CHECK_EQ(vector_allocate(sizeof(uint32_t), 8, null_init, &keys), 1);
  for (int i = 0; i < 8; i++) {
    uint32_t *key;
    vector_borrow(keys, i, (void **)&key);
    *key = (uint32_t)i;
    map_put(map, key, i);
  }
  CHECK_EQ(expire_items_single_map_iteratively(keys, map, 3, 5), 2);
  CHECK_EQ(map_size(map), 6);
  for (uint32_t k = 0; k < 8; k++) {
    int value;
    CHECK_EQ(map_get(map, &k, &value), k < 3 || k >= 5);
  }
  CHECK_EQ(expire_items_single_map_iteratively(keys, map, 5, 2), 0);
}

/* Elements of all sizes: apart from each other, within a cache line if they fit, initialised. */
static void vectors(void) {
  for (int size = 1; size <= 200; size++) {
    struct Vector *vector = NULL;
    enum { N = 9 };
    CHECK_EQ(vector_allocate(size, N, size >= 4 ? seven : NULL, &vector), 1);
    for (int i = 0; i < N; i++) {
      void *element;
      vector_borrow(vector, i, &element);
      if (size >= 4) CHECK_EQ(*(uint32_t *)element, 7);
      if (size <= 64) CHECK_EQ((uintptr_t)element / 64, ((uintptr_t)element + (uintptr_t)size - 1) / 64);
      memset(element, i, (size_t)size);
    }
    for (int i = 0; i < N; i++) {
      uint8_t *element;
      vector_borrow(vector, i, (void **)&element);
      for (int b = 0; b < size; b++) CHECK_EQ(element[b], i);
    }
    /* Out of range: memory that belongs to no element. */
    void *outside;
    vector_borrow(vector, -1, &outside);
    memset(outside, 0xEE, (size_t)size);
    vector_borrow(vector, N, &outside);
    memset(outside, 0xEE, (size_t)size);
    uint8_t *last;
    vector_borrow(vector, N - 1, (void **)&last);
    CHECK_EQ(last[size - 1], N - 1);
  }
  struct Vector *vector = NULL;
  CHECK_EQ(vector_allocate(0, 4, NULL, &vector), 0);
  CHECK_EQ(vector_allocate(4, 0, NULL, &vector), 0);
  CHECK(vector == NULL);
}

/* Elements and cells share lines only where that takes no memory. */
static void room(void) {
  for (unsigned size = 1; size <= 200; size++) {
    const struct Vector *vector = maestro_vector_new(size, 4, NULL, true), *alone = maestro_vector_new(size, 4, NULL, false);
    CHECK_EQ(alone->cell_at, 0);
    CHECK_EQ(vector->cell_at != 0, (size > 8 && size <= 16) || (size > 32 && size <= 48));
    if (vector->cell_at == 0) {
      CHECK_EQ(vector->stride, alone->stride);
      continue;
    }
    CHECK(vector->cell_at >= size && vector->cell_at % 8 == 0);
    CHECK(vector->stride >= vector->cell_at + sizeof(struct dchain_cell) && 64 % vector->stride == 0);
  }
}

static struct Vector *new_vector(int size, unsigned capacity) {
  struct Vector *vector = NULL;
  CHECK_EQ(vector_allocate(size, capacity, null_init, &vector), 1);
  return vector;
}

static bool joins(int range, const struct Vector *vector) {
  struct DoubleChain *chain = NULL;
  CHECK_EQ(dchain_allocate(range, &chain), 1);
  const bool inside = chain->cells >= vector->data && chain->cells < vector->data + vector->capacity * vector->stride;
  CHECK_EQ(chain->apart, inside ? vector->stride : sizeof(struct dchain_cell));
  return inside;
}

/* What is joined is named by the numbers of allocations. */
static void joined(void) {
  static const struct maestro_joined pairs[] = {{0, 1}, {2, 3}, {4, 5}, {6, 7}, {9, 8}, {10, 11}, {40, 12}};
  static struct maestro_nf nf = {.name = "nf",
                                 .strategy = "sequential",
                                 .joined = pairs,
                                 .n_joined = sizeof pairs / sizeof pairs[0],
                                 .large_from = 8};
  static struct maestro_arena arena;
  static struct maestro_builder builder;
  char error[64] = "";
  struct Map *map;
  builder = (struct maestro_builder){.nf = &nf, .n_workers = 1, .arena = &arena, .error = error, .error_size = sizeof error};
  maestro_builder = &builder;
  CHECK(!joins(8, new_vector(16, 8))); /* in a run with other options */
  builder.joins = true;
  builder.n_allocations = 0;
  CHECK(!joins(7, new_vector(16, 7))); /* too small to pay */
  nf.large_from = 0;
  builder.n_allocations = 0;
  CHECK(!joins(7, new_vector(16, 4096)));
  builder.n_allocations = 0;
  CHECK(joins(8, new_vector(16, 1 << 21)));
  nf.large_from = 8;
  builder.n_allocations = 0;
  CHECK(joins(8, new_vector(16, 8)));
  CHECK(joins(7, new_vector(33, 9)));
  CHECK(!joins(9, new_vector(16, 8))); /* it has fewer elements than there are indices */
  CHECK(!joins(8, new_vector(8, 8)));  /* no room */
  struct DoubleChain *chain = NULL;
  CHECK_EQ(dchain_allocate(8, &chain), 1); /* before its vector */
  CHECK_EQ(chain->apart, sizeof(struct dchain_cell));
  new_vector(16, 8);
  CHECK_EQ(map_allocate(equal, hash, 8, &map), 1); /* in another run, the number is a map's */
  CHECK_EQ(dchain_allocate(8, &chain), 1);
  CHECK_EQ(chain->apart, sizeof(struct dchain_cell));
  const struct Vector *last = new_vector(16, 8);
  CHECK(!joins(8, last)); /* of which nothing was said */
  CHECK_EQ(last->cell_at, 0);
  maestro_builder = NULL;
}

#ifndef __SANITIZE_ADDRESS__
static size_t resident(void) {
  unsigned long pages = 0, in_memory = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%lu %lu", &pages, &in_memory) == 2);
  fclose(file);
  return in_memory * (size_t)sysconf(_SC_PAGESIZE);
}

/* A large table of keys of 16 bytes, all in use: 52 bytes per entry, and whole huge pages for each of its parts. */
static void memory(void) {
  enum { N = 1 << 21, PARTS = 16 };
  static const struct maestro_joined pair = {1, 2};
  static const struct maestro_nf nf = {.name = "nf", .strategy = "sequential", .joined = &pair, .n_joined = 1};
  static struct maestro_arena arena;
  static struct maestro_builder builder;
  char error[64] = "";
  builder = (struct maestro_builder){
      .nf = &nf, .n_workers = 1, .arena = &arena, .joins = true, .error = error, .error_size = sizeof error};
  const size_t before = resident();
  maestro_builder = &builder;
  struct Map *map;
  struct DoubleChain *chain;
  CHECK_EQ(map_allocate(equal, hash, N, &map), 1);
  struct Vector *keys = new_vector(16, N);
  CHECK_EQ(dchain_allocate(N, &chain), 1);
  maestro_builder = NULL;
  for (int i = 0; i < N; i++) {
    int index = -1;
    void *key;
    CHECK_EQ(dchain_allocate_new_index(chain, &index, i), 1);
    vector_borrow(keys, index, &key);
    *(int *)key = index;
    map_put(map, key, index);
  }
  const size_t taken = resident() - before;
  CHECK(map->packed != NULL && !map->packed->far && chain->apart == 32);
  CHECK(taken >= (size_t)48 * N && taken <= (size_t)52 * N + PARTS * ((size_t)2 << 20) / 4);
  for (int i = 0; i < N; i += 1 + i / 1000) {
    int found = -1;
    CHECK_EQ(map_get(map, &i, &found), 1);
    CHECK_EQ(found, i);
  }
  maestro_arena_destroy(&arena);
}
#else
static void memory(void) {} /* which is the sanitizer's */
#endif

int main(void) {
  static const unsigned sizes[] = {0, 9, 16, 33, 48};
  for (int range = 1; range <= 70; range += range < 8 ? 1 : 31)
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) random_operations(range, 400, (uint64_t)range, sizes[i]);
  random_operations(MAX_RANGE, 8000, 1, 0);
  random_operations(MAX_RANGE, 8000, 2, 16);
  room();
  joined();
  memory();
  boundaries();
  expirator(1);
  iteratively();
  vectors();
  return 0;
}
