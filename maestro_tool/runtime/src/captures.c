/* Captures: whether those that are read are whole, before; whether those that are written are, after. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "captures.h"

/* net_pcap counts no more queues: RTE_ETHDEV_QUEUE_STAT_CNTRS, which DPDK 25.11 does not tell programs. */
enum { COUNTED_QUEUES = 16 };

/* libpcap stops at a broken record without a word, which would look like the end.  `argument`: EAL's, with the path. */
static bool open_input(const struct maestro_nf *nf, struct capture *capture, char **argument) {
  char error[256], *name;
  const bool good = records_open(&capture->records, capture->path, &name, error, sizeof error);
  if (!good) program_error(nf, "capture '%s': %s", capture->path, error);
  if (name == NULL) return good;
  /* It was converted: EAL is to read what it became. */
  const size_t length = strlen(capture->path);
  const char *found = strstr(*argument, "rx_pcap=");
  while (strncmp(found + strlen("rx_pcap="), capture->path, length) != 0 || strchr(",", found[strlen("rx_pcap=") + length]) == NULL)
    found = strstr(found + 1, "rx_pcap=");
  found += strlen("rx_pcap=");
  char *text;
  if (asprintf(&text, "%.*s%s%s", (int)(found - *argument), *argument, name, found + length) < 0) abort();
  *argument = text;
  free(name);
  return good;
}

/* Adds the captures that follow `option` in a --vdev argument. */
static void find(struct captures *captures, const char *vdev, const char *option, bool output, int argument) {
  for (const char *found = strstr(vdev, option); found != NULL; found = strstr(found, option)) {
    found += strlen(option);
    captures->all = realloc(captures->all, (captures->n + 1) * sizeof *captures->all);
    if (captures->all == NULL) abort();
    captures->all[captures->n++] = (struct capture){.device = strndup(vdev, strcspn(vdev, ",")),
                                                    .path = strndup(found, strcspn(found, ",")),
                                                    .argument = argument,
                                                    .output = output};
    if (captures->all[captures->n - 1].device == NULL || captures->all[captures->n - 1].path == NULL) abort();
  }
}

/* Devices such as /dev/null may be named as often as one likes. */
static bool same_file(const char *one, const char *other) {
  struct stat first, second;
  const bool exists = stat(one, &first) == 0;
  if (exists != (stat(other, &second) == 0)) return false;
  if (!exists) return strcmp(one, other) == 0;
  return S_ISREG(first.st_mode) && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

static bool check_output(const struct captures *captures, const struct maestro_nf *nf, unsigned number,
                         const char *stats) {
  const char *path = captures->all[number].path;
  for (unsigned i = 0; i < captures->n; i++) {
    if (i == number || !same_file(path, captures->all[i].path)) continue;
    program_error(nf, "capture '%s' is to be written, but is %s as well: name another file after tx_pcap=", path,
                  captures->all[i].output ? "written by another port" : "read");
    return false;
  }
  if (stats == NULL || !same_file(path, stats)) return true;
  program_error(nf, "capture '%s' and the file of --stats are the same", path);
  return false;
}

bool captures_init(struct captures *captures, const struct maestro_nf *nf, int argc, char **argv, const char *stats) {
  *captures = (struct captures){0};
  for (int i = 1; i < argc; i++) {
    const char *device = strstr(argv[i], "net_pcap");
    if (device == NULL) continue;
    find(captures, device, "rx_pcap=", false, i);
    find(captures, device, "tx_pcap=", true, i);
  }
  for (unsigned i = 0; i < captures->n; i++) {
    struct capture *capture = &captures->all[i];
    if (!(capture->output ? check_output(captures, nf, i, stats) : open_input(nf, capture, &argv[capture->argument])))
      return false;
    if (capture->records.longest > captures->longest) captures->longest = capture->records.longest;
    captures->n_inputs += !capture->output;
    captures->n_packets += capture->records.n;
    if (capture->output || stats == NULL || !same_file(capture->path, stats)) continue;
    program_error(nf, "--stats: '%s' is a capture to read", stats);
    return false;
  }
  return true;
}

struct capture *captures_of_port(struct captures *captures, uint16_t id) {
  for (unsigned i = 0; i < captures->n; i++) {
    struct capture *capture = &captures->all[i];
    uint16_t port;
    if (!capture->output && rte_eth_dev_get_port_by_name(capture->device, &port) == 0 && port == id) return capture;
  }
  return NULL;
}

void captures_note(struct captures *captures, const struct program *program) {
  for (uint16_t id = 0; id < program->nf->n_ports; id++) {
    struct rte_eth_stats stats;
    if (rte_eth_stats_get(id, &stats) == 0) captures->written[id] = stats.opackets * CLASSIC_RECORD_HEADER + stats.obytes;
  }
  for (unsigned i = 0; i < captures->n; i++) {
    const struct capture *capture = &captures->all[i];
    uint16_t id;
    struct stat file;
    if (!capture->output || rte_eth_dev_get_port_by_name(capture->device, &id) != 0) continue;
    captures->all[i].port = id;
    captures->all[i].checked =
        id < program->nf->n_ports && stat(capture->path, &file) == 0 && S_ISREG(file.st_mode) &&
        program->ports[id].n_tx_queues <= COUNTED_QUEUES;
    if (captures->all[i].checked) captures->written[id] += CLASSIC_FILE_HEADER;
  }
}

bool captures_complete(const struct captures *captures, const struct maestro_nf *nf) {
  uint64_t found[MAESTRO_MAX_PORTS] = {0};
  struct stat file;
  for (unsigned i = 0; i < captures->n; i++)
    if (captures->all[i].checked && stat(captures->all[i].path, &file) == 0)
      found[captures->all[i].port] += (uint64_t)file.st_size;
  for (unsigned i = 0; i < captures->n; i++) {
    const struct capture *capture = &captures->all[i];
    if (!capture->checked || found[capture->port] == captures->written[capture->port]) continue;
    program_error(nf, "capture '%s' is not complete: %" PRIu64 " bytes of %" PRIu64 " are written; is the disk full?",
                  capture->path, found[capture->port], captures->written[capture->port]);
    return false;
  }
  return true;
}

void captures_destroy(struct captures *captures) {
  for (unsigned i = 0; i < captures->n; i++) {
    free(captures->all[i].device);
    free(captures->all[i].path);
    records_close(&captures->all[i].records);
  }
  free(captures->all);
  *captures = (struct captures){0};
}
