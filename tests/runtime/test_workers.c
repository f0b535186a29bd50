/* What becomes of packets: the port that the NF returned, copies of flooded ones, and those that a card does not take.
 * This file plays the cards, and the NF: a packet's verdict is in its bytes 14 and 15. */
#include "check.h"
#include "start_eal.h"
#include "program.h"

enum { PORTS = 4, FRAME = 60, PACKETS = 64 };

static struct {
  struct rte_mbuf *sent[512];
  unsigned n, room; /* room: packets that the card still takes */
} cards[PORTS];

atomic_bool program_stopped;
static bool nf_init(void) { return true; }
static void process_burst(struct rte_mbuf **packets, uint16_t n, int64_t now, uint16_t *verdicts) {
  (void)now;
  for (uint16_t i = 0; i < n; i++)
    memcpy(&verdicts[i], rte_pktmbuf_mtod_offset(packets[i], uint8_t *, 14), sizeof verdicts[i]);
}
static const struct maestro_nf NF = {.name = "echo",
                                     .nic = "soft",
                                     .strategy = "shared-nothing",
                                     .n_ports = PORTS,
                                     .init = nf_init,
                                     .process_burst = process_burst};

/* ----- what the program has elsewhere */
void program_error(const struct maestro_nf *nf, const char *format, ...) {
  (void)nf;
  fprintf(stderr, "%s\n", format);
}
void program_replay_run(struct program *program) { (void)program; }
int64_t program_replay_time(const struct program *program, const struct rte_mbuf *packet) {
  (void)program;
  (void)packet;
  return 0;
}

static uint16_t take(void *queue, struct rte_mbuf **packets, uint16_t n) {
  const uintptr_t port = (uintptr_t)queue;
  const uint16_t taken = (uint16_t)RTE_MIN(n, cards[port].room);
  cards[port].room -= taken;
  for (uint16_t i = 0; i < taken; i++) cards[port].sent[cards[port].n++] = packets[i];
  return taken;
}

static struct rte_mempool *pool;

static struct rte_mbuf *packet(uint16_t port, uint16_t verdict) {
  struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
  CHECK(mbuf != NULL);
  uint8_t *frame = (uint8_t *)rte_pktmbuf_append(mbuf, FRAME);
  memset(frame, 0, FRAME);
  memcpy(frame + 14, &verdict, sizeof verdict);
  mbuf->port = port;
  return mbuf;
}

static void reset(struct program *program, unsigned room) {
  for (unsigned i = 0; i < PORTS; i++) {
    for (unsigned k = 0; k < cards[i].n; k++) rte_pktmbuf_free(cards[i].sent[k]);
    cards[i].n = 0;
    cards[i].room = room;
  }
  CHECK_EQ(rte_mempool_avail_count(pool), PACKETS); /* nothing was lost, nothing freed twice */
  program->workers[0].counters = (struct counters){0};
}

static void handle(struct program *program, struct rte_mbuf **packets, uint16_t n) {
  program_worker_handle(&program->workers[0], packets, n);
}

int main(void) {
  start_eal();
  pool = rte_pktmbuf_pool_create("packets", PACKETS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  CHECK(pool != NULL);
  static void *queues[PORTS];
  for (uintptr_t i = 0; i < PORTS; i++) {
    queues[i] = (void *)i;
    rte_eth_fp_ops[i].tx_pkt_burst = take;
    rte_eth_fp_ops[i].txq.data = &queues[i];
    rte_eth_fp_ops[i].txq.clbk = (void **)(uintptr_t)&queues[0];
  }
  static struct options options = {.n_workers = 1};
  static struct program program = {.nf = &NF, .options = &options, .alone = true, .n_workers = 1};
  char error[256];
  CHECK_EQ(maestro_create(&NF, 1, 0, NULL, &program.instance, error, sizeof error), 0);
  CHECK(program_workers_init(&program));
  program_clock_start();

  /* Each on the port that the NF returned. */
  reset(&program, 32);
  struct rte_mbuf *packets[32];
  for (unsigned i = 0; i < 12; i++) packets[i] = packet(0, (uint16_t)(i % PORTS));
  handle(&program, packets, 12);
  for (unsigned port = 0; port < PORTS; port++) {
    CHECK_EQ(cards[port].n, 3);
    for (unsigned i = 0; i < 3; i++) CHECK(cards[port].sent[i] == packets[port + PORTS * i]);
  }
  CHECK_EQ(program.workers[0].counters.forwarded, 12);

  /* A port that does not exist, and drops. */
  reset(&program, 32);
  packets[0] = packet(0, PORTS);
  packets[1] = packet(0, MAESTRO_DROP);
  handle(&program, packets, 2);
  CHECK_EQ(program.workers[0].counters.dropped, 2);

  /* Flooding: all ports but the input one, each with a reference of its own. */
  reset(&program, 32);
  packets[0] = packet(2, MAESTRO_FLOOD);
  handle(&program, packets, 1);
  for (unsigned port = 0; port < PORTS; port++) CHECK_EQ(cards[port].n, port == 2 ? 0 : 1);
  CHECK_EQ(rte_mbuf_refcnt_read(packets[0]), PORTS - 1);
  CHECK_EQ(program.workers[0].counters.flooded, 1);

  /* A card that takes few: the others are freed, and only they. */
  reset(&program, 5);
  for (unsigned i = 0; i < 32; i++) packets[i] = packet(0, 1);
  handle(&program, packets, 32);
  CHECK_EQ(cards[1].n, 5);
  CHECK_EQ(program.workers[0].counters.unsent, 27);
  CHECK_EQ(rte_mempool_avail_count(pool), PACKETS - 5);
  struct rte_mbuf *freed[PACKETS - 5];
  CHECK_EQ(rte_pktmbuf_alloc_bulk(pool, freed, PACKETS - 5), 0);
  for (unsigned i = 0; i < (PACKETS - 5) * 5; i++) CHECK(freed[i / 5] != cards[1].sent[i % 5]);
  rte_pktmbuf_free_bulk(freed, PACKETS - 5);
  for (unsigned i = 0; i < 5; i++) {
    CHECK(cards[1].sent[i] == packets[i]);
    CHECK_EQ(rte_mbuf_refcnt_read(packets[i]), 1);
  }

  /* Flooded to ports of which one takes nothing: the others' copies live on. */
  reset(&program, 32);
  cards[3].room = 0;
  packets[0] = packet(0, MAESTRO_FLOOD);
  handle(&program, packets, 1);
  CHECK_EQ(cards[1].n + cards[2].n, 2);
  CHECK_EQ(program.workers[0].counters.unsent, 1);
  CHECK_EQ(rte_mbuf_refcnt_read(packets[0]), 2);
  reset(&program, 32);
  return 0;
}
