/* Allocation of state objects: all memory of the packet path is taken here, while nf_init runs. */
#include "objects.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/verified/double-chain.h"
#include "lib/verified/double-map.h"
#include "lib/verified/lpm-dir-24-8.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "maestro_xdp_context.h"

_Thread_local struct maestro_builder *maestro_builder;
_Thread_local vigor_time_t maestro_now;
_Thread_local struct xdp_md *maestro_xdp_current;
_Thread_local struct maestro_laid_out maestro_laid_out;

static const char *const KIND_NAMES[] = {[MAESTRO_MAP] = "map",
                                         [MAESTRO_VECTOR] = "vector",
                                         [MAESTRO_DCHAIN] = "dchain",
                                         [MAESTRO_SKETCH] = "sketch",
                                         [MAESTRO_CHT] = "cht",
                                         [MAESTRO_LPM] = "lpm",
                                         [MAESTRO_DMAP] = "dmap"};

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

void *maestro_object_room(size_t size) {
  if (maestro_builder != NULL) return maestro_arena_room(maestro_builder->arena, size);
  return maestro_object_memory(size);
}

/* Notes the first disagreement between the program and its plan. */
__attribute__((format(printf, 2, 3))) static void disagree(const struct maestro_builder *builder, const char *format,
                                                           ...) {
  if (builder->error[0] != '\0') return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(builder->error, builder->error_size, format, arguments);
  va_end(arguments);
}

const struct maestro_object *maestro_number_object(enum maestro_object_kind kind, unsigned capacity) {
  struct maestro_builder *builder = maestro_builder;
  if (builder == NULL) return NULL;
  const unsigned number = builder->n_allocations++;
  if (number < MAESTRO_MAX_OBJECTS) builder->kinds[number] = (uint8_t)kind;
  if (maestro_is_sequential(builder->nf)) return NULL; /* nothing was assumed */
  if (number >= builder->nf->n_objects) {
    disagree(builder, "nf_init allocates more than the %u objects that the analysis saw", builder->nf->n_objects);
    return NULL;
  }
  const struct maestro_object *object = &builder->nf->objects[number];
  if (object->kind != kind) {
    disagree(builder, "allocation %u of nf_init is a %s, but the analysis saw the %s '%s' there", number,
             KIND_NAMES[kind], KIND_NAMES[object->kind], object->name);
    return NULL;
  }
  if (capacity < object->min_capacity)
    disagree(builder, "the capacity of '%s' is %u, but the plan needs %u at least", object->name, capacity,
             object->min_capacity);
  if (object->max_capacity != 0 && capacity > object->max_capacity)
    disagree(builder, "the capacity of '%s' is %u, but the plan allows %u at most", object->name, capacity,
             object->max_capacity);
  return object;
}

void maestro_made_object(void *object) {
  if (maestro_builder != NULL && maestro_builder->n_allocations <= MAESTRO_MAX_OBJECTS)
    maestro_builder->objects[maestro_builder->n_allocations - 1] = object;
}

const void *maestro_allocated(unsigned number) {
  const struct maestro_builder *builder = maestro_builder;
  return builder != NULL && number < builder->n_allocations && number < MAESTRO_MAX_OBJECTS ? builder->objects[number]
                                                                                            : NULL;
}

bool maestro_guarded(const struct maestro_object *object) {
  return object != NULL && object->guarded && maestro_builder->n_workers > 1;
}

/* Behind an object of one worker stands that of another. */
#define LEAD(type, object, to)         \
  do {                                 \
    ((type *)(object))->target = (to); \
    ((type *)(object))->shared = true; \
  } while (0)

void maestro_share_objects(const struct maestro_builder *builder, const struct maestro_builder *first) {
  for (unsigned i = 0; i < builder->nf->n_objects; i++) {
    const struct maestro_object *object = &builder->nf->objects[i];
    void *made = builder->objects[i], *target = first->objects[i];
    if (object->treatment != MAESTRO_SHARED) continue;
    switch (object->kind) {
      case MAESTRO_MAP: LEAD(struct Map, made, target); break;
      case MAESTRO_VECTOR:
      case MAESTRO_CHT: LEAD(struct Vector, made, target); break;
      case MAESTRO_DCHAIN: LEAD(struct DoubleChain, made, target); break;
      case MAESTRO_SKETCH: maestro_sketch_share(made, target); break;
      case MAESTRO_LPM: LEAD(struct lpm, made, target); break;
      case MAESTRO_DMAP: LEAD(struct DoubleMap, made, target); break;
    }
  }
}

static const void *allocated_as(unsigned number, enum maestro_object_kind kind) {
  const bool is_one = maestro_builder != NULL && number < maestro_builder->nf->n_objects &&
                      maestro_builder->nf->objects[number].kind == kind;
  return is_one ? maestro_allocated(number) : NULL;
}

/* The map `number`, or that of a double map's first keys; NULL if it is neither. */
static const struct Map *first_map(unsigned number) {
  const struct DoubleMap *pairs = allocated_as(number, MAESTRO_DMAP);
  return pairs != NULL ? pairs->by_a : allocated_as(number, MAESTRO_MAP);
}

bool maestro_map_equal_is(unsigned number, void (*function)(void)) {
  const struct Map *map = first_map(number);
  return map != NULL && (void (*)(void))map->equal == function;
}

bool maestro_map_hash_is(unsigned number, void (*function)(void)) {
  const struct Map *map = first_map(number);
  const struct Sketch *sketch = allocated_as(number, MAESTRO_SKETCH);
  return (map != NULL && (void (*)(void))map->hash == function) ||
         (sketch != NULL && (void (*)(void))maestro_sketch_hash(sketch) == function);
}

bool maestro_map_second_equal_is(unsigned number, void (*function)(void)) {
  const struct DoubleMap *pairs = allocated_as(number, MAESTRO_DMAP);
  return pairs != NULL && (void (*)(void))pairs->by_b->equal == function;
}

bool maestro_map_second_hash_is(unsigned number, void (*function)(void)) {
  const struct DoubleMap *pairs = allocated_as(number, MAESTRO_DMAP);
  return pairs != NULL && (void (*)(void))pairs->by_b->hash == function;
}

static uint32_t n_allocated(const struct DoubleChain *chain) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < chain->range; i++) n += maestro_dchain_cell(chain, i)->use < DCHAIN_FREE;
  return n;
}

bool maestro_filled_as_planned(const struct maestro_builder *builder) {
  const struct maestro_nf *nf = builder->nf;
  for (unsigned i = 0; i < nf->n_objects && i < builder->n_allocations && i < MAESTRO_MAX_OBJECTS; i++) {
    const struct maestro_object *object = &nf->objects[i];
    const void *made = builder->objects[i];
    if (made == NULL) continue;
    uint32_t filled;
    switch (object->kind) {
      case MAESTRO_MAP: filled = ((const struct Map *)made)->size; break;
      case MAESTRO_DCHAIN: filled = n_allocated(made); break;
      case MAESTRO_SKETCH: filled = maestro_sketch_filled(made); break;
      default: continue;
    }
    /* What packets only read may have any content: all workers have the same.  But the plan knows whether it has any.
     */
    const bool agrees =
        object->treatment == MAESTRO_READ_ONLY ? (filled > 0) == (object->filled > 0) : filled == object->filled;
    if (agrees) continue;
    disagree(builder, "nf_init leaves %u entries in '%s', but the plan was made for %u; build with these arguments",
             filled, object->name, object->filled);
    return false;
  }
  return true;
}

static bool hashes_as(const struct Map *map, uint16_t known) { return known == 0 || map->known_hash == known; }

static bool is_staged(const struct maestro_builder *builder, const struct maestro_staged *staged) {
  if (staged->object >= builder->n_allocations || staged->object >= MAESTRO_MAX_OBJECTS) return false;
  const void *made = builder->objects[staged->object];
  if (made == NULL || builder->kinds[staged->object] != staged->kind) return false;
  switch (staged->kind) {
    case MAESTRO_MAP: return hashes_as(made, staged->known_hash);
    case MAESTRO_DMAP:
      return hashes_as(((const struct DoubleMap *)made)->by_a, staged->known_hash) &&
             hashes_as(((const struct DoubleMap *)made)->by_b, staged->known_second);
    case MAESTRO_VECTOR: return ((const struct Vector *)made)->element_size >= staged->bytes;
    default: return true;
  }
}

void *const *maestro_stage_objects(const struct maestro_builder *builder) {
  const struct maestro_nf *nf = builder->nf;
  if (nf->n_staged == 0) return NULL;
  void **objects = maestro_arena_alloc(builder->arena, nf->n_staged * sizeof *objects);
  for (unsigned i = 0; objects != NULL && i < nf->n_staged; i++) {
    if (!is_staged(builder, &nf->staged[i])) return NULL;
    objects[i] = builder->objects[nf->staged[i].object];
  }
  return objects;
}

/* The last worker's indices come from the end of the range with its first packet: not, as in the sequential NF, when
 * all the others are in use. */
bool maestro_ranges_fit(const struct maestro_builder *builder) {
  const struct maestro_nf *nf = builder->nf;
  for (unsigned i = 0; i < nf->n_objects && i < builder->n_allocations && i < MAESTRO_MAX_OBJECTS; i++) {
    const struct maestro_object *object = &nf->objects[i];
    const void *led = builder->objects[i];
    if (object->per_index == 0 || led == NULL || builder->objects[object->dchain] == NULL) continue;
    const struct DoubleChain *chain = builder->objects[object->dchain];
    const uint64_t needed = (uint64_t)chain->range * object->per_index;
    const uint32_t capacity = object->kind == MAESTRO_DMAP ? ((const struct DoubleMap *)led)->capacity
                                                           : ((const struct Vector *)led)->capacity;
    if (capacity >= needed) continue;
    disagree(builder, "'%s' has %u elements, but the %u indices of '%s' need %" PRIu64 ", as in the analysis",
             object->name, capacity, chain->range, nf->objects[object->dchain].name, needed);
    return false;
  }
  return true;
}

/* Functions of keys that the code of an NF has inlined, while maestro_create makes its objects. */
static _Thread_local struct {
  struct {
    void (*function)(void);
    unsigned number;
  } known[MAESTRO_MAX_KNOWN];
  unsigned n_known;
  bool all; /* there are no others */
} keys;

void maestro_know_keys(const struct maestro_nf *nf) {
  keys.n_known = 0;
  keys.all = nf != NULL && nf->all_keys_known;
  if (nf != NULL && nf->know_keys != NULL) nf->know_keys();
}

void maestro_know_key(void (*function)(void), unsigned number) {
  if (keys.n_known == MAESTRO_MAX_KNOWN) return;
  keys.known[keys.n_known].function = function;
  keys.known[keys.n_known++].number = number;
}

static uint16_t known_number(void (*function)(void)) {
  for (unsigned i = 0; i < keys.n_known; i++)
    if (keys.known[i].function == function) return (uint16_t)keys.known[i].number;
  return 0;
}

bool maestro_keys_are_known(const struct Map *map) {
  if (!keys.all || (map->known_hash != 0 && map->known_equal != 0)) return true;
  if (maestro_builder != NULL) disagree(maestro_builder, "a map has other key functions than the program was built with");
  return false;
}

/* From how many entries on it pays to look ahead: entries with their slot, key and age touch some 128 bytes.  What the
 * third-level cache has, a core waits for while it goes on with the next packets by itself; measured: it pays from some
 * eight times what the second-level cache holds. */
static uint32_t worth_looking_ahead(void) {
  const long size = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return (uint32_t)(size > 0 ? size : 512 << 10) / 128 * 8;
}

/* Whether there are so many entries that memory is waited for, however large caches are: then a line less is worth
 * instructions.  Measured where a core has 1 MB of second-level cache. */
static bool is_large(uint64_t capacity) {
  const uint32_t from = maestro_builder != NULL ? maestro_builder->nf->large_from : 0;
  return capacity >= (from != 0 ? from : 1 + (1u << 17));
}

struct Map *maestro_map_new(map_keys_equality *equal, map_key_hash *hash, unsigned capacity) {
  return maestro_map_made(equal, hash, capacity, is_large(capacity));
}

struct Map *maestro_map_made(map_keys_equality *equal, map_key_hash *hash, unsigned capacity, bool packs) {
  if (capacity == 0 || capacity > UINT32_MAX / 4) return NULL;
  uint64_t n_slots = 8;
  while (n_slots < 2 * (uint64_t)capacity) n_slots *= 2;
  struct Map *map = maestro_object_memory(sizeof *map);
  struct map_packed *packed = packs ? maestro_object_memory(sizeof *packed) : NULL;
  void *slots = maestro_object_memory(n_slots * (packs ? sizeof(struct map_small_slot) : sizeof(struct map_slot)));
  void **keys = packs ? maestro_object_room(n_slots * sizeof *keys) : NULL;
  if (map == NULL || slots == NULL || (packs && (packed == NULL || keys == NULL))) return NULL;
  if (packs) *packed = (struct map_packed){.slots = slots, .keys = keys, .far = true};
  maestro_laid_out.packed += packs;
  *map = (struct Map){.slots = packs ? NULL : slots,
                      .packed = packed,
                      .mask = (uint32_t)(n_slots - 1),
                      .capacity = capacity,
                      .equal = equal,
                      .hash = hash,
                      .many = worth_looking_ahead(),
                      .target = map,
                      .known_hash = known_number((void (*)(void))hash),
                      .known_equal = known_number((void (*)(void))equal)};
  return map;
}

/* Whether the key, of the second entry, is behind that of the first as their numbers are. */
static bool comes_near(struct map_packed *packed, uintptr_t key, int value) {
  const int first = packed->slots[packed->only].value;
  const uintptr_t place = (uintptr_t)packed->keys[packed->only];
  const int64_t numbers = (int64_t)value - first, bytes = (int64_t)(key - place);
  if (numbers == 0 || bytes % numbers != 0 || bytes / numbers <= 0 || bytes / numbers > INT32_MAX) return false;
  packed->apart = bytes / numbers;
  packed->home = place - (uintptr_t)(first * packed->apart);
  return true;
}

/* Notes the key of the entry that free slot `i` is to have, which is not where it would be near. */
static void place_key(const struct Map *map, uint32_t i, void *key, int value) {
  struct map_packed *packed = map->packed;
  if (!packed->is_known && map->size > 0) {
    packed->is_known = true;
    packed->far = !comes_near(packed, (uintptr_t)key, value);
    if (!packed->far) return;
  }
  if (!packed->far) {
    if (map->size == 0) { /* elsewhere, at the same distance */
      packed->home = (uintptr_t)key - (uintptr_t)(value * packed->apart);
      return;
    }
    for (uint64_t n = 0; n <= map->mask; n++)
      if (packed->slots[n].mark != 0) packed->keys[n] = maestro_map_near(packed, packed->slots[n].value);
    packed->far = true;
  }
  packed->keys[i] = key;
  packed->only = i;
}

void maestro_packed_put(struct Map *map, void *key, uint32_t hash, int value) {
  struct map_packed *packed = map->packed;
  uint32_t i = hash & map->mask;
  while (packed->slots[i].mark != 0) i = (i + 1) & map->mask;
  if (MAESTRO_UNLIKELY(packed->far || maestro_map_near(packed, value) != key)) place_key(map, i, key, value);
  packed->slots[i] = (struct map_small_slot){.mark = hash | MAESTRO_MAP_USED, .value = value};
  map->size++;
}

void maestro_packed_remove(struct Map *map, uint32_t hole) {
  struct map_packed *packed = map->packed;
  const uint32_t mask = map->mask;
  for (uint32_t i = (hole + 1) & mask; packed->slots[i].mark != 0; i = (i + 1) & mask) {
    if (!maestro_map_moves(mask, packed->slots[i].mark & mask, hole, i)) continue;
    packed->slots[hole] = packed->slots[i];
    if (packed->far) packed->keys[hole] = packed->keys[i];
    hole = i;
  }
  packed->slots[hole].mark = 0;
  map->size--;
}

/* Elements that fit into a cache line must not straddle two; larger ones start at one. */
static size_t element_stride(size_t size) {
  if (size > 64) return (size + 63) / 64 * 64;
  size_t stride = 1;
  while (stride < size) stride *= 2;
  return stride;
}

/* Whether an element and a cell in one take no more memory than apart. */
static bool takes_cell(size_t element_size) {
  const size_t cell = sizeof(struct dchain_cell);
  return element_size <= 64 && element_stride(element_size + cell) <= element_stride(element_size) + cell;
}

struct Vector *maestro_vector_new(size_t element_size, unsigned capacity, vector_init_elem *init, bool cells) {
  if (element_size == 0 || element_size > UINT32_MAX / 2 || capacity == 0 || capacity > INT32_MAX) return NULL;
  cells = cells && takes_cell(element_size);
  const size_t stride = element_stride(element_size + (cells ? sizeof(struct dchain_cell) : 0));
  /* Cells are asked for by whole groups, of which the spare element may begin one. */
  const size_t n_elements = cells ? ((size_t)capacity / DCHAIN_GROUP + 1) * DCHAIN_GROUP : (size_t)capacity + 1;
  struct Vector *vector = maestro_object_memory(sizeof *vector);
  char *data = maestro_object_memory(n_elements * stride);
  if (vector == NULL || data == NULL) return NULL;
  *vector = (struct Vector){.data = data,
                            .stride = (uint32_t)stride,
                            .capacity = capacity,
                            .element_size = (uint32_t)element_size,
                            .cell_at = cells ? (uint32_t)(stride - sizeof(struct dchain_cell)) : 0,
                            .target = vector};
  for (size_t i = 0; i <= capacity && init != NULL; i++) init(data + i * stride);
  return vector;
}

/* What joins the vector (or the dchain) that is being allocated with another object; NULL: nothing. */
static const struct maestro_joined *joined_as(bool dchain) {
  const struct maestro_builder *builder = maestro_builder;
  for (unsigned i = 0; builder != NULL && builder->joins && i < builder->nf->n_joined; i++) {
    const struct maestro_joined *joined = &builder->nf->joined[i];
    if ((dchain ? joined->dchain : joined->vector) == builder->n_allocations - 1) return joined;
  }
  return NULL;
}

/* The vector among whose elements the cells of a dchain shall lie; NULL: none. */
static const struct Vector *joined_vector(uint32_t range) {
  const struct maestro_joined *joined = joined_as(true);
  const struct Vector *vector = joined != NULL ? maestro_allocated(joined->vector) : NULL;
  if (vector == NULL || maestro_builder->kinds[joined->vector] != MAESTRO_VECTOR) return NULL;
  return vector->cell_at != 0 && vector->capacity >= range ? vector : NULL;
}

int map_allocate(map_keys_equality *equal, map_key_hash *hash, unsigned capacity, struct Map **map_out) {
  const struct maestro_object *object = maestro_number_object(MAESTRO_MAP, capacity);
  struct Map *map = maestro_map_new(equal, hash, capacity);
  if (map == NULL || !maestro_keys_are_known(map)) return 0;
  MAESTRO_GUARD(map, object);
  maestro_made_object(map);
  *map_out = map;
  return 1;
}

int vector_allocate(int element_size, unsigned capacity, vector_init_elem *init, struct Vector **vector_out) {
  const struct maestro_object *object = maestro_number_object(MAESTRO_VECTOR, capacity);
  if (object != NULL && object->element_size != 0 && (int64_t)object->element_size != element_size)
    disagree(maestro_builder, "the elements of '%s' have %d bytes, but the plan was made for %u", object->name,
             element_size, object->element_size);
  const bool cells = joined_as(false) != NULL && is_large(capacity);
  struct Vector *vector = element_size > 0 ? maestro_vector_new((size_t)element_size, capacity, init, cells) : NULL;
  if (vector == NULL) return 0;
  MAESTRO_GUARD(vector, object);
  maestro_made_object(vector);
  *vector_out = vector;
  return 1;
}

int dchain_allocate(int range, struct DoubleChain **chain_out) {
  const struct maestro_object *object = maestro_number_object(MAESTRO_DCHAIN, range > 0 ? (unsigned)range : 0);
  if (range <= 0) return 0;
  const bool ranged = object != NULL && object->ranged;
  if (ranged && range > IRANG_LIMIT)
    disagree(maestro_builder, "'%s' has %d indices, but the plan allows %d at most", object->name, range, IRANG_LIMIT);
  uint32_t share = (uint32_t)range;
  if (object != NULL && object->split && !ranged)
    share = (share + maestro_builder->n_workers - 1) / maestro_builder->n_workers;
  const struct Vector *with = joined_vector(share);
  struct DoubleChain *chain = maestro_dchain_new(share, with);
  if (chain == NULL) return 0;
  maestro_laid_out.joined += with != NULL;
  if (ranged) {
    const uint64_t worker = maestro_builder->worker, n = maestro_builder->n_workers;
    maestro_dchain_restrict(chain, (uint32_t)(worker * share / n), (uint32_t)((worker + 1) * share / n));
  }
  MAESTRO_GUARD(chain, object);
  if (chain->guarded && object->treatment == MAESTRO_SHARED) {
    chain->guards_use = !object->ages_per_worker;
    if (object->ages_per_worker && maestro_builder->worker == 0 &&
        !maestro_dchain_share(chain, maestro_builder->n_workers))
      return 0;
  }
  maestro_made_object(chain);
  *chain_out = chain;
  return 1;
}
