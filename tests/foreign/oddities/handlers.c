#include "handlers.h"

#include <ctype.h>
#include <stdarg.h>
#include <strings.h>

static int pass(uint16_t device, struct rte_ipv4_hdr *ip) { return !device; }
static int stop(uint16_t device, struct rte_ipv4_hdr *ip) { return device; }

/* Every second packet of this core; a variable of the function. */
static int sample(uint16_t device, struct rte_ipv4_hdr *ip) {
  static unsigned long seen = 1, dropped __attribute__((aligned(64)));
  if (seen++ % 2 == 0) return !device;
  dropped++;
  return device;
}

const struct protocol protocols[] = {
  { 6, "tcp", pass }, { 17, "udp", pass }, [2] = { .number = 1, .name = "icmp", .handle = sample }, { 0, NULL, stop },
};

handler *handler_of(const char *name) {
  for (const struct protocol *p = protocols; p->name != NULL; p++)
    if (strcasecmp(p->name, name) == 0) return p->handle;
  return stop;
}

void say(const char *format, ...) {
  va_list list;
  va_start(list, format);
  vprintf(format, list);
  va_end(list);
}
