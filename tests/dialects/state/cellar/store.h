#pragma once
#include "nf-util.h"

typedef uint8_t store_key_t[4];
typedef uint8_t store_value_t[4];
enum store_op { STORE_GET = 0, STORE_PUT = 1 };

struct store_hdr {
  uint8_t op;
  store_key_t key;
  store_value_t value;
  uint8_t status;
  uint16_t client_port;
} __attribute__((__packed__));

#define STORE_PORT 670

static inline struct store_hdr *nf_then_get_store_header(struct rte_udp_hdr *udp, uint8_t **p) {
  if (udp->dst_port != rte_cpu_to_be_16(STORE_PORT) || packet_get_unread_length(p) < sizeof(struct store_hdr)) return NULL;
  return (struct store_hdr *)nf_borrow_next_chunk(p, sizeof(struct store_hdr));
}
