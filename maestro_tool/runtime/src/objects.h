/* Memory and numbering of state objects, between the allocation functions of the API and the instance. */
#ifndef MAESTRO_OBJECTS_H
#define MAESTRO_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "maestro.h"

struct Map;
struct Vector;
struct DoubleChain;
struct Sketch;

#define MAESTRO_MAX_OBJECTS 4096 /* NFs make tens */
#define MAESTRO_MAX_KNOWN 64     /* functions of keys; further ones are called */

/* Memory of one worker: taken by nf_init, given back all at once. */
struct maestro_arena {
  struct maestro_arena_block *blocks;
  char *free;
  size_t left;
};

/* Zeroed, 64-byte aligned memory, on huge pages where the kernel grants them; NULL if there is none. */
void *maestro_arena_alloc(struct maestro_arena *arena, size_t size);
/* The same for what is not used as a rule, and takes no memory then. */
void *maestro_arena_room(struct maestro_arena *arena, size_t size);
void maestro_arena_destroy(struct maestro_arena *arena);

/* While nf_init runs on a thread: whose memory, which treatment.  Without one, objects live until the program ends. */
struct maestro_builder {
  const struct maestro_nf *nf;
  unsigned worker, n_workers;
  struct maestro_arena *arena;
  unsigned n_allocations;
  void *objects[MAESTRO_MAX_OBJECTS]; /* by number */
  uint8_t kinds[MAESTRO_MAX_OBJECTS]; /* enum maestro_object_kind */
  bool joins;                         /* nf->joined holds for the options of this run */
  char *error;                        /* the first disagreement between the program and its plan; "" if none */
  size_t error_size;
};
extern _Thread_local struct maestro_builder *maestro_builder;

/* From now on, maps that this thread makes have numbers of key functions as `nf` gives them; NULL: none. */
void maestro_know_keys(const struct maestro_nf *nf);
/* False, and the error says so, if the functions of a map's keys must have numbers and do not. */
bool maestro_keys_are_known(const struct Map *map);

/* Whether packets must be writers to change the object that is being allocated. */
bool maestro_guarded(const struct maestro_object *object);
#define MAESTRO_GUARD(object, plan) ((object)->shared = (object)->guarded = maestro_guarded(plan))
/* Lets the objects that workers share lead to those of the first; what set-up put into this worker's is not used. */
void maestro_share_objects(const struct maestro_builder *builder, const struct maestro_builder *first);

/* The program as it was written, on one thread: built without a plan, its variables are the process's. */
bool maestro_is_sequential(const struct maestro_nf *nf);

/* Counts an allocation of nf_init and checks it against the plan.  Returns the plan's entry, NULL without one. */
const struct maestro_object *maestro_number_object(enum maestro_object_kind kind, unsigned capacity);
/* The object that the allocation counted last has made. */
void maestro_made_object(void *object);
/* For the checks in generated code: the object that allocation `number` of this nf_init made; NULL if there is none. */
const void *maestro_allocated(unsigned number);
/* For the checks in generated code: whether map (or sketch, or double map) `number` was given this function, for
 * equality or as its hash; of a double map, for its first or its second keys. */
bool maestro_map_equal_is(unsigned number, void (*function)(void));
bool maestro_map_hash_is(unsigned number, void (*function)(void));
bool maestro_map_second_equal_is(unsigned number, void (*function)(void));
bool maestro_map_second_hash_is(unsigned number, void (*function)(void));
/* Those in which bursts look ahead, in the order of maestro_nf.staged, for the life of the worker; NULL if one of them is
 * not as analysed, or there is no memory. */
void *const *maestro_stage_objects(const struct maestro_builder *builder);
/* Whether nf_init left as much in the objects as the analysis saw; else the error says where not. */
bool maestro_filled_as_planned(const struct maestro_builder *builder);
/* Whether vectors have elements for all indices of the ranged dchains that lead to them; else the error says where not.
 */
bool maestro_ranges_fit(const struct maestro_builder *builder);

/* Whether the files that set-up reads are those that the plan was made for; else the error says which is not. */
bool maestro_files_as_analysed(const struct maestro_nf *nf, char *error, size_t error_size);
/* SHA-256 of the rest of a file, in hexadecimal. */
void maestro_digest(FILE *file, char text[65]);

/* The allocation functions without numbering, for objects that are made of others. */
void *maestro_object_memory(size_t size);
void *maestro_object_room(size_t size); /* that is not used as a rule */
struct Map *maestro_map_new(bool (*equal)(void *, void *), unsigned (*hash)(void *), unsigned capacity);
struct Map *maestro_map_made(bool (*equal)(void *, void *), unsigned (*hash)(void *), unsigned capacity, bool packs);
/* `cells`: with room for a dchain's cell in each element, if that takes no more memory than apart. */
struct Vector *maestro_vector_new(size_t element_size, unsigned capacity, void (*init)(void *), bool cells);
/* `with`: a vector with such room and as many elements, whose room nobody else has; NULL: cells by themselves. */
struct DoubleChain *maestro_dchain_new(uint32_t range, const struct Vector *with);
/* Buckets in use. */
uint32_t maestro_sketch_filled(const struct Sketch *sketch);
/* The hash function that a sketch was given. */
unsigned (*maestro_sketch_hash(const struct Sketch *sketch))(void *);
/* Of a new chain: it hands out first..end-1 only; all other indices stay free for ever. */
void maestro_dchain_restrict(struct DoubleChain *chain, uint32_t first, uint32_t end);

/* dchain.c: gives each worker cells of its own to note uses in.  False without memory. */
bool maestro_dchain_share(struct DoubleChain *chain, unsigned n_workers);
/* sketch.c */
struct Sketch;
void maestro_sketch_share(struct Sketch *sketch, struct Sketch *target);

#endif
