#define MAESTRO_THREAD_LOCAL _Thread_local
#define MAESTRO_SHARING 1
#define MAESTRO_RESTORE_BYTES 61

#include "shared_nf.h"

#include "lib/verified/expirator.h"
#include "maestro_burst.h"

struct value {
  uint64_t n;
  char filler[SHARED_LARGE];
};

static _Thread_local struct Map *keys_of, *own;
static _Thread_local struct Vector *keys, *values, *own_keys;
static _Thread_local struct DoubleChain *ages;
static _Thread_local uint64_t counter;
_Thread_local struct nf_config { int nothing; } config;
_Thread_local unsigned shared_runs;

uint64_t shared_counter(void) { return counter; }

static bool equal(void *a, void *b) { return *(uint32_t *)a == *(uint32_t *)b; }
static unsigned hash(void *key) { return *(uint32_t *)key * 2654435761u; }
static void zero(void *element) { *(uint32_t *)element = 0; }
static void zero_value(void *element) { memset(element, 0, sizeof(struct value)); }

bool nf_init(void) {
  return map_allocate(equal, hash, SHARED_CAPACITY, &keys_of) &&
         vector_allocate(sizeof(uint32_t), SHARED_CAPACITY, zero, &keys) &&
         vector_allocate(sizeof(struct value), SHARED_CAPACITY, zero_value, &values) &&
         dchain_allocate(SHARED_CAPACITY, &ages) && map_allocate(equal, hash, 256, &own) &&
         vector_allocate(sizeof(uint32_t), 256, zero, &own_keys);
}

static int learn(uint32_t key, vigor_time_t now) {
  int index;
  if (map_get(keys_of, &key, &index)) return dchain_rejuvenate_index(ages, index, now);
  if (!dchain_allocate_new_index(ages, &index, now)) return 0;
  uint32_t *stored;
  vector_borrow(keys, index, (void **)&stored);
  *stored = key;
  map_put(keys_of, stored, index);
  struct value *value;
  vector_borrow(values, index, (void **)&value);
  value->n = 0;
  return 1;
}

static struct value *value_of(uint32_t key) {
  int index;
  struct value *value = NULL;
  if (map_get(keys_of, &key, &index)) vector_borrow(values, index, (void **)&value);
  return value;
}

static void touch(uint32_t key, vigor_time_t now) {
  int index;
  if (map_get(keys_of, &key, &index)) dchain_rejuvenate_index(ages, index, now);
}

static void put_own(uint32_t key) {
  int index;
  if (map_get(own, &key, &index)) return;
  uint32_t *stored;
  vector_borrow(own_keys, (int)(key % 256), (void **)&stored);
  *stored = key;
  map_put(own, stored, (int)(key % 256));
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)packet_length;
  (void)mbuf;
  uint8_t *frame = *buffer;
  int verdict = device == 0;
  shared_runs++;
  for (const uint8_t *step = frame + SHARED_STEPS; *step != STOP; step++) {
    struct value *value;
    switch ((enum step) * step) {
      case STOP: break;
      case EXPIRE: expire_items_single_map(ages, keys, keys_of, now - SHARED_TIMEOUT); break;
      case LEARN:
        if (!learn(*++step, now)) verdict = 9;
        break;
      case TOUCH: touch(*++step, now); break;
      case ONCE_TOUCH:
        step++;
        if (shared_runs == 1) touch(*step, now);
        break;
      case ADD:
        value = value_of(*++step);
        if (value != NULL) value->n++;
        break;
      case READ:
        value = value_of(*++step);
        verdict = value != NULL ? 10 + (int)value->n : 9;
        break;
      case REWRITE:
        value = value_of(*++step);
        if (value != NULL) *(volatile uint64_t *)&value->n = value->n;
        break;
      case OWN: put_own(*++step); break;
      case SCRIBBLE: frame[60]++; break;
      case COUNT: counter++; break;
      case RUN: verdict = 20 + (int)shared_runs; break;
      case TIME: verdict = 100 + (int)(now / 1000); break;
    }
  }
  return verdict;
}

MAESTRO_DEFINE_BURST(shared_process_burst)

#define VARIABLES(do) \
  do (keys_of) do(own) do(keys) do(values) do(own_keys) do(ages) do(counter)
static void save(void *block) {
  char *p = block;
#define SAVE(v) p = (char *)memcpy(p, &v, sizeof v) + sizeof v;
  VARIABLES(SAVE)
}
static void load(const void *block) {
  const char *p = block;
#define LOAD(v) memcpy(&v, p, sizeof v), p += sizeof v;
  VARIABLES(LOAD)
}

static const struct maestro_object OBJECTS[] = {
    {.name = "keys_of", .kind = MAESTRO_MAP, .treatment = MAESTRO_SHARED, .guarded = true},
    {.name = "keys", .kind = MAESTRO_VECTOR, .treatment = MAESTRO_SHARED},
    {.name = "values", .kind = MAESTRO_VECTOR, .treatment = MAESTRO_SHARED, .guarded = true},
    {.name = "ages", .kind = MAESTRO_DCHAIN, .treatment = MAESTRO_SHARED, .guarded = true, .ages_per_worker = true},
    {.name = "own", .kind = MAESTRO_MAP, .treatment = MAESTRO_SHARDED},
    {.name = "own_keys", .kind = MAESTRO_VECTOR, .treatment = MAESTRO_SHARDED},
};

const struct maestro_nf shared_nf = {
    .name = "shared",
    .nic = "none",
    .strategy = "hybrid",
    .n_ports = 2,
    .sharing = MAESTRO_SHARE_SOME,
    .restore_variables = true,
    .objects = OBJECTS,
    .n_objects = 6,
    .globals_size = 6 * sizeof(void *) + sizeof(uint64_t),
    .globals_save = save,
    .globals_load = load,
    .init = nf_init,
    .process_burst = shared_process_burst,
};
