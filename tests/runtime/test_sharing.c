/* State that workers share: runs that completed count, what readers did is undone, uses on all workers keep an entry.
 */
#include <pthread.h>

#include <rte_mbuf.h>

#include "check.h"
#include "shared_nf.h"

/* Packets need no EAL: one buffer each. */
struct packet {
  struct rte_mbuf mbuf;
  uint8_t frame[SHARED_FRAME];
};

static struct maestro_instance *create(const struct maestro_nf *nf, unsigned n_workers) {
  static char error[256];
  char *argv[] = {NULL};
  struct maestro_instance *instance;
  if (maestro_create(nf, n_workers, 0, argv, &instance, error, sizeof error) != 0) fprintf(stderr, "%s\n", error);
  CHECK(error[0] == '\0');
  return instance;
}

static void fill(struct packet *packet, const uint8_t *steps, size_t n) {
  memset(packet, 0, sizeof *packet);
  packet->mbuf.buf_addr = packet->frame;
  packet->mbuf.data_len = SHARED_FRAME;
  packet->mbuf.pkt_len = SHARED_FRAME;
  memcpy(packet->frame + SHARED_STEPS, steps, n);
}

/* The verdict of one packet; *frame: its bytes afterwards. */
static uint16_t run_steps(struct maestro_instance *instance, unsigned worker, int64_t now, const uint8_t *steps,
                          size_t n, uint8_t *frame) {
  struct packet packet;
  struct rte_mbuf *mbuf = &packet.mbuf;
  uint16_t verdict = 0x1234;
  fill(&packet, steps, n);
  shared_runs = 0;
  CHECK_EQ(maestro_process_burst(instance, worker, &mbuf, 1, now, &verdict), 0);
  if (frame != NULL) memcpy(frame, packet.frame, SHARED_FRAME);
  return verdict;
}
#define RUN_ON(worker, now, ...) \
  run_steps(instance, worker, now, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), NULL)

static uint64_t write_locks(const struct maestro_instance *instance) {
  return maestro_sharing_counts(instance, 0).write_locks + maestro_sharing_counts(instance, 1).write_locks;
}

static void the_completed_run_counts(void) {
  struct maestro_instance *instance = create(&shared_nf, 2);
  /* The run that noticed the change only at its end, and one that stopped in the middle. */
  RUN_ON(0, 0, LEARN, 1);
  CHECK_EQ(RUN_ON(1, 0, ADD, 1, RUN), 22);
  CHECK_EQ(RUN_ON(1, 0, RUN, LEARN, 2), 22);
  CHECK_EQ(RUN_ON(0, 0, READ, 1), 11);
  CHECK_EQ(RUN_ON(0, 0, ADD, 1, ADD, 1, READ, 1), 13);
  CHECK_EQ(RUN_ON(1, 0, READ, 2), 10);
  maestro_destroy(instance);
}

static void a_burst_goes_on_after_a_writer(void) {
  struct maestro_instance *instance = create(&shared_nf, 2);
  enum { N = 32 };
  static struct packet packets[N];
  struct rte_mbuf *mbufs[N];
  uint16_t verdicts[N];
  for (unsigned i = 0; i < N; i++) {
    const uint8_t steps[] = {LEARN, (uint8_t)(i % 8), ADD, (uint8_t)(i % 8), READ, (uint8_t)(i % 8)};
    fill(&packets[i], steps, sizeof steps);
    mbufs[i] = &packets[i].mbuf;
  }
  CHECK_EQ(maestro_process_burst(instance, 1, mbufs, N, 0, verdicts), 0);
  for (unsigned i = 0; i < N; i++) CHECK_EQ(verdicts[i], 11 + i / 8);
  CHECK_EQ(maestro_sharing_counts(instance, 1).write_locks, N);
  CHECK_EQ(maestro_sharing_counts(instance, 1).restarts, N);
  maestro_destroy(instance);
}

/* Packets that read entry 1, all of them; `adding`: and change it. */
static struct maestro_sharing_counts run_bursts(struct maestro_instance *instance, unsigned n, bool adding) {
  enum { N = 16 };
  struct packet packets[N];
  struct rte_mbuf *mbufs[N];
  uint16_t verdicts[N];
  const struct maestro_sharing_counts before = maestro_sharing_counts(instance, 0);
  for (unsigned burst = 0; burst < n; burst++) {
    for (unsigned i = 0; i < N; i++) {
      const uint8_t steps[] = {READ, 1, adding ? ADD : READ, 1};
      fill(&packets[i], steps, sizeof steps);
      mbufs[i] = &packets[i].mbuf;
    }
    CHECK_EQ(maestro_process_burst(instance, 0, mbufs, N, 0, verdicts), 0);
  }
  struct maestro_sharing_counts counts = maestro_sharing_counts(instance, 0);
  counts.restarts -= before.restarts;
  counts.write_locks -= before.write_locks;
  return counts;
}

static void writers_are_not_run_twice_for_long(void) {
  struct maestro_instance *instance = create(&shared_nf, 2);
  RUN_ON(0, 0, LEARN, 1);
  struct maestro_sharing_counts counts = run_bursts(instance, 160, true);
  CHECK_EQ(counts.restarts, 160); /* one of 16 bursts is tried as readers */
  CHECK_EQ(counts.write_locks, 160 + 150);
  /* Nor are readers writers for long. */
  counts = run_bursts(instance, 160, false);
  CHECK_EQ(counts.restarts, 0);
  CHECK(counts.write_locks <= 15);
  CHECK_EQ(RUN_ON(1, 0, READ, 1), 10 + 160 * 16);
  maestro_destroy(instance);
}

static void what_a_reader_did_is_undone(void) {
  struct maestro_instance *instance = create(&shared_nf, 2);
  uint8_t frame[SHARED_FRAME];
  const uint8_t steps[] = {COUNT, SCRIBBLE, LEARN, 1};
  run_steps(instance, 0, 0, steps, sizeof steps, frame);
  CHECK_EQ(shared_runs, 2);
  CHECK_EQ(frame[60], 1);
  CHECK_EQ(shared_counter(), 1);
  /* A use that only the first run made is no use. */
  RUN_ON(0, 90000, ONCE_TOUCH, 1, LEARN, 2);
  CHECK_EQ(RUN_ON(1, 150000, EXPIRE, READ, 1), 9);
  CHECK_EQ(RUN_ON(1, 150000, READ, 2), 10);
  maestro_destroy(instance);
}

static void uses_on_all_workers_keep_an_entry(void) {
  struct maestro_instance *instance = create(&shared_nf, 3);
  RUN_ON(0, 0, LEARN, 1);
  RUN_ON(0, 0, LEARN, 2);
  const uint64_t before = write_locks(instance);
  RUN_ON(2, 60000, TOUCH, 1);
  RUN_ON(1, 80000, TOUCH, 1);
  RUN_ON(2, 90000, TOUCH, 2);
  CHECK_EQ(write_locks(instance), before); /* no write */
  CHECK_EQ(RUN_ON(0, 180000, EXPIRE, READ, 1), 10);
  CHECK_EQ(RUN_ON(0, 180001, EXPIRE, READ, 1), 9);
  CHECK_EQ(RUN_ON(0, 180001, READ, 2), 10);
  CHECK_EQ(RUN_ON(1, 190000, EXPIRE, READ, 2), 10);
  CHECK_EQ(RUN_ON(1, 190001, EXPIRE, READ, 2), 9);
  maestro_destroy(instance);
}

/* Readers at different times: the first to act need not be the oldest. */
static void the_oldest_expires(void) {
  struct maestro_instance *instance = create(&shared_nf, 2);
  RUN_ON(0, 0, LEARN, 1, LEARN, 2);
  RUN_ON(1, 9000, TOUCH, 1);
  RUN_ON(0, 8000, TOUCH, 2);
  CHECK_EQ(RUN_ON(0, 108500, EXPIRE, READ, 2), 9);
  CHECK_EQ(RUN_ON(0, 108500, READ, 1), 10);
  maestro_destroy(instance);
}

static void only_changes_take_the_lock(void) {
  struct maestro_instance *instance = create(&shared_nf, 2);
  RUN_ON(0, 0, LEARN, 1);
  CHECK_EQ(write_locks(instance), 1);
  for (unsigned i = 0; i < 100; i++) {
    RUN_ON(i % 2, 10, EXPIRE, READ, 1, TOUCH, 1, LEARN, 1, REWRITE, 1, OWN, (uint8_t)i, COUNT);
    CHECK_EQ(shared_runs, 1);
  }
  CHECK_EQ(write_locks(instance), 1);
  maestro_destroy(instance);
  instance = create(&shared_nf, 1);
  RUN_ON(0, 0, LEARN, 1, ADD, 1);
  CHECK_EQ(maestro_sharing_counts(instance, 0).write_locks, 0);
  CHECK_EQ(RUN_ON(0, 0, READ, 1), 11);
  maestro_destroy(instance);
}

static void time_does_not_go_back(void) {
  struct maestro_instance *instance = create(&shared_nf, 2);
  RUN_ON(0, 7000, LEARN, 1);
  CHECK_EQ(RUN_ON(1, 5000, TIME), 107);
  CHECK_EQ(RUN_ON(0, 9000, TIME), 109);
  CHECK_EQ(RUN_ON(1, 8000, TIME), 108);
  CHECK_EQ(RUN_ON(1, 8000, TIME, LEARN, 2), 109); /* a writer meets what readers left */
  maestro_destroy(instance);
}

/* Whatever the workers, the verdicts are those of one. */
static void as_one_worker(const struct maestro_nf *nf) {
  for (uint64_t seed = 1; seed <= 40; seed++) {
    uint64_t random = seed;
    const unsigned n_workers = 2 + below(&random, 7);
    struct maestro_instance *many = create(nf, n_workers), *one = create(nf, 1);
    int64_t now = 0;
    for (unsigned i = 0; i < 3000; i++) {
      uint8_t steps[20] = {EXPIRE};
      unsigned n = 1;
      for (unsigned k = below(&random, 4); k-- > 0;) {
        static const uint8_t ANY[] = {LEARN, TOUCH, TOUCH, ADD, REWRITE};
        steps[n++] = ANY[below(&random, sizeof ANY)];
        steps[n++] = (uint8_t)below(&random, 24);
      }
      steps[n++] = READ;
      steps[n++] = (uint8_t)below(&random, 24);
      if (below(&random, 3) == 0) now += below(&random, 30000); /* often the same time again */
      const uint16_t expected = run_steps(one, 0, now, steps, n, NULL);
      CHECK_EQ(run_steps(many, below(&random, n_workers), now, steps, n, NULL), expected);
    }
    maestro_destroy(many);
    maestro_destroy(one);
  }
}

enum { THREADS = 3, ROUNDS = 400, BURST = 16 };

struct thread {
  pthread_t thread;
  struct maestro_instance *instance;
  unsigned worker;
};

static void *many_packets(void *context) {
  const struct thread *self = context;
  struct packet packets[BURST];
  struct rte_mbuf *mbufs[BURST];
  uint16_t verdicts[BURST];
  uint64_t random = self->worker + 1;
  for (unsigned round = 0; round < ROUNDS; round++) {
    for (unsigned i = 0; i < BURST; i++) {
      const uint8_t other = (uint8_t)(1 + below(&random, 20));
      const uint8_t steps[] = {EXPIRE, TOUCH, 0, ADD, 0, TOUCH, other, i % 8 == 0 ? LEARN : READ, other, READ, other};
      const uint8_t quiet[] = {EXPIRE, TOUCH, 0, TOUCH, other, READ, other};
      if (i % 4 == 0)
        fill(&packets[i], steps, sizeof steps);
      else
        fill(&packets[i], quiet, sizeof quiet);
      mbufs[i] = &packets[i].mbuf;
    }
    CHECK_EQ(maestro_process_burst(self->instance, self->worker, mbufs, BURST, round * 2000, verdicts), 0);
    for (unsigned i = 0; i < BURST; i++) CHECK(verdicts[i] == 9 || verdicts[i] >= 10);
  }
  maestro_detach(self->instance);
  return NULL;
}

/* No addition is lost: entry 0 is always in use, and all add to it. */
static void at_the_same_time(void) {
  struct maestro_instance *instance = create(&shared_nf, THREADS);
  struct thread threads[THREADS];
  RUN_ON(0, 0, LEARN, 0);
  maestro_detach(instance);
  for (unsigned i = 0; i < THREADS; i++) {
    threads[i] = (struct thread){.instance = instance, .worker = i};
    CHECK_EQ(pthread_create(&threads[i].thread, NULL, many_packets, &threads[i]), 0);
  }
  for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i].thread, NULL);
  CHECK_EQ(RUN_ON(0, 0, READ, 0), 10 + THREADS * ROUNDS * BURST / 4);
  maestro_destroy(instance);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "threads") == 0) {
    at_the_same_time();
    return 0;
  }
  the_completed_run_counts();
  a_burst_goes_on_after_a_writer();
  writers_are_not_run_twice_for_long();
  what_a_reader_did_is_undone();
  uses_on_all_workers_keep_an_entry();
  the_oldest_expires();
  only_changes_take_the_lock();
  time_does_not_go_back();
  as_one_worker(&shared_nf);
  struct maestro_object objects[6];
  memcpy(objects, shared_nf.objects, sizeof objects);
  objects[3].ages_per_worker = false; /* uses are writes then */
  struct maestro_nf nf = shared_nf;
  nf.objects = objects;
  as_one_worker(&nf);
  nf.objects = shared_nf.objects;
  nf.always_write = true;
  as_one_worker(&nf);
  at_the_same_time();
  return 0;
}
