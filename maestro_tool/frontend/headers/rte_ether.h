/* d_addr and s_addr (DPDK 20.08) are renamed on the command line, as in the real build. */
#pragma once
#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_byteorder.h>
#define RTE_ETHER_ADDR_LEN 6
#define RTE_ETHER_TYPE_LEN 2
#define RTE_ETHER_CRC_LEN 4
#define RTE_ETHER_HDR_LEN 14
#define RTE_ETHER_MIN_LEN 64
#define RTE_ETHER_MAX_LEN 1518
#define RTE_ETHER_MTU 1500
#define RTE_ETHER_TYPE_IPV4 0x0800
#define RTE_ETHER_TYPE_IPV6 0x86DD
#define RTE_ETHER_TYPE_ARP 0x0806
#define RTE_ETHER_TYPE_VLAN 0x8100
#define RTE_ETHER_TYPE_QINQ 0x88A8
#define RTE_ETHER_TYPE_MPLS 0x8847
#define RTE_ETHER_TYPE_SLOW 0x8809
#define RTE_ETHER_TYPE_LLDP 0x88CC
#define RTE_ETHER_LOCAL_ADMIN_ADDR 0x02
#define RTE_ETHER_GROUP_ADDR 0x01
#define RTE_ETHER_ADDR_FMT_SIZE 18
#define RTE_ETHER_ADDR_PRT_FMT "%02X:%02X:%02X:%02X:%02X:%02X"
struct __attribute__((aligned(2))) rte_ether_addr {
  uint8_t addr_bytes[RTE_ETHER_ADDR_LEN];
};
struct __attribute__((aligned(2))) rte_ether_hdr {
  struct rte_ether_addr dst_addr;
  struct rte_ether_addr src_addr;
  rte_be16_t ether_type;
};
struct rte_vlan_hdr {
  rte_be16_t vlan_tci;
  rte_be16_t eth_proto;
} __attribute__((packed));
static inline int rte_is_same_ether_addr(const struct rte_ether_addr *a, const struct rte_ether_addr *b) {
  const uint16_t *w1 = (const uint16_t *)a, *w2 = (const uint16_t *)b;
  return ((w1[0] ^ w2[0]) | (w1[1] ^ w2[1]) | (w1[2] ^ w2[2])) == 0;
}
static inline int rte_is_zero_ether_addr(const struct rte_ether_addr *a) {
  const uint16_t *w = (const uint16_t *)a;
  return (w[0] | w[1] | w[2]) == 0;
}
static inline int rte_is_multicast_ether_addr(const struct rte_ether_addr *a) {
  return a->addr_bytes[0] & RTE_ETHER_GROUP_ADDR;
}
static inline int rte_is_unicast_ether_addr(const struct rte_ether_addr *a) {
  return (a->addr_bytes[0] & RTE_ETHER_GROUP_ADDR) == 0;
}
static inline int rte_is_broadcast_ether_addr(const struct rte_ether_addr *a) {
  const uint16_t *w = (const uint16_t *)a;
  return w[0] == 0xFFFF && w[1] == 0xFFFF && w[2] == 0xFFFF;
}
static inline void rte_ether_addr_copy(const struct rte_ether_addr *from, struct rte_ether_addr *to) { *to = *from; }
