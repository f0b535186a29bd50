/* nop: forwards every frame to the other port of its pair, untouched.
 *
 * It keeps no state: what it costs is what the program around an NF costs.
 */
#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"

#include "nop_config.h"

struct nf_config config;

bool nf_init(void) { return true; }

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)buffer;
  (void)packet_length;
  (void)now;
  (void)mbuf;

  /* Ports are paired: 0 with 1, 2 with 3, ... */
  return device ^ 1;
}
