#pragma once
#include <rte_byteorder.h>
struct rte_icmp_hdr {
  uint8_t icmp_type;
  uint8_t icmp_code;
  rte_be16_t icmp_cksum;
  rte_be16_t icmp_ident;
  rte_be16_t icmp_seq_nb;
} __attribute__((packed));
#define RTE_IP_ICMP_ECHO_REPLY 0
#define RTE_IP_ICMP_ECHO_REQUEST 8
