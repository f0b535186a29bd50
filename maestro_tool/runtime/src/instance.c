/* Instances of an NF: workers with variables and memory of their own, attached to one thread at a time. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <getopt.h>

#include "lib/verified/vigor-time.h"
#include "maestro.h"
#include "maestro_stages.h"
#include "objects.h"
#include "sharing.h"

struct maestro_worker {
  _Alignas(64) _Atomic(const void *) thread; /* of the thread that runs it; NULL: none */
  struct maestro_instance *instance;
  bool cards_checked; /* since maestro_create, ports may have come */
  void *globals; /* its variables, while no thread runs it */
  void *const *staged; /* maestro_staged_objects */
  struct maestro_arena arena;
};

struct maestro_instance {
  const struct maestro_nf *nf;
  unsigned n_workers;
  struct maestro_worker *workers;
  struct maestro_lock *lock; /* NULL: workers share nothing */
};

/* The worker whose variables this thread holds.  Its address names the thread. */
static _Thread_local struct maestro_worker *attached;
_Thread_local void *const *maestro_staged_objects;
_Thread_local struct maestro_looked maestro_looked;

/* Variables that exist once (of a sequential build, or if workers share all) nf_init finds uninitialised only once. */
static atomic_flag taken = ATOMIC_FLAG_INIT;

bool maestro_is_sequential(const struct maestro_nf *nf) { return strcmp(nf->strategy, "sequential") == 0; }

static bool variables_exist_once(const struct maestro_nf *nf) {
  return maestro_is_sequential(nf) || nf->sharing == MAESTRO_SHARE_ALL;
}

static void save(const struct maestro_nf *nf, void *block) {
  if (nf->globals_size > 0) nf->globals_save(block);
}

static void load(const struct maestro_nf *nf, const void *block) {
  if (nf->globals_size > 0) nf->globals_load(block);
}

static void detach(void) {
  if (attached == NULL) return;
  save(attached->instance->nf, attached->globals);
  maestro_share_detach();
  maestro_staged_objects = NULL;
  atomic_store_explicit(&attached->thread, NULL, memory_order_release);
  attached = NULL;
}

static int attach(struct maestro_worker *worker) {
  const void *nobody = NULL;
  char error[256];
  if (!atomic_compare_exchange_strong_explicit(&worker->thread, &nobody, &attached, memory_order_acquire,
                                               memory_order_relaxed))
    return -EBUSY;
  if (!worker->cards_checked && maestro_check_cards(worker->instance->nf, error, sizeof error) != 0) {
    atomic_store_explicit(&worker->thread, NULL, memory_order_release);
    return -ENODEV;
  }
  worker->cards_checked = true;
  detach();
  load(worker->instance->nf, worker->globals);
  maestro_share.worker = (unsigned)(worker - worker->instance->workers);
  maestro_share.variables = worker->instance->nf->restore_variables ? worker->globals : NULL;
  maestro_staged_objects = worker->staged;
  attached = worker;
  return 0;
}

void maestro_detach(struct maestro_instance *instance) {
  if (attached != NULL && attached->instance == instance) detach();
}

int maestro_process_burst(struct maestro_instance *instance, unsigned worker, struct rte_mbuf **packets, uint16_t n,
                          int64_t now, uint16_t *verdicts) {
  struct maestro_worker *wanted = &instance->workers[worker];
  if (__builtin_expect(attached != wanted, 0)) {
    const int status = attach(wanted);
    if (status != 0) return status;
  }
  if (instance->lock == NULL)
    instance->nf->process_burst(packets, n, now, verdicts);
  else
    maestro_run_burst(instance->lock, instance->nf, packets, n, now, verdicts);
  return 0;
}

/* What maestro_create is busy with. */
struct creation {
  const struct maestro_nf *nf;
  struct maestro_instance *instance;
  void *pristine;                   /* the variables as the program's text initialises them, then as configured */
  struct maestro_builder *builders; /* one per worker: the checks ask which objects it made */
  char *error;
  size_t error_size;
};

__attribute__((format(printf, 3, 4))) static int fail(const struct creation *c, int status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(c->error, c->error_size, format, arguments);
  va_end(arguments);
  return status;
}

static int check_plan(const struct creation *c, unsigned n_workers) {
  const struct maestro_nf *nf = c->nf;
  if (n_workers == 0 || n_workers > MAESTRO_MAX_WORKERS)
    return fail(c, -EINVAL, "%s: %u workers asked for; 1 to %d are possible", nf->name, n_workers, MAESTRO_MAX_WORKERS);
  if (n_workers > 1 && maestro_is_sequential(nf))
    return fail(c, -EINVAL, "%s: this is the sequential build: it runs on 1 worker, not %u", nf->name, n_workers);
  for (unsigned i = 0; i < nf->n_objects; i++)
    if (nf->objects[i].treatment == MAESTRO_SHARED && nf->sharing == MAESTRO_SHARE_NOTHING)
      return fail(c, -EINVAL, "%s: the plan shares '%s' between workers, but strategy %s shares nothing", nf->name,
                  nf->objects[i].name, nf->strategy);
  return 0;
}

static struct maestro_instance *new_instance(const struct maestro_nf *nf, unsigned n_workers) {
  struct maestro_instance *instance = calloc(1, sizeof *instance);
  if (instance == NULL) return NULL;
  *instance = (struct maestro_instance){.nf = nf, .n_workers = n_workers};
  instance->workers = aligned_alloc(_Alignof(struct maestro_worker), n_workers * sizeof(struct maestro_worker));
  if (instance->workers == NULL) {
    free(instance);
    return NULL;
  }
  memset(instance->workers, 0, n_workers * sizeof(struct maestro_worker));
  for (unsigned i = 0; i < n_workers; i++) {
    instance->workers[i].instance = instance;
    instance->workers[i].globals = calloc(1, nf->globals_size + 1);
    if (instance->workers[i].globals == NULL) {
      maestro_destroy(instance);
      return NULL;
    }
  }
  return instance;
}

static void *save_pristine(void *context) {
  const struct creation *c = context;
  save(c->nf, c->pristine);
  return NULL;
}

/* Loads the variables' initial values: the calling thread's may come from another instance, those of a new thread do
 * not. */
static int load_pristine(const struct creation *c) {
  if (c->nf->globals_size == 0) return 0;
  pthread_t thread;
  const int status = pthread_create(&thread, NULL, save_pristine, (void *)(uintptr_t)c);
  if (status != 0) return fail(c, -status, "%s: no thread can be started: %s", c->nf->name, strerror(status));
  pthread_join(thread, NULL);
  load(c->nf, c->pristine);
  return 0;
}

/* Runs nf_init, with a builder set. */
static int init(const struct creation *c, unsigned number) {
  const struct maestro_nf *nf = c->nf;
  maestro_now = 0; /* as before the first packet, also on a thread that has handled packets of another instance */
  const bool initialised = nf->init();
  if (c->error[0] != '\0') return -EINVAL;
  if (!initialised) return fail(c, -ENOMEM, "%s: nf_init failed on worker %u", nf->name, number);
  if (!maestro_is_sequential(nf) && maestro_builder->n_allocations != nf->n_objects)
    return fail(c, -EINVAL, "%s: nf_init allocated %u objects, but the analysis saw %u", nf->name,
                maestro_builder->n_allocations, nf->n_objects);
  return 0;
}

/* Makes one worker, from the configured variables. */
static int init_worker(const struct creation *c, unsigned number) {
  struct maestro_worker *worker = &c->instance->workers[number];
  c->error[0] = '\0';
  c->builders[number] = (struct maestro_builder){.nf = c->nf,
                                                 .worker = number,
                                                 .n_workers = c->instance->n_workers,
                                                 .arena = &worker->arena,
                                                 .joins = c->nf->as_analysed == NULL || c->nf->as_analysed(),
                                                 .error = c->error,
                                                 .error_size = c->error_size};
  load(c->nf, c->pristine);
  maestro_builder = &c->builders[number];
  int status = init(c, number);
  maestro_builder = NULL;
  if (status == 0 && c->nf->as_analysed != NULL && c->builders[number].joins && !c->nf->as_analysed())
    status = fail(c, -EINVAL, "%s: nf_init changes options; build with optimise=none", c->nf->name);
  if (status == 0) save(c->nf, worker->globals);
  if (status == 0) worker->staged = maestro_stage_objects(&c->builders[number]);
  return status;
}

/* Checks what packets of one worker will find against the plan.  Only when nf_init has run for all workers: memory that
 * nf_config_init allocated is the same for all, and what one worker stores there the next may overwrite. */
static int check_worker(const struct creation *c, unsigned number) {
  const struct maestro_nf *nf = c->nf;
  const struct maestro_builder *builder = &c->builders[number];
  if (!maestro_is_sequential(nf) && !(maestro_filled_as_planned(builder) && maestro_ranges_fit(builder)))
    return -EINVAL;
  if (nf->check == NULL) return 0;
  load(nf, c->instance->workers[number].globals);
  maestro_builder = &c->builders[number];
  const bool as_analysed = nf->check(c->error, c->error_size);
  maestro_builder = NULL;
  return as_analysed ? 0 : -EINVAL;
}

static int configure_and_init(const struct creation *c, int argc, char **argv) {
  if (!maestro_files_as_analysed(c->nf, c->error, c->error_size)) return -EINVAL;
  const int status = load_pristine(c);
  if (status != 0) return status;
  if (c->nf->config_init != NULL) {
    optind = 1;
    c->nf->config_init(argc, argv);
  }
  save(c->nf, c->pristine);
  const unsigned n_workers = c->instance->n_workers;
  const unsigned n_inits = variables_exist_once(c->nf) ? 1 : n_workers;
  for (unsigned i = 0; i < n_inits; i++) {
    const int failed = init_worker(c, i);
    if (failed != 0) return failed;
  }
  for (unsigned i = 0; i < n_inits; i++) {
    const int failed = check_worker(c, i);
    if (failed != 0) return failed;
  }
  /* Per-core variables, of which nf_init has set those of worker 0. */
  for (unsigned i = n_inits; i < n_workers; i++) {
    memcpy(c->instance->workers[i].globals, c->pristine, c->nf->globals_size);
    c->instance->workers[i].staged = c->instance->workers[0].staged;
  }
  for (unsigned i = 1; i < n_inits; i++) maestro_share_objects(&c->builders[i], &c->builders[0]);
  if (c->nf->sharing == MAESTRO_SHARE_NOTHING || n_workers == 1) return 0;
  c->instance->lock = maestro_lock_new(n_workers, c->nf->transactions);
  return c->instance->lock != NULL ? 0 : fail(c, -ENOMEM, "%s: out of memory", c->nf->name);
}

/* On return the calling thread holds the configured variables (for nf->config_print), of no worker. */
int maestro_create(const struct maestro_nf *nf, unsigned n_workers, int argc, char **argv,
                   struct maestro_instance **instance, char *error, size_t error_size) {
  struct creation c = {.nf = nf, .error = error, .error_size = error_size};
  error[0] = '\0';
  int status = check_plan(&c, n_workers);
  if (status == 0) status = maestro_check_cards(nf, error, error_size);
  if (status != 0) return status;
  if (variables_exist_once(nf) && atomic_flag_test_and_set(&taken))
    return fail(&c, -EBUSY, "%s: a process can make only one instance of a %s build", nf->name, nf->strategy);
  detach();
  c.instance = new_instance(nf, n_workers);
  c.pristine = calloc(1, nf->globals_size + 1);
  c.builders = calloc(n_workers, sizeof *c.builders);
  if (c.instance == NULL || c.pristine == NULL || c.builders == NULL)
    status = fail(&c, -ENOMEM, "%s: out of memory", nf->name);
  else {
    maestro_know_keys(nf);
    status = configure_and_init(&c, argc, argv);
    maestro_know_keys(NULL);
  }
  if (status == 0) {
    load(nf, c.pristine);
    *instance = c.instance;
  } else {
    maestro_destroy(c.instance);
  }
  free(c.builders);
  free(c.pristine);
  return status;
}

void maestro_destroy(struct maestro_instance *instance) {
  if (instance == NULL) return;
  maestro_detach(instance);
  for (unsigned i = 0; i < instance->n_workers; i++) {
    maestro_arena_destroy(&instance->workers[i].arena);
    free(instance->workers[i].globals);
  }
  free(instance->workers);
  free(instance->lock);
  free(instance);
}

struct maestro_sharing_counts maestro_sharing_counts(const struct maestro_instance *instance, unsigned worker) {
  return instance->lock != NULL ? instance->lock->turns[worker].counts : (struct maestro_sharing_counts){0};
}

bool maestro_uses_transactions(const struct maestro_instance *instance) {
  return instance->lock != NULL && instance->lock->transactions;
}
