/* Struct copies, by value and by result; bit-fields; designated initialisers; static storage. */
#include <stdint.h>
struct Flow { uint32_t ip; uint16_t port; } __attribute__((packed));
struct Flags { unsigned syn : 1, window : 12; int scale : 4; };
static struct Flow last = { .port = 80 };
struct Flow reply(struct Flow flow) {
  struct Flow result = { .ip = flow.ip };
  last = flow;
  return result;
}
int window(struct Flags *flags) {
  flags->syn = 1;
  return flags->window << flags->scale;
}
uint16_t (*const handlers[])(void) = { 0 };
const char *name(int port) { static int calls; calls++; return port ? "wan" : "lan"; }
