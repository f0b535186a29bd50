/* Allocation of state objects: all memory of the packet path is taken here, while nf_init runs. */
#include "objects.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/verified/double-chain.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

_Thread_local struct maestro_builder *maestro_builder;
_Thread_local vigor_time_t maestro_now;

static const char *const KIND_NAMES[] = {[MAESTRO_MAP] = "map",
                                         [MAESTRO_VECTOR] = "vector",
                                         [MAESTRO_DCHAIN] = "dchain",
                                         [MAESTRO_SKETCH] = "sketch",
                                         [MAESTRO_CHT] = "cht"};

#ifdef MAESTRO_DEBUG
void maestro_misuse(const char *function, const char *why, long long value) {
  fprintf(stderr, "%s: %s %lld\n", function, why, value);
  abort();
}
#endif

void *maestro_object_memory(size_t size) {
  if (maestro_builder != NULL) return maestro_arena_alloc(maestro_builder->arena, size);
  /* Outside of nf_init objects belong to nobody; they live as long as the program. */
  static struct maestro_arena unowned;
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&lock);
  void *memory = maestro_arena_alloc(&unowned, size);
  pthread_mutex_unlock(&lock);
  return memory;
}

const struct maestro_object *maestro_number_object(enum maestro_object_kind kind) {
  struct maestro_builder *builder = maestro_builder;
  if (builder == NULL) return NULL;
  const unsigned number = builder->n_allocations++;
  if (maestro_is_sequential(builder->nf)) return NULL; /* nothing was assumed */
  const bool known = number < builder->nf->n_objects;
  if (known && builder->nf->objects[number].kind == kind) return &builder->nf->objects[number];
  if (builder->error[0] == '\0') {
    if (known)
      snprintf(builder->error, builder->error_size,
               "allocation %u of nf_init is a %s, but the analysis saw the %s '%s' there", number, KIND_NAMES[kind],
               KIND_NAMES[builder->nf->objects[number].kind], builder->nf->objects[number].name);
    else
      snprintf(builder->error, builder->error_size, "nf_init allocates more than the %u objects that the analysis saw",
               builder->nf->n_objects);
  }
  return NULL;
}

void maestro_made_object(const void *object) {
  if (maestro_builder != NULL && maestro_builder->n_allocations <= MAESTRO_MAX_OBJECTS)
    maestro_builder->objects[maestro_builder->n_allocations - 1] = object;
}

const void *maestro_allocated(unsigned number) {
  const struct maestro_builder *builder = maestro_builder;
  return builder != NULL && number < builder->n_allocations && number < MAESTRO_MAX_OBJECTS ? builder->objects[number]
                                                                                            : NULL;
}

struct Map *maestro_map_new(map_keys_equality *equal, map_key_hash *hash, unsigned capacity) {
  if (capacity == 0 || capacity > UINT32_MAX / 4) return NULL;
  uint64_t n_slots = 8;
  while (n_slots < 2 * (uint64_t)capacity) n_slots *= 2;
  struct Map *map = maestro_object_memory(sizeof *map);
  struct map_slot *slots = maestro_object_memory(n_slots * sizeof *slots);
  if (map == NULL || slots == NULL) return NULL;
  *map =
      (struct Map){.slots = slots, .mask = (uint32_t)(n_slots - 1), .capacity = capacity, .equal = equal, .hash = hash};
  return map;
}

/* Elements that fit into a cache line must not straddle two; larger ones start at one. */
static size_t element_stride(size_t size) {
  if (size > 64) return (size + 63) / 64 * 64;
  size_t stride = 1;
  while (stride < size) stride *= 2;
  return stride;
}

struct Vector *maestro_vector_new(size_t element_size, unsigned capacity, vector_init_elem *init) {
  if (element_size == 0 || element_size > UINT32_MAX / 2 || capacity == 0 || capacity > INT32_MAX) return NULL;
  const size_t stride = element_stride(element_size);
  struct Vector *vector = maestro_object_memory(sizeof *vector);
  char *data = maestro_object_memory(((size_t)capacity + 1) * stride);
  if (vector == NULL || data == NULL) return NULL;
  *vector = (struct Vector){
      .data = data, .stride = (uint32_t)stride, .capacity = capacity, .element_size = (uint32_t)element_size};
  for (size_t i = 0; i <= capacity && init != NULL; i++) init(data + i * stride);
  return vector;
}

int map_allocate(map_keys_equality *equal, map_key_hash *hash, unsigned capacity, struct Map **map_out) {
  maestro_number_object(MAESTRO_MAP);
  struct Map *map = maestro_map_new(equal, hash, capacity);
  if (map == NULL) return 0;
  maestro_made_object(map);
  *map_out = map;
  return 1;
}

int vector_allocate(int element_size, unsigned capacity, vector_init_elem *init, struct Vector **vector_out) {
  maestro_number_object(MAESTRO_VECTOR);
  struct Vector *vector = element_size > 0 ? maestro_vector_new((size_t)element_size, capacity, init) : NULL;
  if (vector == NULL) return 0;
  maestro_made_object(vector);
  *vector_out = vector;
  return 1;
}

int dchain_allocate(int range, struct DoubleChain **chain_out) {
  const struct maestro_object *object = maestro_number_object(MAESTRO_DCHAIN);
  if (range <= 0) return 0;
  const bool ranged = object != NULL && object->ranged;
  uint32_t share = (uint32_t)range;
  if (object != NULL && object->split && !ranged)
    share = (share + maestro_builder->n_workers - 1) / maestro_builder->n_workers;
  struct DoubleChain *chain = maestro_dchain_new(share);
  if (chain == NULL) return 0;
  if (ranged) {
    const uint64_t worker = maestro_builder->worker, n = maestro_builder->n_workers;
    maestro_dchain_restrict(chain, (uint32_t)(worker * share / n), (uint32_t)((worker + 1) * share / n));
  }
  maestro_made_object(chain);
  *chain_out = chain;
  return 1;
}
