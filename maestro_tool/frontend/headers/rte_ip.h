#pragma once
#include <netinet/in.h>
#include <rte_common.h>
#include <rte_byteorder.h>
#include <rte_mbuf.h>
#include <rte_version.h>
#include <string.h>
struct rte_ipv4_hdr {
  union {
    uint8_t version_ihl;
    struct {
      uint8_t ihl : 4;
      uint8_t version : 4;
    };
  };
  uint8_t type_of_service;
  rte_be16_t total_length;
  rte_be16_t packet_id;
  rte_be16_t fragment_offset;
  uint8_t time_to_live;
  uint8_t next_proto_id;
  rte_be16_t hdr_checksum;
  rte_be32_t src_addr;
  rte_be32_t dst_addr;
} __attribute__((packed));
#if defined RTE_VERSION && RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
#define RTE_IPV6_ADDR_SIZE 16
struct rte_ipv6_addr {
  uint8_t a[RTE_IPV6_ADDR_SIZE];
};
static inline bool rte_ipv6_addr_eq(const struct rte_ipv6_addr *a, const struct rte_ipv6_addr *b) {
  return memcmp(a, b, sizeof *a) == 0;
}
#endif
struct rte_ipv6_hdr {
  rte_be32_t vtc_flow;
  rte_be16_t payload_len;
  uint8_t proto;
  uint8_t hop_limits;
#if defined RTE_VERSION && RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
  struct rte_ipv6_addr src_addr;
  struct rte_ipv6_addr dst_addr;
#else
  uint8_t src_addr[16];
  uint8_t dst_addr[16];
#endif
} __attribute__((packed));
#define RTE_IPV4(a, b, c, d) \
  ((uint32_t)(((a) & 0xff) << 24) | (((b) & 0xff) << 16) | (((c) & 0xff) << 8) | ((d) & 0xff))
#define RTE_IPV4_MAX_PKT_LEN 65535
#define RTE_IPV4_HDR_IHL_MASK 0x0f
#define RTE_IPV4_IHL_MULTIPLIER 4
#define RTE_IPV4_HDR_DF_SHIFT 14
#define RTE_IPV4_HDR_MF_SHIFT 13
#define RTE_IPV4_HDR_FO_SHIFT 3
#define RTE_IPV4_HDR_DF_FLAG (1 << RTE_IPV4_HDR_DF_SHIFT)
#define RTE_IPV4_HDR_MF_FLAG (1 << RTE_IPV4_HDR_MF_SHIFT)
#define RTE_IPV4_HDR_OFFSET_MASK ((1 << RTE_IPV4_HDR_MF_SHIFT) - 1)
#define RTE_IPV4_HDR_OFFSET_UNITS 8
#define IPVERSION 4
#define IPDEFTTL 64
uint16_t rte_ipv4_cksum(const struct rte_ipv4_hdr *ip);
uint16_t rte_ipv4_udptcp_cksum(const struct rte_ipv4_hdr *ip, const void *l4);
uint16_t rte_raw_cksum(const void *block, size_t size);
static inline uint8_t rte_ipv4_hdr_len(const struct rte_ipv4_hdr *ip) {
  return (uint8_t)((ip->version_ihl & RTE_IPV4_HDR_IHL_MASK) * RTE_IPV4_IHL_MULTIPLIER);
}
