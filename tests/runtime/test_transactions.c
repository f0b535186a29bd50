/* Packets as transactions, on a processor that this file plays: it starts them, or says why it does not. */
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

enum { N_ANSWERS = 8 };
static unsigned answers[N_ANSWERS]; /* of the next attempts; then all start */
static unsigned n_answered, n_ended;
static bool supported, open_transaction;
static jmp_buf began;
static void (*at_begin)(bool aborted);

static unsigned begin(int aborted) {
  if (at_begin != NULL) at_begin(aborted != 0);
  const unsigned answer = aborted != 0 ? (unsigned)aborted : n_answered < N_ANSWERS ? answers[n_answered++] : ~0u;
  open_transaction = answer == ~0u;
  return answer;
}

static void end(void) {
  open_transaction = false;
  n_ended++;
}

#define TRANSACTIONAL
#define TRANSACTION_BEGIN() begin(setjmp(began))
#define TRANSACTION_END() end()
#define TRANSACTION_ABORT() longjmp(began, 0xFF000001)
#define TRANSACTIONS_SUPPORTED() supported
#include "transactions.c"

#include <rte_mbuf.h>

#include "check.h"

static struct maestro_lock *lock;
static unsigned n_runs;
static int64_t seen;
static bool was_open;

static void process(struct rte_mbuf **packets, uint16_t n, int64_t now, uint16_t *verdicts) {
  (void)packets;
  CHECK_EQ(n, 1);
  was_open = open_transaction;
  CHECK(was_open != atomic_load(&lock->writer)); /* a transaction, or the lock: never neither, never both */
  CHECK(!maestro_share.reader);
  seen = now;
  verdicts[0] = (uint16_t)(7 + n_runs++);
}

static uint16_t run(int64_t now, unsigned first, unsigned second, unsigned third, unsigned fourth) {
  struct rte_mbuf *packet = NULL;
  uint16_t verdict = 0;
  const unsigned script[] = {first, second, third, fourth};
  for (unsigned i = 0; i < N_ANSWERS; i++) answers[i] = i < 4 ? script[i] : STARTED;
  n_answered = n_runs = n_ended = 0;
  maestro_run_transactions(lock, process, &packet, 1, now, &verdict);
  CHECK_EQ(n_runs, 1);
  CHECK_EQ(verdict, 7);
  CHECK(!atomic_load(&lock->writer));
  return verdict;
}

static unsigned begun;

/* Another worker becomes the writer just before the transaction looks, and is done when it is tried again. */
static void writer_comes_and_goes(bool aborted) {
  begun += !aborted;
  atomic_store(&lock->writer, begun == 1 && !aborted);
}

static struct maestro_sharing_counts counts(void) { return lock->turns[0].counts; }

int main(void) {
  enum { RETRY = MAY_SUCCEED };
  supported = true;
  lock = maestro_lock_new(2, true);
  CHECK(lock != NULL && lock->transactions);
  n_answered = N_ANSWERS;

  run(50, STARTED, 0, 0, 0);
  CHECK(was_open && n_ended == 1 && counts().transactions == 1 && counts().aborts == 0);
  /* Aborted, then not. */
  run(60, RETRY, RETRY, STARTED, 0);
  CHECK(was_open && counts().transactions == 2 && counts().aborts == 2 && counts().write_locks == 0);
  /* Always, or for ever: under the lock. */
  run(70, RETRY, RETRY, RETRY, RETRY);
  CHECK(!was_open && counts().transactions == 2 && counts().write_locks == 1);
  run(80, 0, STARTED, STARTED, STARTED);
  CHECK(!was_open && n_answered == 1 && counts().write_locks == 2);
  /* A writer ends a transaction that it did not see. */
  at_begin = writer_comes_and_goes;
  run(90, STARTED, STARTED, STARTED, STARTED);
  CHECK(was_open && begun == 2 && counts().write_locks == 2);
  at_begin = NULL;
  /* Time does not go back, either way. */
  run(10, STARTED, 0, 0, 0);
  CHECK_EQ(seen, 90);
  run(20, 0, 0, 0, 0);
  CHECK(!was_open);
  CHECK_EQ(seen, 90);
  free(lock);

  /* No transactions: not there, all aborted by microcode, switched off. */
  supported = false;
  CHECK(!maestro_transactions_work());
  supported = true;
  n_answered = N_ANSWERS;
  CHECK(maestro_transactions_work());
  CHECK_EQ(setenv("MAESTRO_TM", "off", 1), 0);
  CHECK(!maestro_transactions_work());
  lock = maestro_lock_new(2, true);
  CHECK(lock != NULL && !lock->transactions);
  free(lock);
  return 0;
}
