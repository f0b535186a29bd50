/* The executor models these functions; see symex. */
#pragma once
#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_debug.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include "lib/verified/boilerplate-util.h"
#include "lib/verified/packet-io.h"
#include "nf-log.h"
#ifdef MAESTRO_DIALECT
#include MAESTRO_DIALECT
#endif
#define CHUNK_LAYOUT(...)
#define CHUNK_LAYOUT_N(...)
#define CHUNK_LAYOUT_IMPL(...)
struct tcpudp_hdr {
  uint16_t src_port;
  uint16_t dst_port;
};
void *nf_borrow_next_chunk(void *p, size_t length);
void *nf_get_borrowed_chunk(uint32_t i);
void nf_return_chunk(void *p);
void nf_return_all_chunks(void *p);
void *nf_shrink_chunk(uint8_t **p, size_t new_length, struct rte_mbuf *mbuf);
void *nf_insert_new_chunk(uint8_t **p, size_t length, struct rte_mbuf *mbuf);
bool packet_shrink_chunk(uint8_t **p, size_t new_length, void **chunks, size_t n_chunks, struct rte_mbuf *mbuf);
bool packet_insert_new_chunk(uint8_t **p, size_t length, void **chunks, size_t *n_chunks, struct rte_mbuf *mbuf);
struct rte_ether_hdr *nf_then_get_rte_ether_header(void *p);
bool nf_has_rte_ipv4_header(struct rte_ether_hdr *ether);
bool nf_has_tcpudp_header(struct rte_ipv4_hdr *ip);
bool nf_has_tcp_header(struct rte_ipv4_hdr *ip);
bool nf_has_udp_header(struct rte_ipv4_hdr *ip);
struct rte_ipv4_hdr *nf_then_get_rte_ipv4_header(void *ether, void *p);
#define nf_then_get_rte_ipv4_header(ether, ...) MAESTRO_THIRD(__VA_ARGS__, nf_then_get_rte_ipv4_header_with_options, nf_then_get_rte_ipv4_header, )(ether, __VA_ARGS__)
#define MAESTRO_THIRD(first, second, third, ...) third
struct rte_ipv4_hdr *nf_then_get_rte_ipv4_header_with_options(void *ether, void *p, uint8_t **ip_options);
struct tcpudp_hdr *nf_then_get_tcpudp_header(struct rte_ipv4_hdr *ip, void *p);
struct rte_tcp_hdr *nf_then_get_tcp_header(struct rte_ipv4_hdr *ip, void *p);
struct rte_udp_hdr *nf_then_get_udp_header(struct rte_ipv4_hdr *ip, void *p);
void nf_set_rte_ipv4_udptcp_checksum(struct rte_ipv4_hdr *ip, void *l4, void *packet);
char *nf_mac_to_str(struct rte_ether_addr *address);
char *nf_rte_ipv4_to_str(uint32_t address);
uintmax_t nf_util_parse_int(const char *text, const char *name, int base, char next);
void nf_log_pkt(struct rte_ether_hdr *ether, struct rte_ipv4_hdr *ip, struct tcpudp_hdr *tcpudp);
