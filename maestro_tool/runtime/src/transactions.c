/* Packets as hardware transactions (Intel SDM volume 1, chapter 16, RTM): what one packet does becomes visible at once,
 * or not at all.  Each reads the lock's word, so that a writer, who excludes them, makes them abort.
 *
 * Time: the clock is not earlier than any burst that has begun, and is read within the transaction.  So it does not go
 * back from one transaction to the next; it moves once per burst, not with each packet, which would make all conflict.
 */
#include "sharing.h"

#include <stdlib.h>

/* Tests put a processor of their own in the place of the real one. */
#ifndef TRANSACTION_BEGIN
#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#define TRANSACTIONAL __attribute__((target("rtm")))
#define TRANSACTION_BEGIN() _xbegin()
#define TRANSACTION_END() _xend()
#define TRANSACTION_ABORT() _xabort(LOCKED)
#define TRANSACTIONS_SUPPORTED() cpu_has_rtm()

/* Asked of the processor itself: clang's __builtin_cpu_supports does not know "rtm". */
static bool cpu_has_rtm(void) {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & bit_RTM) != 0;
}

#else
#define TRANSACTIONAL
#define TRANSACTION_BEGIN() 0u
#define TRANSACTION_END() ((void)0)
#define TRANSACTION_ABORT() ((void)0)
#define TRANSACTIONS_SUPPORTED() false
#endif
#endif

/* Status of an abort: EAX, SDM table 16-1. */
#define STARTED (~0u)
#define EXPLICIT 1u
#define MAY_SUCCEED 2u
#define LOCKED 0xFF /* our code of an explicit abort */

enum { ATTEMPTS = 4, TRIALS = 100 };

/* Microcode may let the CPU say that it has transactions, and abort them all. */
TRANSACTIONAL static bool any_commits(void) {
  for (unsigned i = 0; i < TRIALS; i++) {
    if (TRANSACTION_BEGIN() != STARTED) continue;
    TRANSACTION_END();
    return true;
  }
  return false;
}

bool maestro_transactions_work(void) {
  const char *wanted = getenv("MAESTRO_TM");
  if (wanted != NULL && strcmp(wanted, "off") == 0) return false;
  return TRANSACTIONS_SUPPORTED() && any_commits();
}

static void publish(struct maestro_lock *lock, int64_t now) {
  int64_t clock = atomic_load_explicit(&lock->clock, memory_order_relaxed);
  while (clock < now &&
         !atomic_compare_exchange_weak_explicit(&lock->clock, &clock, now, memory_order_relaxed, memory_order_relaxed))
    ;
}

/* False if it has to be done under the lock. */
TRANSACTIONAL static bool run_one(struct maestro_lock *lock, maestro_burst *process, struct rte_mbuf **packet,
                                  uint16_t *verdict) {
  struct maestro_sharing_counts *counts = &lock->turns[maestro_share.worker].counts;
  for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
    unsigned waited = 0;
    while (atomic_load_explicit(&lock->writer, memory_order_relaxed)) maestro_wait(&waited);
    const unsigned status = TRANSACTION_BEGIN();
    if (status == STARTED) {
      if (atomic_load_explicit(&lock->writer, memory_order_relaxed)) TRANSACTION_ABORT();
      process(packet, 1, atomic_load_explicit(&lock->clock, memory_order_relaxed), verdict);
      TRANSACTION_END();
      counts->transactions++;
      return true;
    }
    counts->aborts++;
    if ((status & (MAY_SUCCEED | EXPLICIT)) == 0) return false; /* too large, or an instruction that always aborts */
  }
  return false;
}

void maestro_run_transactions(struct maestro_lock *lock, maestro_burst *process, struct rte_mbuf **packets, uint16_t n,
                              int64_t now, uint16_t *verdicts) {
  publish(lock, now);
  maestro_number_uses();
  for (uint16_t i = 0; i < n; i++) {
    if (run_one(lock, process, packets + i, verdicts + i)) continue;
    maestro_write_begin(lock, now);
    process(packets + i, 1, atomic_load_explicit(&lock->clock, memory_order_relaxed), verdicts + i);
    maestro_write_end(lock);
  }
}
