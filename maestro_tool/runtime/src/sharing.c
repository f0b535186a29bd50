/* Bursts of workers that share state: readers that become writers, one packet at a time. */
#include "sharing.h"

#include <sched.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_pause.h>

#include "lib/verified/packet-io.h"

enum {
  FULL_BURST = 8,    /* packets; with less to do a worker has the time to run packets twice */
  WRITER_BURSTS = 15 /* from one look at how many packets write to the next */
};

_Thread_local struct maestro_share maestro_share;

void maestro_wait(unsigned *waited) {
  if (++*waited < 64)
    rte_pause();
  else
    sched_yield();
}

struct maestro_lock *maestro_lock_new(unsigned n_workers, bool transactions) {
  const size_t size = sizeof(struct maestro_lock) + n_workers * sizeof(struct maestro_turn);
  struct maestro_lock *lock = aligned_alloc(_Alignof(struct maestro_lock), size);
  if (lock == NULL) return NULL;
  memset(lock, 0, size);
  lock->n_workers = n_workers;
  lock->time = INT64_MIN;
  for (unsigned i = 0; i < n_workers; i++) lock->turns[i].time = INT64_MIN;
  atomic_init(&lock->clock, INT64_MIN);
  lock->transactions = transactions && maestro_transactions_work();
  return lock;
}

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

/* The cycle counters of a machine's cores agree, as DPDK's
 * timers assume.  Only uses at one and the same time are told apart by this. */
void maestro_number_uses(void) { maestro_share.use = RTE_MAX(maestro_share.use, rte_rdtsc()); }

static int64_t read_begin(struct maestro_lock *lock, int64_t now) {
  struct maestro_turn *turn = &lock->turns[maestro_share.worker];
  unsigned waited = 0;
  for (;;) {
    atomic_store_explicit(&turn->reading, true, memory_order_seq_cst);
    if (!atomic_load_explicit(&lock->writer, memory_order_seq_cst)) break;
    atomic_store_explicit(&turn->reading, false, memory_order_release);
    while (atomic_load_explicit(&lock->writer, memory_order_relaxed)) maestro_wait(&waited);
  }
  turn->time = later(later(turn->time, lock->time), now);
  maestro_number_uses();
  maestro_share.reader = true;
  return turn->time;
}

static void read_end(struct maestro_lock *lock) {
  maestro_share.reader = false;
  atomic_store_explicit(&lock->turns[maestro_share.worker].reading, false, memory_order_release);
}

int64_t maestro_write_begin(struct maestro_lock *lock, int64_t now) {
  struct maestro_turn *turn = &lock->turns[maestro_share.worker];
  unsigned waited = 0;
  while (atomic_exchange_explicit(&lock->writer, true, memory_order_seq_cst))
    while (atomic_load_explicit(&lock->writer, memory_order_relaxed)) maestro_wait(&waited);
  int64_t time = later(lock->time, now);
  for (unsigned i = 0; i < lock->n_workers; i++) {
    waited = 0;
    while (atomic_load_explicit(&lock->turns[i].reading, memory_order_seq_cst)) maestro_wait(&waited);
    time = later(time, lock->turns[i].time);
  }
  lock->time = turn->time = time;
  turn->counts.write_locks++;
  maestro_number_uses();
  return time;
}

void maestro_write_end(struct maestro_lock *lock) { atomic_store_explicit(&lock->writer, false, memory_order_release); }

void maestro_leave(void) { siglongjmp(maestro_share.leave, 1); }

int64_t maestro_give_way(void) {
  struct maestro_lock *lock = maestro_share.lock;
  read_end(lock);
  return read_begin(lock, INT64_MIN);
}

/* Never fails: a packet that is under way cannot be refused. */
static void *grown(void *array, unsigned *n, size_t size) {
  *n = *n == 0 ? 16 : 2 * *n;
  array = realloc(array, *n * size);
  if (array == NULL) abort();
  return array;
}

void maestro_more_undo(void) {
  maestro_share.undo = grown(maestro_share.undo, &maestro_share.max_undo, sizeof *maestro_share.undo);
}

static char *copy_memory(struct maestro_share *share, struct maestro_copy *copy) {
  const uint32_t room = (copy->size + 15) / 16 * 16;
  copy->allocated = room > MAESTRO_COPY_BYTES - share->copied;
  if (copy->allocated) {
    char *memory = malloc(copy->size);
    if (memory == NULL) abort();
    return memory;
  }
  share->copied += room;
  return share->bytes + share->copied - room;
}

void *maestro_copy_element(char *original, uint32_t size) {
  struct maestro_share *share = &maestro_share;
  for (unsigned i = 0; i < share->n_copies; i++)
    if (share->copies[i].original == original) return share->copies[i].copy;
  if (share->n_copies == share->max_copies)
    share->copies = grown(share->copies, &share->max_copies, sizeof *share->copies);
  struct maestro_copy *copy = &share->copies[share->n_copies++];
  *copy = (struct maestro_copy){.original = original, .size = size};
  copy->copy = copy_memory(share, copy);
  return memcpy(copy->copy, original, size);
}

static void forget_copies(void) {
  struct maestro_share *share = &maestro_share;
  while (share->n_copies > 0)
    if (share->copies[--share->n_copies].allocated) free(share->copies[share->n_copies].copy);
}

void maestro_compare_copies(void) {
  const struct maestro_share *share = &maestro_share;
  for (unsigned i = 0; i < share->n_copies; i++)
    if (memcmp(share->copies[i].copy, share->copies[i].original, share->copies[i].size) != 0) maestro_leave();
  forget_copies();
}

void maestro_share_detach(void) {
  free(maestro_share.undo);
  free(maestro_share.copies);
  maestro_share.undo = NULL;
  maestro_share.copies = NULL;
  maestro_share.max_undo = maestro_share.max_copies = 0;
}

/* What the packet did as a reader, in reverse. */
static void undo(struct rte_mbuf *packet) {
  struct maestro_share *share = &maestro_share;
  while (share->n_undo > 0) {
    const struct maestro_undo *last = &share->undo[--share->n_undo];
    *last->place = last->before;
  }
  forget_copies();
  memcpy(rte_pktmbuf_mtod(packet, void *), share->frame, share->saved);
  if (share->variables != NULL) share->load(share->variables);
}

static void run_as_writer(struct maestro_lock *lock, maestro_burst *process, struct rte_mbuf **packets, uint16_t n,
                          int64_t now, uint16_t *verdicts) {
  now = maestro_write_begin(lock, now);
  process(packets, n, now, verdicts);
  maestro_write_end(lock);
}

static void run_as_readers(struct maestro_lock *lock, maestro_burst *process, struct rte_mbuf **packets, uint16_t n,
                           int64_t now, uint16_t *verdicts) {
  volatile uint16_t next = 0; /* volatile: also right after siglongjmp */
  if (sigsetjmp(maestro_share.leave, 0) != 0) {
    const uint16_t at = (uint16_t)(maestro_cursor.burst - packets);
    undo(packets[at]);
    read_end(lock);
    lock->turns[maestro_share.worker].counts.restarts++;
    run_as_writer(lock, process, packets + at, 1, now, verdicts + at);
    next = at + 1;
    if (next == n) return;
  }
  process(packets + next, n - next, read_begin(lock, now), verdicts + next);
  read_end(lock);
}

/* Where most packets write, running them first as readers is in vain: then some bursts are the writer's as a whole. */
static void run_as_either(struct maestro_lock *lock, maestro_burst *process, struct rte_mbuf **packets, uint16_t n,
                          int64_t now, uint16_t *verdicts) {
  struct maestro_turn *turn = &lock->turns[maestro_share.worker];
  if (turn->writer_bursts > 0) {
    turn->writer_bursts--;
    run_as_writer(lock, process, packets, n, now, verdicts);
    return;
  }
  const uint64_t before = turn->counts.restarts;
  run_as_readers(lock, process, packets, n, now, verdicts);
  if (n >= FULL_BURST && turn->counts.restarts - before > n / 2) turn->writer_bursts = WRITER_BURSTS;
}

void maestro_run_burst(struct maestro_lock *lock, const struct maestro_nf *nf, struct rte_mbuf **packets, uint16_t n,
                       int64_t now, uint16_t *verdicts) {
  maestro_share.lock = lock;
  maestro_share.wanted = &lock->writer;
  maestro_share.save = nf->globals_save;
  maestro_share.load = nf->globals_load;
  if (n == 0) return;
  if (lock->transactions)
    maestro_run_transactions(lock, nf->process_burst, packets, n, now, verdicts);
  else if (nf->always_write)
    run_as_writer(lock, nf->process_burst, packets, n, now, verdicts);
  else
    run_as_either(lock, nf->process_burst, packets, n, now, verdicts);
}
