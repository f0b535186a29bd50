#include "table.h"
#include <rte_byteorder.h>
#include <stdio.h>

static bool add(struct table *table, const unsigned byte[4], unsigned length, unsigned port) {
  if (table->count == 16 || length > 32) return false;
  struct route *r = &table->routes[table->count++];
  r->mask = length == 0 ? 0 : UINT32_MAX << (32 - length);
  r->prefix = (byte[0] << 24 | byte[1] << 16 | byte[2] << 8 | byte[3]) & r->mask;
  r->port = port;
  return true;
}

bool table_read(const char *name, struct table *table) {
  FILE *file = fopen(name, "r");
  if (!file) return false;
  char line[80];
  bool good = true;
  while (good && fgets(line, sizeof line, file)) {
    unsigned b[4], length, port;
    if (line[0] == '#' || line[0] == '\n') continue;
    good = sscanf(line, "%u.%u.%u.%u/%u %u", &b[0], &b[1], &b[2], &b[3], &length, &port) == 6 &&
           add(table, b, length, port);
  }
  fclose(file);
  return good;
}
