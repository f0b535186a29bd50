/* Packet counts per worker: a table for people, JSON for programs. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

static const struct {
  const char *name;
  size_t offset;
} COLUMNS[] = {
    {"rx", offsetof(struct counters, rx)},
    {"processed", offsetof(struct counters, processed)},
    {"forwarded", offsetof(struct counters, forwarded)},
    {"flooded", offsetof(struct counters, flooded)},
    {"dropped", offsetof(struct counters, dropped)},
    {"unsent", offsetof(struct counters, unsent)},
    {"handed_over", offsetof(struct counters, handed_over)},
    {"lost", offsetof(struct counters, lost)},
    {"misplaced", offsetof(struct counters, misplaced)},
    {"too_long", offsetof(struct counters, too_long)},
    {"full", offsetof(struct counters, full)},
    {"counted", offsetof(struct counters, counted)},
    {"write_locks", offsetof(struct counters, sharing.write_locks)},
    {"restarts", offsetof(struct counters, sharing.restarts)},
    {"transactions", offsetof(struct counters, sharing.transactions)},
    {"aborts", offsetof(struct counters, sharing.aborts)},
};
enum { N_COLUMNS = sizeof COLUMNS / sizeof COLUMNS[0] };

/* As DPDK calls what a card counts. */
static const struct {
  const char *name;
  size_t offset;
} LOSSES[] = {
    {"imissed", offsetof(struct rte_eth_stats, imissed)},     /* no descriptor was free: workers are too slow */
    {"rx_nombuf", offsetof(struct rte_eth_stats, rx_nombuf)}, /* no buffer was free */
    {"ierrors", offsetof(struct rte_eth_stats, ierrors)},     /* damaged, or too long */
};
enum { N_LOSSES = sizeof LOSSES / sizeof LOSSES[0] };

static uint64_t loss(const struct port *port, unsigned i) {
  uint64_t result;
  memcpy(&result, (const char *)&port->stats + LOSSES[i].offset, sizeof result);
  return result;
}

static uint64_t value(const struct counters *counters, unsigned column) {
  uint64_t result;
  memcpy(&result, (const char *)counters + COLUMNS[column].offset, sizeof result);
  return result;
}

static uint64_t total(const struct program *program, unsigned column) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < program->n_workers; i++) sum += value(&program->workers[i].counters, column);
  return sum;
}

void program_statistics_print(const struct program *program) {
  printf("%-8s", "worker");
  for (unsigned c = 0; c < N_COLUMNS; c++) printf("%12s", COLUMNS[c].name);
  for (unsigned i = 0; i < program->n_workers; i++) {
    printf("\n%-8u", i);
    for (unsigned c = 0; c < N_COLUMNS; c++) printf("%12" PRIu64, value(&program->workers[i].counters, c));
  }
  printf("\n%-8s", "total");
  for (unsigned c = 0; c < N_COLUMNS; c++) printf("%12" PRIu64, total(program, c));
  printf("\n");
  for (uint16_t id = 0; id < program->nf->n_ports; id++) {
    const struct port *port = &program->ports[id];
    for (unsigned i = 0; i < N_LOSSES; i++) {
      const uint64_t n = loss(port, i);
      if (n > 0) printf("port %u lost packets before a worker saw them: %s %" PRIu64 "\n", id, LOSSES[i].name, n);
    }
  }
  if (program->unsteered > 0)
    printf("lost by the dispatcher, because a worker's ring was full: %" PRIu64 "\n", program->unsteered);
  fflush(stdout);
}

static void write_json(const struct program *program, FILE *file) {
  fprintf(file, "{\n  \"schema\": 1,\n  \"nf\": \"%s\",\n  \"nic\": \"%s\",\n  \"strategy\": \"%s\",\n  \"workers\": [",
          program->nf->name, program->nf->nic, program->nf->strategy);
  for (unsigned i = 0; i < program->n_workers; i++) {
    fprintf(file, "%s\n    {\"worker\": %u", i > 0 ? "," : "", i);
    for (unsigned c = 0; c < N_COLUMNS; c++)
      fprintf(file, ", \"%s\": %" PRIu64, COLUMNS[c].name, value(&program->workers[i].counters, c));
    fprintf(file, "}");
  }
  fprintf(file, "\n  ],\n  \"total\": {");
  for (unsigned c = 0; c < N_COLUMNS; c++)
    fprintf(file, "%s\"%s\": %" PRIu64, c > 0 ? ", " : "", COLUMNS[c].name, total(program, c));
  fprintf(file, "},\n  \"ports\": [");
  for (uint16_t id = 0; id < program->nf->n_ports; id++) {
    const struct port *port = &program->ports[id];
    fprintf(file, "%s\n    {\"port\": %u, \"link\": \"%s\", \"link_ups\": %u", id > 0 ? "," : "", id,
            port->link_is_up ? "up" : "down", atomic_load(&port->link_ups));
    for (unsigned i = 0; i < N_LOSSES; i++) fprintf(file, ", \"%s\": %" PRIu64, LOSSES[i].name, loss(port, i));
    fprintf(file, "}");
  }
  fprintf(file, "\n  ],\n  \"lost_by_dispatcher\": %" PRIu64 "\n}\n", program->unsteered);
}

/* Written beside the target and renamed: a reader sees all of it or none. */
bool program_statistics_write(const struct program *program, const char *path) {
  char *temporary = NULL;
  if (asprintf(&temporary, "%s.%ld.tmp", path, (long)getpid()) < 0) return false;
  FILE *file = fopen(temporary, "w");
  bool written = file != NULL;
  if (written) {
    write_json(program, file);
    written = ferror(file) == 0;
    written = fclose(file) == 0 && written;
    written = written && rename(temporary, path) == 0;
    if (!written) (void)unlink(temporary);
  }
  if (!written) program_error(program->nf, "--stats: '%s' cannot be written: %m", path);
  free(temporary);
  return written;
}
