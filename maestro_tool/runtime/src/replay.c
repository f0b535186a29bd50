/* Replaying captures: packets of all ports in the order of their timestamps, which are the time the NF sees. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_mbuf_dyn.h>
#include <rte_mempool.h>

#include "captures.h"
#include "program.h"

/* A port's packets that wait for their turn. */
struct source {
  struct rte_mbuf *held[BURST];
  uint16_t n, next;
  bool ended;
  struct capture *capture; /* that they come from; NULL: not known */
};

bool program_replay_init(struct program *program) {
  const int status = rte_mbuf_dyn_rx_timestamp_register(&program->timestamp_offset, &program->timestamp_flag);
  if (status != 0) program_error(program->nf, "--replay: no room for timestamps in mbufs: %s", rte_strerror(rte_errno));
  return status == 0;
}

static rte_mbuf_timestamp_t *timestamp(const struct program *program, const struct rte_mbuf *packet) {
  return RTE_MBUF_DYNFIELD((struct rte_mbuf *)(uintptr_t)packet, program->timestamp_offset, rte_mbuf_timestamp_t *);
}

int64_t program_replay_time(const struct program *program, const struct rte_mbuf *packet) {
  return (int64_t)*timestamp(program, packet);
}

__attribute__((format(printf, 2, 3))) static void fail(struct program *program, const char *format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  program_error(program->nf, "%s", text);
  atomic_store(&program->failed, true);
  atomic_store(&program_stopped, true);
}

/* Puts in the packet's time.  net_pcap gives microseconds (rte_eth_pcap.c, DPDK 22.11), whatever the capture's precision;
 * the capture itself has it exactly.  False if the port read something else than the capture has. */
static bool set_time(const struct program *program, struct source *source, struct rte_mbuf *packet) {
  struct record record;
  if (source->capture == NULL) {
    *timestamp(program, packet) *= 1000;
    return true;
  }
  struct records *records = &source->capture->records;
  if (!records_next(records, &record)) { /* infinite_rx=1 */
    records_rewind(records);
    if (!records_next(records, &record)) return false;
  }
  *timestamp(program, packet) = (rte_mbuf_timestamp_t)record.time;
  return record.captured == rte_pktmbuf_pkt_len(packet);
}

/* net_pcap loses the packet for which no buffer is left.  Those that are under way come back soon: the pool has more of
 * them than can be held without a worker that works on them (program_pool_size). */
static bool pool_is_low(const struct program *program) { return rte_mempool_avail_count(program->pool) < 4 * BURST; }

static void refill(struct program *program, struct source *source, uint16_t id) {
  unsigned idle = 0;
  source->next = 0;
  while (pool_is_low(program) && !atomic_load(&program_stopped)) program_idle(program, &idle);
  source->n = rte_eth_rx_burst(id, 0, source->held, BURST);
  source->ended = source->n == 0;
  if (source->ended && source->capture != NULL && source->capture->records.at < source->capture->records.size &&
      !atomic_load(&program_stopped))
    fail(program, "port %u: only %" PRIu64 " of %" PRIu64 " packets of '%s' could be read", id,
         source->capture->records.n_read, source->capture->records.n, source->capture->path);
  for (uint16_t i = 0; i < source->n; i++) {
    if ((source->held[i]->ol_flags & program->timestamp_flag) == 0) {
      fail(program, "port %u: its packets carry no timestamps; --replay needs captures (net_pcap with rx_pcap=)", id);
      break;
    }
    if (set_time(program, source, source->held[i])) continue;
    fail(program, "port %u: packet %" PRIu64 " of '%s' was not read as it is there", id, source->capture->records.n_read,
         source->capture->path);
    break;
  }
}

/* The port whose next packet is the oldest (the first such port); -1 if all have ended. */
static int oldest(struct program *program, struct source *sources) {
  int best = -1;
  for (uint16_t id = 0; id < program->nf->n_ports; id++) {
    struct source *source = &sources[id];
    if (!source->ended && source->next == source->n) refill(program, source, id);
    if (source->ended) continue;
    if (best < 0 ||
        *timestamp(program, source->held[source->next]) < *timestamp(program, sources[best].held[sources[best].next]))
      best = id;
  }
  return best;
}

/* Packets on their way to one worker. */
struct share {
  struct rte_mbuf *packets[BURST];
  uint16_t n;
  uint64_t given; /* so far */
};

static void hand_over(struct program *program, unsigned owner, struct share *share) {
  if (share->n == 0) return;
  if (program->dispatched) {
    const unsigned lost = program_ring_put(program, owner, share->packets, share->n, true);
    program->unsteered += lost;
    share->given += share->n - lost;
  } else {
    program->workers[owner].counters.rx += share->n;
    program_worker_handle(&program->workers[owner], share->packets, share->n);
  }
  share->n = 0;
}

/* Until the worker has handled what it was given. */
static void wait_for(struct program *program, unsigned owner, const struct share *share) {
  unsigned idle = 0;
  while (atomic_load_explicit(&program->workers[owner].done, memory_order_acquire) < share->given)
    program_idle(program, &idle);
}

void program_replay_run(struct program *program) {
  struct source *sources = calloc(program->nf->n_ports, sizeof *sources);
  struct share *shares = calloc(program->n_workers, sizeof *shares);
  if (sources == NULL || shares == NULL) abort();
  for (uint16_t id = 0; id < program->nf->n_ports; id++) sources[id].capture = captures_of_port(program->captures, id);
  rte_mbuf_timestamp_t now = 0;
  unsigned last = 0; /* owner of the packet before */
  while (!atomic_load_explicit(&program_stopped, memory_order_relaxed)) {
    const int id = oldest(program, sources);
    if (id < 0) break;
    struct rte_mbuf *packet = sources[id].held[sources[id].next++];
    /* Time does not run backwards, even where a capture is not sorted. */
    rte_mbuf_timestamp_t *stamp = timestamp(program, packet);
    if (*stamp < now) *stamp = now;
    now = *stamp;
    const unsigned owner = program->dispatched ? program_steer(&program->ports[id], packet) : 0;
    if (program->ordered && owner != last) {
      hand_over(program, last, &shares[last]);
      wait_for(program, last, &shares[last]);
    }
    last = owner;
    shares[owner].packets[shares[owner].n++] = packet;
    if (shares[owner].n == BURST) hand_over(program, owner, &shares[owner]);
  }
  for (unsigned owner = 0; owner < program->n_workers; owner++) hand_over(program, owner, &shares[owner]);
  for (uint16_t id = 0; id < program->nf->n_ports; id++)
    rte_pktmbuf_free_bulk(sources[id].held + sources[id].next, (unsigned)(sources[id].n - sources[id].next));
  free(shares);
  free(sources);
}
