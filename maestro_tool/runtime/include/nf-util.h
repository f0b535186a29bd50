/* Helpers to take headers off a packet, and to write them back (libVig's nf-util.h).
 *
 * `p` is what nf_process was given: the address of the frame's address, or, as in older versions of libVig, the frame's
 * address itself.  Both are here: where the frame starts is known from the cursor.
 *
 * Headers are *chunks*, pushed on a stack of the thread while a packet is handled.  As in libVig the L4 header is read
 * behind 20 bytes of IPv4 header, at offset 34, whatever IHL and fragment offset say.
 */
#ifndef MAESTRO_NF_UTIL_H
#define MAESTRO_NF_UTIL_H

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
#include "maestro_debug.h"
#include "nf-log.h"
#ifdef MAESTRO_DIALECT
#include MAESTRO_DIALECT
#endif

/* No layouts outside of symbolic execution. */
#define CHUNK_LAYOUT(...)
#define CHUNK_LAYOUT_N(...)
#define CHUNK_LAYOUT_IMPL(...)

struct tcpudp_hdr {
  uint16_t src_port;
  uint16_t dst_port;
};

static inline void *nf_borrow_next_chunk(void *p, size_t length) {
  struct maestro_cursor *cursor = MAESTRO_CURSOR(p);
  assert(cursor->n_chunks < MAX_N_CHUNKS);
  void *chunk = cursor->frame + cursor->read_length;
  cursor->read_length += length;
  cursor->chunks[cursor->n_chunks++] = chunk;
  return chunk;
}

/* Returns the chunk borrowed last. */
static inline void nf_return_chunk(void *p) {
  struct maestro_cursor *cursor = MAESTRO_CURSOR(p);
  if (cursor->n_chunks > 0)
    cursor->read_length = (size_t)((uint8_t *)cursor->chunks[--cursor->n_chunks] - cursor->frame);
}

/* Returns all chunks: the cursor is at the first of them again. */
static inline void nf_return_all_chunks(void *p) {
  struct maestro_cursor *cursor = MAESTRO_CURSOR(p);
  if (cursor->n_chunks > 0) cursor->read_length = (size_t)((uint8_t *)cursor->chunks[0] - cursor->frame);
  cursor->n_chunks = 0;
}

#ifdef MAESTRO_LOCAL_CURSOR
void *nf_get_borrowed_chunk(uint32_t i) MAESTRO_THREADS_CURSOR;
#else
static inline void *nf_get_borrowed_chunk(uint32_t i) { return chunks_borrowed[i]; }
#endif

/* Cuts the chunk borrowed last down to new_length bytes; the bytes before it move up to meet it, *p with them. */
void *nf_shrink_chunk(uint8_t **p, size_t new_length, struct rte_mbuf *mbuf) MAESTRO_THREADS_CURSOR;

/* Makes room for a chunk of `length` bytes (not set) behind the one borrowed last, and borrows it.
 * NULL, and nothing changed, if the mbuf has no headroom left. */
void *nf_insert_new_chunk(uint8_t **p, size_t length, struct rte_mbuf *mbuf) MAESTRO_THREADS_CURSOR;

/* The same on the bare packet: `chunk` is cut to new_length; `length` bytes are inserted at the cursor. */
bool packet_shrink_chunk(uint8_t **p, size_t new_length, void **chunks, size_t n_chunks,
                         struct rte_mbuf *mbuf) MAESTRO_THREADS_CURSOR;
bool packet_insert_new_chunk(uint8_t **p, size_t length, void **chunks, size_t *n_chunks,
                             struct rte_mbuf *mbuf) MAESTRO_THREADS_CURSOR;

/* How many packets ahead frames are fetched: about the time one comes from memory. */
#define MAESTRO_FETCH_AHEAD 4

/* No length check: shorter frames never reach the NF.  Frames are fetched from here, so that NFs that do not read them
 * need not wait for them; unless the burst looks ahead and has fetched them. */
static inline struct rte_ether_hdr *nf_then_get_rte_ether_header(void *p) {
#ifndef MAESTRO_LOOKS_AHEAD
  const struct maestro_cursor *cursor = MAESTRO_CURSOR(p);
  if (MAESTRO_LIKELY(cursor->burst_end - cursor->burst > MAESTRO_FETCH_AHEAD))
    rte_prefetch0(rte_pktmbuf_mtod(cursor->burst[MAESTRO_FETCH_AHEAD], void *));
#endif
  return (struct rte_ether_hdr *)nf_borrow_next_chunk(p, sizeof(struct rte_ether_hdr));
}

static inline bool nf_has_rte_ipv4_header(struct rte_ether_hdr *ether) {
  return ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4);
}

static inline bool nf_has_tcpudp_header(struct rte_ipv4_hdr *ip) {
  /* | and not ||: one branch. */
  return (ip->next_proto_id == IPPROTO_TCP) | (ip->next_proto_id == IPPROTO_UDP);
}

static inline bool nf_has_tcp_header(struct rte_ipv4_hdr *ip) { return ip->next_proto_id == IPPROTO_TCP; }
static inline bool nf_has_udp_header(struct rte_ipv4_hdr *ip) { return ip->next_proto_id == IPPROTO_UDP; }

/* NULL unless the EtherType is IPv4 and 20 bytes are left. */
static inline struct rte_ipv4_hdr *nf_then_get_rte_ipv4_header(void *ether, void *p) {
  if (!nf_has_rte_ipv4_header((struct rte_ether_hdr *)ether) ||
      packet_get_unread_length(p) < sizeof(struct rte_ipv4_hdr))
    return NULL;
  return (struct rte_ipv4_hdr *)nf_borrow_next_chunk(p, sizeof(struct rte_ipv4_hdr));
}

/* Also NULL (with the IPv4 chunk borrowed) if IHL < 5 or less is left than the header's total length says.
 * Borrows the options, if any: *ip_options, else NULL. */
static inline struct rte_ipv4_hdr *nf_then_get_rte_ipv4_header_with_options(void *ether, void *p,
                                                                            uint8_t **ip_options) {
  *ip_options = NULL;
  const uint32_t unread = packet_get_unread_length(p);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, p);
  if (ip == NULL) return NULL;
  const uint32_t ihl = ip->version_ihl & RTE_IPV4_HDR_IHL_MASK;
  const uint32_t options = ihl < 5 ? 0 : (ihl - 5) * 4;
  if (ihl < 5 || unread < rte_be_to_cpu_16(ip->total_length) || packet_get_unread_length(p) < options) return NULL;
  if (options > 0) *ip_options = (uint8_t *)nf_borrow_next_chunk(p, options);
  return ip;
}

/* Older versions of libVig call the function with options by the name of the one without. */
#define nf_then_get_rte_ipv4_header(ether, ...)                                                       \
  MAESTRO_THIRD(__VA_ARGS__, nf_then_get_rte_ipv4_header_with_options, nf_then_get_rte_ipv4_header, ) \
  (ether, __VA_ARGS__)
#define MAESTRO_THIRD(first, second, third, ...) third

/* NULL unless TCP or UDP, and the ports are there. */
static inline struct tcpudp_hdr *nf_then_get_tcpudp_header(struct rte_ipv4_hdr *ip, void *p) {
  if (!nf_has_tcpudp_header(ip) || packet_get_unread_length(p) < sizeof(struct tcpudp_hdr)) return NULL;
  return (struct tcpudp_hdr *)nf_borrow_next_chunk(p, sizeof(struct tcpudp_hdr));
}

static inline struct rte_tcp_hdr *nf_then_get_tcp_header(struct rte_ipv4_hdr *ip, void *p) {
  if (!nf_has_tcp_header(ip) || packet_get_unread_length(p) < sizeof(struct rte_tcp_hdr)) return NULL;
  return (struct rte_tcp_hdr *)nf_borrow_next_chunk(p, sizeof(struct rte_tcp_hdr));
}

static inline struct rte_udp_hdr *nf_then_get_udp_header(struct rte_ipv4_hdr *ip, void *p) {
  if (!nf_has_udp_header(ip) || packet_get_unread_length(p) < sizeof(struct rte_udp_hdr)) return NULL;
  return (struct rte_udp_hdr *)nf_borrow_next_chunk(p, sizeof(struct rte_udp_hdr));
}

/* The function below; `end`: behind the frame's last byte. */
void maestro_set_checksums(struct rte_ipv4_hdr *ip, void *l4, const uint8_t *end);

/* Recomputes the IPv4 header checksum, and the TCP/UDP checksum over the payload that total_length announces.
 * A frame that ends before that keeps its L4 checksum: there is nothing right to put there. */
static inline void nf_set_rte_ipv4_udptcp_checksum(struct rte_ipv4_hdr *ip, void *l4, void *packet) {
  maestro_set_checksums(ip, l4, MAESTRO_CURSOR(packet)->end);
}

/* New strings, which the caller frees.  The address is in network byte order. */
char *nf_mac_to_str(struct rte_ether_addr *address);
char *nf_rte_ipv4_to_str(uint32_t address);

/* Number at the start of the text, up to the character `next`; ends the program, naming `name`, if there is none. */
uintmax_t nf_util_parse_int(const char *text, const char *name, int base, char next);

/* Prints the headers with NF_INFO; ip and tcpudp may be NULL. */
void nf_log_pkt(struct rte_ether_hdr *ether, struct rte_ipv4_hdr *ip,
                struct tcpudp_hdr *tcpudp) MAESTRO_THREADS_CURSOR;

#endif
