/* Double chain against two arrays (list of use, stack of free indices), and the structures around it. */
#include "check.h"
#include "lib/unverified/util.h"
#include "lib/verified/expirator.h"

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

static void random_operations(int range, unsigned phase, uint64_t seed) {
  struct model model = {.range = range};
  for (int i = range - 1; i >= 0; i--) model.free[model.n_free++] = i;
  struct DoubleChain *chain = NULL;
  CHECK_EQ(dchain_allocate(range, &chain), 1);
  int64_t now = -20; /* times may be negative: now - expiry */
  for (unsigned step = 0; step < 20 * phase; step++) {
    now += below(&seed, 3) == 0;
    /* -1 and range: not there. */
    const int index = (int)below(&seed, (uint32_t)range + 2) - 1;
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
static void seven(void *element) { *(uint32_t *)element = 7; }

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

int main(void) {
  for (int range = 1; range <= 70; range += range < 8 ? 1 : 31) random_operations(range, 400, (uint64_t)range);
  random_operations(MAX_RANGE, 8000, 1);
  boundaries();
  expirator(1);
  iteratively();
  vectors();
  return 0;
}
