/* The colder half of the packet helpers: what moves bytes, sums them up or prints them. */
#include "nf-util.h"

_Thread_local struct maestro_cursor maestro_cursor;

bool packet_shrink_chunk(uint8_t **p, size_t new_length, void **chunks, size_t n_chunks, struct rte_mbuf *mbuf) {
  if (n_chunks == 0) return false;
  uint8_t *const cursor = *p + maestro_cursor.read_length;
  uint8_t *const last = chunks[n_chunks - 1];
  const size_t length = (size_t)(cursor - last);
  if (new_length > length) {
    MAESTRO_MISUSE("a chunk cannot grow; bytes asked for:", new_length);
    return false;
  }
  const size_t cut = length - new_length;
  /* Everything before the cut moves up: the frame gets shorter at its front. */
  const size_t before = (size_t)(last - *p) + new_length;
  if (rte_pktmbuf_adj(mbuf, (uint16_t)cut) == NULL) return false;
  memmove(*p + cut, *p, before);
  maestro_cursor.frame = *p += cut;
  for (size_t i = 0; i < n_chunks; i++) chunks[i] = (uint8_t *)chunks[i] + cut;
  maestro_cursor.total_length -= (uint32_t)cut;
  maestro_cursor.read_length -= (uint32_t)cut;
  return true;
}

bool packet_insert_new_chunk(uint8_t **p, size_t length, void **chunks, size_t *n_chunks, struct rte_mbuf *mbuf) {
  if (*n_chunks >= MAX_N_CHUNKS || length > UINT16_MAX || rte_pktmbuf_prepend(mbuf, (uint16_t)length) == NULL)
    return false;
  const size_t before = maestro_cursor.read_length;
  memmove(*p - length, *p, before);
  maestro_cursor.frame = *p -= length;
  for (size_t i = 0; i < *n_chunks; i++) chunks[i] = (uint8_t *)chunks[i] - length;
  chunks[(*n_chunks)++] = *p + before;
  maestro_cursor.total_length += (uint32_t)length;
  maestro_cursor.read_length += (uint32_t)length;
  return true;
}

void *nf_shrink_chunk(uint8_t **p, size_t new_length, struct rte_mbuf *mbuf) {
  packet_shrink_chunk(p, new_length, chunks_borrowed, chunks_borrowed_num, mbuf);
  return chunks_borrowed_num > 0 ? chunks_borrowed[chunks_borrowed_num - 1] : NULL;
}

void *nf_insert_new_chunk(uint8_t **p, size_t length, struct rte_mbuf *mbuf) {
  if (!packet_insert_new_chunk(p, length, chunks_borrowed, &chunks_borrowed_num, mbuf)) return NULL;
  return chunks_borrowed[chunks_borrowed_num - 1];
}

void maestro_set_checksums(struct rte_ipv4_hdr *ip, void *l4, const uint8_t *end) {
  const size_t header = rte_ipv4_hdr_len(ip);
  const size_t total = rte_be_to_cpu_16(ip->total_length);
  const size_t l4_length = total - header; /* used only if total >= header */
  const bool whole = total >= header && l4_length <= (size_t)(end - (const uint8_t *)l4);
  ip->hdr_checksum = 0;
  if (whole && ip->next_proto_id == IPPROTO_TCP && l4_length >= sizeof(struct rte_tcp_hdr)) {
    struct rte_tcp_hdr *tcp = l4;
    tcp->cksum = 0;
    tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
  } else if (whole && ip->next_proto_id == IPPROTO_UDP && l4_length >= sizeof(struct rte_udp_hdr)) {
    struct rte_udp_hdr *udp = l4;
    udp->dgram_cksum = 0;
    udp->dgram_cksum = rte_ipv4_udptcp_cksum(ip, udp);
  }
  if (header <= (size_t)(end - (const uint8_t *)ip)) ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static const char *mac_text(const struct rte_ether_addr *address, char text[RTE_ETHER_ADDR_FMT_SIZE]) {
  rte_ether_format_addr(text, RTE_ETHER_ADDR_FMT_SIZE, address);
  return text;
}

static void log_ipv4(const struct rte_ipv4_hdr *ip) {
  const uint8_t *src = (const uint8_t *)&ip->src_addr, *dst = (const uint8_t *)&ip->dst_addr;
  NF_INFO("  IPv4: %u.%u.%u.%u -> %u.%u.%u.%u protocol %u, %u bytes, TTL %u", src[0], src[1], src[2], src[3], dst[0],
          dst[1], dst[2], dst[3], ip->next_proto_id, rte_be_to_cpu_16(ip->total_length), ip->time_to_live);
}

void nf_log_pkt(struct rte_ether_hdr *ether, struct rte_ipv4_hdr *ip, struct tcpudp_hdr *tcpudp) {
  char src[RTE_ETHER_ADDR_FMT_SIZE], dst[RTE_ETHER_ADDR_FMT_SIZE];
  NF_INFO("packet of %" PRIu32 " bytes", maestro_cursor.total_length);
  NF_INFO("  Ethernet: %s -> %s type 0x%04x", mac_text(&ether->src_addr, src), mac_text(&ether->dst_addr, dst),
          rte_be_to_cpu_16(ether->ether_type));
  if (ip != NULL) log_ipv4(ip);
  if (tcpudp != NULL)
    NF_INFO("  ports: %u -> %u", rte_be_to_cpu_16(tcpudp->src_port), rte_be_to_cpu_16(tcpudp->dst_port));
}
