/* The packet path: workers, the dispatcher that feeds them where ports have no RSS, transmission. */
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_pause.h>

#include "maestro_noted.h"
#include "program.h"

enum { LINKS_PER_SECOND = 10 };

/* Short waits cost nothing but cycles; then the CPU goes to whoever shares it; then it rests: Linux wakes it up to 50 us
 * later than asked for, so a packet may wait for 100 us, and for twice that where two threads pass it on. */
void program_idle(const struct program *program, unsigned *idle) {
  static const struct timespec REST = {.tv_nsec = 50000};
  ++*idle;
  if (*idle < 64)
    rte_pause();
  else if (*idle < 256 || program->options->poll)
    sched_yield();
  else
    nanosleep(&REST, NULL);
}

/* What the port does not take is freed. */
static void send_burst(struct worker *worker, uint16_t id, struct rte_mbuf **packets, uint16_t n) {
  struct port *port = &worker->program->ports[id];
  const uint16_t queue = worker->outputs[id].queue;
  /* In a replay a port that is slow is waited for, but not for ever. */
  unsigned patience = worker->program->options->replay ? 20000 : 0;
  unsigned idle = 0;
  uint16_t sent = 0;
  while (sent < n) {
    if (port->tx_shared) rte_spinlock_lock(&port->tx_lock);
    const uint16_t taken = rte_eth_tx_burst(id, queue, packets + sent, n - sent);
    if (port->tx_shared) rte_spinlock_unlock(&port->tx_lock);
    sent += taken;
    if (taken > 0) continue;
    if (patience-- == 0) break;
    program_idle(worker->program, &idle);
  }
  if (unlikely(sent < n)) {
    worker->counters.unsent += n - sent;
    rte_pktmbuf_free_bulk(packets + sent, n - sent);
  }
}

static void flush(struct worker *worker, uint16_t id) {
  struct output *output = &worker->outputs[id];
  send_burst(worker, id, output->packets, output->n);
  output->n = 0;
}

static void transmit(struct worker *worker, uint16_t id, struct rte_mbuf *packet) {
  struct output *output = &worker->outputs[id];
  output->packets[output->n++] = packet;
  if (output->n == BURST) flush(worker, id);
}

static void flood(struct worker *worker, struct rte_mbuf *packet) {
  const uint16_t n_ports = worker->program->nf->n_ports, input = packet->port;
  if (n_ports < 2) {
    rte_pktmbuf_free(packet);
    return;
  }
  /* One reference per output port; every segment has its own count. */
  for (struct rte_mbuf *segment = packet; segment != NULL; segment = segment->next)
    rte_mbuf_refcnt_update(segment, (int16_t)(n_ports - 2));
  for (uint16_t id = 0; id < n_ports; id++)
    if (id != input) transmit(worker, id, packet);
}

static bool all_equal(const uint16_t *verdicts, uint16_t n) {
  uint16_t others = 0;
  for (uint16_t i = 1; i < n; i++) others |= verdicts[i] ^ verdicts[0];
  return others == 0;
}

static void deliver(struct worker *worker, struct rte_mbuf **packets, uint16_t n, const uint16_t *verdicts) {
  struct counters *counters = &worker->counters;
  const uint16_t n_ports = worker->program->nf->n_ports;
  struct rte_mbuf *dropped[BURST];
  uint16_t n_dropped = 0;
  for (uint16_t i = 0; i < n; i++) {
    if (verdicts[i] < n_ports) {
      counters->forwarded++;
      transmit(worker, verdicts[i], packets[i]);
    } else if (verdicts[i] == MAESTRO_FLOOD) {
      counters->flooded++;
      flood(worker, packets[i]);
    } else {
      dropped[n_dropped++] = packets[i];
    }
  }
  counters->dropped += n_dropped;
  rte_pktmbuf_free_bulk(dropped, n_dropped);
}

static void process(struct worker *worker, struct rte_mbuf **packets, uint16_t n, int64_t now) {
  uint16_t verdicts[BURST];
  if (maestro_process_burst(worker->program->instance, worker->number, packets, n, now, verdicts) != 0) abort();
  worker->counters.processed += n;
  /* Mostly all go the same way; what is not in an output need not be put there. */
  if (verdicts[0] < worker->program->nf->n_ports && worker->outputs[verdicts[0]].n == 0 && all_equal(verdicts, n)) {
    worker->counters.forwarded += n;
    send_burst(worker, verdicts[0], packets, n);
  } else {
    deliver(worker, packets, n, verdicts);
  }
}

/* They are contiguous. */
static void handle(struct worker *worker, struct rte_mbuf **packets, uint16_t n) {
  const struct program *program = worker->program;
  if (n == 0) return;
  if (!program->options->replay) {
    process(worker, packets, n, program_clock_now());
  } else {
    for (uint16_t start = 0, end; start < n; start = end) {
      const int64_t now = program_replay_time(program, packets[start]);
      for (end = start + 1; end < n && program_replay_time(program, packets[end]) == now;) end++;
      process(worker, packets + start, end - start, now);
    }
  }
  for (uint16_t id = 0; id < program->nf->n_ports; id++)
    if (worker->outputs[id].n > 0) flush(worker, id);
}

void program_worker_handle(struct worker *worker, struct rte_mbuf **packets, uint16_t n) {
  handle(worker, packets, placement_keep_contiguous(worker, packets, n));
}

uint16_t program_steer(const struct port *port, const struct rte_mbuf *packet) {
  const uint8_t *frame = rte_pktmbuf_mtod(packet, const uint8_t *);
  return port->table[maestro_steering_index(&port->steering, frame, rte_pktmbuf_data_len(packet))];
}

unsigned program_ring_put(struct program *program, unsigned owner, struct rte_mbuf **packets, unsigned n, bool wait) {
  struct rte_ring *ring = program->workers[owner].ring;
  unsigned done = rte_ring_enqueue_burst(ring, (void **)packets, n, NULL);
  const atomic_bool *ended = program->options->replay ? &program->failed : &program_stopped;
  for (unsigned idle = 0; wait && done < n && !atomic_load_explicit(ended, memory_order_relaxed);) {
    program_idle(program, &idle);
    done += rte_ring_enqueue_burst(ring, (void **)packets + done, n - done, NULL);
  }
  rte_pktmbuf_free_bulk(packets + done, n - done);
  return n - done;
}

/* Packets on their way from one port to one worker. */
struct deal {
  struct rte_mbuf *packets[BURST];
  uint16_t n;
};

/* Gives all that waits in a port to its owners; returns how many packets that were.  A port that holds what is not
 * received waits for workers that have no room; from others the rest of the workers would lose more than is saved. */
static uint16_t dispatch_port(struct program *program, uint16_t id, struct deal *deals) {
  struct rte_mbuf *received[BURST];
  const struct port *port = &program->ports[id];
  const uint16_t n = rte_eth_rx_burst(id, 0, received, BURST);
  if (n == 0) return 0;
  for (uint16_t i = 0; i < n; i++) rte_prefetch0(rte_pktmbuf_mtod(received[i], void *));
  for (uint16_t i = 0; i < n; i++) {
    struct deal *deal = &deals[program_steer(port, received[i])];
    deal->packets[deal->n++] = received[i];
  }
  for (unsigned owner = 0; owner < program->n_workers; owner++) {
    struct deal *deal = &deals[owner];
    if (deal->n > 0) program->unsteered += program_ring_put(program, owner, deal->packets, deal->n, port->holds);
    deal->n = 0;
  }
  return n;
}

/* Until the program is stopped. */
static void dispatch_ports(struct program *program) {
  struct deal *deals = calloc(program->n_workers, sizeof *deals);
  if (deals == NULL) abort();
  unsigned idle = 0;
  while (!atomic_load_explicit(&program_stopped, memory_order_relaxed)) {
    unsigned n = 0;
    for (uint16_t id = 0; id < program->nf->n_ports; id++) n += dispatch_port(program, id, deals);
    if (n == 0)
      program_idle(program, &idle);
    else
      idle = 0;
  }
  free(deals);
}

void program_dispatcher_run(struct program *program) {
  if (program->options->replay)
    program_replay_run(program);
  else
    dispatch_ports(program);
  atomic_store_explicit(&program->input_ended, true, memory_order_release);
}

static uint16_t from_ring(struct worker *worker) {
  struct rte_mbuf *packets[BURST];
  const uint16_t n = (uint16_t)rte_ring_dequeue_burst(worker->ring, (void **)packets, BURST, NULL);
  if (n > 0) program_worker_handle(worker, packets, n);
  return n;
}

static void run_dispatched(struct worker *worker) {
  for (;;) {
    const bool ended = atomic_load_explicit(&worker->program->input_ended, memory_order_acquire);
    const uint16_t n = from_ring(worker);
    worker->counters.rx += n;
    atomic_fetch_add_explicit(&worker->done, n, memory_order_release);
    if (n > 0)
      worker->idle = 0;
    else if (ended)
      return;
    else
      program_idle(worker->program, &worker->idle);
  }
}

/* Cards may lose key and table with the link.  Asked, not told: few drivers can interrupt under every kernel module. */
static void watch_links(struct program *program, uint64_t *next) {
  const uint64_t now = rte_get_timer_cycles();
  if (now < *next) return;
  *next = now + rte_get_timer_hz() / LINKS_PER_SECOND;
  for (uint16_t id = 0; id < program->nf->n_ports; id++) {
    struct port *port = &program->ports[id];
    struct rte_eth_link link;
    if (rte_eth_link_get_nowait(id, &link) != 0) continue;
    const bool up = link.link_status == RTE_ETH_LINK_UP;
    if (up && !port->link_is_up) atomic_fetch_add_explicit(&port->link_ups, 1, memory_order_relaxed);
    port->link_is_up = up;
  }
}

/* Returns how many packets it received. */
static uint16_t poll_queue(struct worker *worker, uint16_t id, uint16_t queue) {
  struct rte_mbuf *packets[BURST];
  const uint16_t received = rte_eth_rx_burst(id, queue, packets, BURST);
  if (received == 0) return 0;
  worker->counters.rx += received;
  handle(worker, packets, placement_sort(worker, id, packets, received));
  return received;
}

/* Polls the worker's own queue of each port; with hardware RSS also the ring.  A port with fewer queues leaves some
 * workers without, who get packets from others; what is more than workers is in no table, but somebody looks at it. */
static void run_polling(struct worker *worker) {
  struct program *program = worker->program;
  uint64_t next_watch = 0;
  unsigned rounds = 0;
  while (!atomic_load_explicit(&program_stopped, memory_order_relaxed)) {
    uint16_t total = 0;
    if (worker->number == 0 && rounds++ % 256 == 0) watch_links(program, &next_watch);
    for (uint16_t id = 0; id < program->nf->n_ports; id++) {
      for (unsigned queue = worker->number; queue < program->ports[id].n_rx_queues; queue += program->n_workers)
        total += poll_queue(worker, id, (uint16_t)queue);
    }
    if (worker->ring != NULL) total += from_ring(worker);
    if (total > 0)
      worker->idle = 0;
    else
      program_idle(program, &worker->idle);
  }
  while (worker->ring != NULL && from_ring(worker) > 0) continue; /* what others gave before they stopped */
}

int program_worker_run(void *context) {
  struct worker *worker = context;
  struct program *program = worker->program;
  if (program->dispatched)
    run_dispatched(worker);
  else if (program->options->replay)
    program_replay_run(program);
  else
    run_polling(worker);
  maestro_detach(program->instance);
  worker->counters.full = maestro_noted.full;
  worker->counters.counted = maestro_noted.counted;
  worker->counters.sharing = maestro_sharing_counts(program->instance, worker->number);
  return 0;
}

/* With one worker every packet is where it belongs, as where any worker will do. */
static bool init_placement(const struct program *program, struct worker *worker, uint16_t id) {
  const struct maestro_port *plan = program->ports[id].plan;
  if (program->dispatched || program->n_workers < 2 || plan == NULL) return true;
  if (plan->n_card_classes == 0 && plan->software_classes == 0) return true;
  worker->placements[id] = rte_zmalloc(NULL, placement_size(), RTE_CACHE_LINE_SIZE);
  if (worker->placements[id] == NULL) return false;
  placement_init(worker->placements[id], plan);
  return true;
}

bool program_workers_init(struct program *program) {
  const struct maestro_nf *nf = program->nf;
  program->workers = rte_zmalloc(NULL, program->n_workers * sizeof *program->workers, RTE_CACHE_LINE_SIZE);
  if (program->workers == NULL) return false;
  /* The dispatcher is the only producer; with hardware RSS every worker may be one. */
  const unsigned flags = RING_F_SC_DEQ | (program->dispatched ? RING_F_SP_ENQ : 0);
  for (unsigned i = 0; i < program->n_workers; i++) {
    struct worker *worker = &program->workers[i];
    worker->number = i;
    worker->program = program;
    worker->outputs = rte_zmalloc(NULL, nf->n_ports * sizeof *worker->outputs, RTE_CACHE_LINE_SIZE);
    worker->placements = rte_zmalloc(NULL, nf->n_ports * sizeof *worker->placements, 0);
    if (worker->outputs == NULL || worker->placements == NULL) return false;
    for (uint16_t id = 0; id < nf->n_ports; id++)
      worker->outputs[id].queue = program->ports[id].tx_shared ? 0 : (uint16_t)i;
    if (program->alone) continue;
    for (uint16_t id = 0; id < nf->n_ports; id++)
      if (!init_placement(program, worker, id)) return false;
    char name[RTE_RING_NAMESIZE];
    snprintf(name, sizeof name, "worker-%u", i);
    worker->ring = rte_ring_create(name, RING_SIZE, (int)rte_socket_id(), flags);
    if (worker->ring == NULL) return false;
  }
  return true;
}
