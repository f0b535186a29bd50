/* What NFs rarely do: function pointers chosen in set-up, static variables of functions, variadic functions, bit-fields,
 * unions, statement expressions. */
#include "nf.h"
#include "nf-log.h"
#include "handlers.h"

#define CLAMP(x, low, high) ({ __typeof__(x) _x = (x); _x < (low) ? (low) : _x > (high) ? (high) : _x; })

struct nf_config {
  unsigned level : 3, verbose : 1;
  handler *others;
};
struct nf_config config;

union word {
  uint32_t whole;
  struct {
    uint8_t a, b, c, d;
  };
};

static int pass(uint16_t device, struct rte_ipv4_hdr *ip) { /* another one than that of handlers.c */
  static int calls;
  calls = CLAMP(calls + 1, 0, 1000000);
  return 1 - device;
}

void nf_config_init(int argc, char **argv) {
  config.level = argc > 1 ? CLAMP(atoi(argv[1]), 0, 7) : 3;
  config.others = config.level > 5 ? handler_of("ICMP") : pass;
  say("level %u, %s\n", config.level, config.verbose ? "verbose" : "quiet");
}
void nf_config_usage(void) {}
void nf_config_print(void) {}
bool nf_init(void) { return true; }

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (!ip) return device;
  const union word source = { .whole = ip->src_addr };
  if (source.a == 127) goto drop;
  switch (ip->next_proto_id) {
    case 6:
    case 17: return protocols[ip->next_proto_id == 17].handle(device, ip);
    case 100 ... 120: goto drop;
    default: return config.others(device, ip);
  }
drop:
  say("dropped\n");
  return device;
}
