/* How workers take turns at the state that they share: the lock, and bursts under it.
 *
 * The lock is a distributed reader-writer lock.  A reader touches only its own worker's cache line, once per burst, and
 * reads one that changes when there is a writer.  A writer asks all workers, which is what makes it dear.
 *
 * Why it excludes: a reader stores `reading` and then loads `writer`; a writer sets `writer` and then loads `reading`.
 * All four are sequentially consistent, so in their one order either the reader's store comes before the writer's load,
 * which then waits, or the writer's comes before the reader's load, which then backs off.  Why what one wrote is seen
 * by the next: `reading` and `writer` are cleared with release, and who goes on because they are clear has loaded them
 * with acquire (as every sequentially consistent load is).
 *
 * Time: packets of one worker may come with an earlier time than what another's left behind.  So that no packet meets
 * state of its future, the time of a burst is raised to the last writer's, and a writer's to the latest of all bursts
 * before it: packets could have come one after the other in this order, with these times.
 */
#ifndef MAESTRO_SHARING_SRC_H
#define MAESTRO_SHARING_SRC_H

#include "maestro.h"
#include "maestro_sharing.h"

/* A worker's own line. */
struct maestro_turn {
  _Alignas(64) atomic_bool reading;
  int64_t time;           /* of its latest packet */
  unsigned writer_bursts; /* that are not tried as readers, because hardly any packet stayed one */
  struct maestro_sharing_counts counts;
};

struct maestro_lock {
  _Alignas(64) atomic_bool writer;
  int64_t time;                       /* of the latest writer */
  _Alignas(64) _Atomic int64_t clock; /* transactions: no packet before has a later time */
  unsigned n_workers;
  bool transactions;
  struct maestro_turn turns[];
};

typedef void maestro_burst(struct rte_mbuf **packets, uint16_t n, int64_t now, uint16_t *verdicts);

/* NULL without memory.  `transactions`: to be tried, if this CPU has them. */
struct maestro_lock *maestro_lock_new(unsigned n_workers, bool transactions);

/* A burst of worker maestro_share.worker. */
void maestro_run_burst(struct maestro_lock *lock, const struct maestro_nf *nf, struct rte_mbuf **packets, uint16_t n,
                       int64_t now, uint16_t *verdicts);

/* Waits for its turn as the writer; returns the time, not before `now`. */
int64_t maestro_write_begin(struct maestro_lock *lock, int64_t now);
void maestro_write_end(struct maestro_lock *lock);

/* Uses of indices by this thread from now on are younger than all before. */
void maestro_number_uses(void);

/* A little longer each time: workers that wait leave the CPU to the one that they wait for. */
void maestro_wait(unsigned *waited);

/* Gives back what the calling thread needed for bursts. */
void maestro_share_detach(void);

/* transactions.c */
bool maestro_transactions_work(void);
void maestro_run_transactions(struct maestro_lock *lock, maestro_burst *process, struct rte_mbuf **packets, uint16_t n,
                              int64_t now, uint16_t *verdicts);

#endif
