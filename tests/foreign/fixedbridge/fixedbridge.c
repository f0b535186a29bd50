/* A bridge that knows from a file where frames go; others are flooded. */
#include "fixedbridge_options.h"
#include "lane.h.gen.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "nf-log.h"
#include "nf-parse.h"
#include "nf-util.h"

struct nf_config config;

static struct Map *lanes;
static struct Vector *keys;

enum { NOWHERE = -1 };

static uint32_t lines_of(FILE *file) {
  uint32_t lines = 0;
  int c;
  do {
    c = fgetc(file);
    if (c == '\n') lines++;
  } while (c != EOF);
  rewind(file);
  return lines;
}

static bool skip_line(FILE *file) {
  for (int c = fgetc(file); c != '\n'; c = fgetc(file))
    if (c == EOF) return false;
  return true;
}

static bool add(uint32_t at, const char *station, const char *device, const char *to) {
  struct lane *lane;
  vector_borrow(keys, (int)at, (void **)&lane);
  int target = NOWHERE;
  char *end = NULL;
  bool good = nf_parse_etheraddr(station, &lane->station) && nf_parse_device(device, &lane->device);
  if (good && strcmp(to, "drop") != 0) {
    target = (int)strtol(to, &end, 10);
    good = *end == '\0' && target >= 0 && target < rte_eth_dev_count_avail();
  }
  if (good) map_put(lanes, lane, target);
  vector_return(keys, (int)at, lane);
  return good;
}

static bool read_table(const char *name) {
  FILE *file = fopen(name, "r");
  if (file == NULL) rte_exit(EXIT_FAILURE, "%s: %s\n", name, strerror(errno));
  bool good = false;
  char station[18], device[6], to[6];
  if (lines_of(file) > config.most_lanes) goto close;
  if (!skip_line(file)) goto close; /* the columns' names */
  for (uint32_t at = 0;; at++) {
    int found = fscanf(file, "%17s %5s %5s\n", station, device, to);
    if (found == EOF && feof(file)) break;
    if (found != 3 || !add(at, station, device, to)) goto close;
  }
  good = true;
close:
  fclose(file);
  return good;
}

bool nf_init(void) {
  assert(config.most_lanes < CAPACITY_UPPER_LIMIT - 1);
  if (!map_allocate(lane_eq, lane_hash, config.most_lanes, &lanes)) return false;
  if (!vector_allocate(sizeof(struct lane), config.most_lanes, lane_allocate, &keys)) return false;
  return config.table[0] == '\0' || read_table(config.table);
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)packet_length;
  (void)now;
  (void)mbuf;
  const struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  struct lane lane = { .device = device };
  memcpy(&lane.station, &ether->dst_addr, sizeof lane.station);
  int to = NOWHERE;
  if (map_get(lanes, &lane, &to) == 0) return FLOOD_FRAME;
  return to == NOWHERE ? device : to;
}
