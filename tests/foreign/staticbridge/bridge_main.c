/* A bridge whose table comes from a file: lines of `address input-device output-device`. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/verified/ether.h"
#include "nf.h"
#include "nf-log.h"
#include "nf-parse.h"
#include "nf-util.h"

#include "bridge_config.h"
#include "stat_key.h.gen.h"

struct nf_config config;

static struct {
  struct Map *map;
  struct Vector *keys;
  int n;
} table;

static bool add_entry(const struct rte_ether_addr *addr, uint16_t device_from, int device_to) {
  struct StaticKey *key = NULL;
  vector_borrow(table.keys, table.n, (void **)&key);
  memcpy(&key->addr, addr, sizeof *addr);
  key->device = device_from;
  map_put(table.map, key, device_to);
  vector_return(table.keys, table.n, key);
  return ++table.n <= (int)config.static_capacity;
}

static void read_static_ft_from_file(void) {
  if (config.static_config_fname[0] == '\0') {
    NF_INFO("No static config file specified");
    return;
  }
  FILE *cfg_file = fopen(config.static_config_fname, "r");
  if (cfg_file == NULL) {
    rte_exit(EXIT_FAILURE, "Error opening the static config file: %s (%s)\n", config.static_config_fname,
             strerror(errno));
  }
  // Make sure the hash table is occupied only by 50%
  int number_of_lines = 0, ch;
  while (!feof(cfg_file)) {
    ch = fgetc(cfg_file);
    if (ch == '\n') number_of_lines++;
  }
  if (number_of_lines == 0) goto finally;
  if (number_of_lines * 2 > (int)config.static_capacity) {
    rte_exit(EXIT_FAILURE, "Too many static rules (%d), max: %" PRIu32, number_of_lines, config.static_capacity / 2);
  }
  rewind(cfg_file);

  while (1) {
    char mac_addr_str[20], source_str[10], target_str[10];
    int result = fscanf(cfg_file, "%18s", mac_addr_str);
    if (result != 1) {
      if (result == EOF)
        break;
      else
        rte_exit(EXIT_FAILURE, "Cannot read MAC address from file: %s", strerror(errno));
    }
    if (mac_addr_str[0] == '#') { /* a comment: the rest of the line */
      do ch = fgetc(cfg_file); while (ch != '\n' && ch != EOF);
      continue;
    }
    if (fscanf(cfg_file, "%9s %9s", source_str, target_str) != 2) goto finally;

    struct rte_ether_addr mac_addr;
    if (!nf_parse_etheraddr(mac_addr_str, &mac_addr)) {
      NF_INFO("Invalid MAC address: %s, skip", mac_addr_str);
      continue;
    }
    char *temp;
    uint16_t device_from = strtol(source_str, &temp, 10);
    if (temp == source_str || *temp != '\0') continue;
    int device_to = strtol(target_str, &temp, 10);
    if (temp == target_str || *temp != '\0') continue;
    if (!add_entry(&mac_addr, device_from, device_to)) break;
  }
finally:
  fclose(cfg_file);
}

bool nf_init(void) {
  if (!map_allocate(StaticKey_eq, StaticKey_hash, config.static_capacity, &table.map)) return false;
  if (!vector_allocate(sizeof(struct StaticKey), config.static_capacity, StaticKey_allocate, &table.keys)) return false;
  read_static_ft_from_file();
  return true;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  struct StaticKey k;
  memcpy(&k.addr, &ether->d_addr, sizeof(struct rte_ether_addr));
  k.device = device;
  int device_to;
  if (map_get(table.map, &k, &device_to)) return device_to == -2 ? device : device_to;
  return FLOOD_FRAME;
}
