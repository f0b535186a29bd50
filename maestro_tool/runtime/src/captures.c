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
enum { PCAP_FILE_HEADER = 24, PCAP_RECORD_HEADER = 16, COUNTED_QUEUES = 16 };

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

/* Adds the captures that follow `option` in a --vdev argument. */
static void find(struct captures *captures, const char *vdev, const char *option, bool output) {
  for (const char *found = strstr(vdev, option); found != NULL; found = strstr(found, option)) {
    found += strlen(option);
    captures->all = realloc(captures->all, (captures->n + 1) * sizeof *captures->all);
    if (captures->all == NULL) abort();
    captures->all[captures->n++] = (struct capture){.device = strndup(vdev, strcspn(vdev, ",")),
                                                    .path = strndup(found, strcspn(found, ",")),
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
    find(captures, device, "rx_pcap=", false);
    find(captures, device, "tx_pcap=", true);
  }
  for (unsigned i = 0; i < captures->n; i++) {
    const struct capture *capture = &captures->all[i];
    if (!(capture->output ? check_output(captures, nf, i, stats) : check_capture(nf, capture->path))) return false;
    if (capture->output || stats == NULL || !same_file(capture->path, stats)) continue;
    program_error(nf, "--stats: '%s' is a capture to read", stats);
    return false;
  }
  return true;
}

void captures_note(struct captures *captures, const struct program *program) {
  for (uint16_t id = 0; id < program->nf->n_ports; id++) {
    struct rte_eth_stats stats;
    if (rte_eth_stats_get(id, &stats) == 0) captures->written[id] = stats.opackets * PCAP_RECORD_HEADER + stats.obytes;
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
    if (captures->all[i].checked) captures->written[id] += PCAP_FILE_HEADER;
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
  }
  free(captures->all);
  *captures = (struct captures){0};
}
