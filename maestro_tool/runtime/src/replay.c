/* Replaying captures: packets of all ports in the order of their timestamps, which are the time the NF sees. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_mbuf_dyn.h>
#include <rte_mempool.h>

#include "program.h"

/* A port's packets that wait for their turn. */
struct source {
  struct rte_mbuf *held[BURST];
  uint16_t n, next;
  bool ended;
};

bool program_replay_init(struct program *program) {
  const int status = rte_mbuf_dyn_rx_timestamp_register(&program->timestamp_offset, &program->timestamp_flag);
  if (status != 0) program_error(program->nf, "--replay: no room for timestamps in mbufs: %s", rte_strerror(rte_errno));
  return status == 0;
}

static rte_mbuf_timestamp_t *timestamp(const struct program *program, const struct rte_mbuf *packet) {
  return RTE_MBUF_DYNFIELD((struct rte_mbuf *)(uintptr_t)packet, program->timestamp_offset, rte_mbuf_timestamp_t *);
}

/* net_pcap gives microseconds (rte_eth_pcap.c, DPDK 22.11), whatever the capture's precision. */
int64_t program_replay_time(const struct program *program, const struct rte_mbuf *packet) {
  return (int64_t)*timestamp(program, packet) * 1000;
}

/* net_pcap returns nothing at the end of the capture, but also when the pool is empty: then packets that are under way
 * come back soon. */
static bool pool_is_low(const struct program *program) { return rte_mempool_avail_count(program->pool) < 4 * BURST; }

static void refill(struct program *program, struct source *source, uint16_t id) {
  unsigned idle = 0;
  source->next = 0;
  for (;;) {
    const bool low = pool_is_low(program);
    source->n = rte_eth_rx_burst(id, 0, source->held, BURST);
    if (source->n > 0 || !low || atomic_load(&program_stopped)) break;
    program_worker_idle(&idle);
  }
  source->ended = source->n == 0;
  for (uint16_t i = 0; i < source->n; i++) {
    if ((source->held[i]->ol_flags & program->timestamp_flag) != 0) continue;
    program_error(program->nf,
                  "port %u: its packets carry no timestamps; --replay needs captures (net_pcap with rx_pcap=)", id);
    atomic_store(&program->failed, true);
    atomic_store(&program_stopped, true);
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
};

static void hand_over(struct program *program, unsigned owner, struct share *share) {
  if (share->n == 0) return;
  if (program->dispatched) {
    program->unsteered += program_ring_put(program, owner, share->packets, share->n, true);
  } else {
    program->workers[owner].counters.rx += share->n;
    program_worker_handle(&program->workers[owner], share->packets, share->n);
  }
  share->n = 0;
}

void program_replay_run(struct program *program) {
  struct source *sources = calloc(program->nf->n_ports, sizeof *sources);
  struct share *shares = calloc(program->n_workers, sizeof *shares);
  if (sources == NULL || shares == NULL) abort();
  rte_mbuf_timestamp_t now = 0;
  while (!atomic_load_explicit(&program_stopped, memory_order_relaxed)) {
    const int id = oldest(program, sources);
    if (id < 0) break;
    struct rte_mbuf *packet = sources[id].held[sources[id].next++];
    /* Time does not run backwards, even where a capture is not sorted. */
    rte_mbuf_timestamp_t *stamp = timestamp(program, packet);
    if (*stamp < now) *stamp = now;
    now = *stamp;
    const unsigned owner = program->dispatched ? program_steer(&program->ports[id], packet) : 0;
    shares[owner].packets[shares[owner].n++] = packet;
    if (shares[owner].n == BURST) hand_over(program, owner, &shares[owner]);
  }
  for (unsigned owner = 0; owner < program->n_workers; owner++) hand_over(program, owner, &shares[owner]);
  for (uint16_t id = 0; id < program->nf->n_ports; id++)
    rte_pktmbuf_free_bulk(sources[id].held + sources[id].next, (unsigned)(sources[id].n - sources[id].next));
  free(shares);
  free(sources);
}

enum { PCAP_FILE_HEADER = 24, PCAP_RECORD_HEADER = 16 };

static uint32_t field(const uint8_t *bytes, bool swapped) {
  uint32_t value;
  memcpy(&value, bytes, sizeof value);
  return swapped ? rte_bswap32(value) : value;
}

/* Walks over the records of a capture; NULL if it is whole, else what is wrong.  libpcap stops at a broken record
 * without a word, which would look like the end. */
static const char *check_records(FILE *file) {
  uint8_t header[PCAP_FILE_HEADER];
  const size_t n = fread(header, 1, sizeof header, file);
  if (n == 0) return "it is empty (a capture without packets still has a header)";
  if (n < 4) return "it is not a capture";
  const uint32_t magic = field(header, false);
  if (magic == 0x0A0D0D0A) return NULL; /* pcapng: left to libpcap */
  const bool swapped = magic == 0xD4C3B2A1 || magic == 0x4D3CB2A1;
  if (!swapped && magic != 0xA1B2C3D4 && magic != 0xA1B23C4D) return "it is not a capture (unknown magic number)";
  if (n < sizeof header) return "it ends within its header";
  if ((field(header + 20, swapped) & 0xFFFF) != 1) return "its link type is not Ethernet";
  fseek(file, 0, SEEK_END);
  const long size = ftell(file);
  for (long at = PCAP_FILE_HEADER; at < size;) {
    uint8_t record[PCAP_RECORD_HEADER];
    if (fseek(file, at, SEEK_SET) != 0 || fread(record, 1, sizeof record, file) < sizeof record)
      return "it is truncated: it ends within the header of a packet";
    const uint32_t captured = field(record + 8, swapped);
    if (captured > UINT16_MAX) return "it is damaged: a packet is longer than 65535 bytes";
    at += PCAP_RECORD_HEADER + (long)captured;
    if (at > size) return "it is truncated: it ends within a packet";
  }
  return NULL;
}

static bool check_capture(const struct maestro_nf *nf, const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    program_error(nf, "capture '%s': %m", path);
    return false;
  }
  const char *wrong = check_records(file);
  fclose(file);
  if (wrong != NULL) program_error(nf, "capture '%s': %s", path, wrong);
  return wrong == NULL;
}

bool program_replay_check_captures(const struct maestro_nf *nf, int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    const char *found = strstr(argv[i], "net_pcap") != NULL ? strstr(argv[i], "rx_pcap=") : NULL;
    for (; found != NULL; found = strstr(found, "rx_pcap=")) {
      found += strlen("rx_pcap=");
      char *path = strndup(found, strcspn(found, ","));
      const bool good = path != NULL && check_capture(nf, path);
      free(path);
      if (!good) return false;
    }
  }
  return true;
}
