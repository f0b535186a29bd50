/* Packet helpers on frames of every length, chunk surgery, checksums against an independent sum, text. */

#include "check.h"
#include "start_eal.h"
#include "lib/unverified/util.h"
#include "lib/verified/ether.h"
#include "maestro_burst.h"
#include "nf-parse.h"

struct nf_config {
  int unused;
};
struct nf_config config;

static struct rte_mempool *pool;
static uint8_t *frame;

static struct rte_mbuf *begin(uint16_t length, uint8_t filler) {
  struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
  CHECK(mbuf != NULL);
  memset(mbuf->buf_addr, filler, mbuf->buf_len);
  CHECK(rte_pktmbuf_append(mbuf, length) != NULL);
  frame = maestro_packet_begin(mbuf);
  return mbuf;
}

static void write_ipv4(uint8_t protocol, uint8_t ihl, uint16_t total_length) {
  frame[12] = 0x08;
  frame[13] = 0;
  frame[14] = (uint8_t)(0x40 | ihl);
  frame[16] = (uint8_t)(total_length >> 8);
  frame[17] = (uint8_t)total_length;
  frame[23] = protocol;
}

static void lengths(void) {
  for (uint16_t length = 0; length < 80; length++) {
    for (unsigned protocol = 0; protocol < 256; protocol++) {
      struct rte_mbuf *mbuf = begin(length, 0);
      if (length >= 24) write_ipv4((uint8_t)protocol, 5, 20);
      uint8_t *p = frame;
      struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(&p);
      CHECK((uint8_t *)ether == frame);
      struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, &p);
      CHECK_EQ(ip != NULL, length >= 34);
      if (ip != NULL) {
        CHECK((uint8_t *)ip == frame + 14);
        CHECK_EQ(packet_get_unread_length(&p), length - 34);
        const bool tcp = protocol == 6, udp = protocol == 17;
        struct tcpudp_hdr *ports = nf_then_get_tcpudp_header(ip, &p);
        CHECK_EQ(ports != NULL, (tcp || udp) && length >= 38);
        if (ports != NULL) {
          CHECK((uint8_t *)ports == frame + 34);
          CHECK_EQ(chunks_borrowed_num, 3);
          CHECK(nf_get_borrowed_chunk(1) == ip);
          nf_return_chunk(&p);
        }
        CHECK_EQ(packet_get_unread_length(&p), length - 34);
        CHECK_EQ(nf_then_get_tcp_header(ip, &p) != NULL, tcp && length >= 54);
        if (chunks_borrowed_num == 3) nf_return_chunk(&p);
        CHECK_EQ(nf_then_get_udp_header(ip, &p) != NULL, udp && length >= 42);
      }
      nf_return_all_chunks(p);
      CHECK_EQ(packet_get_unread_length(&p), length);
      CHECK_EQ(chunks_borrowed_num, 0);
      rte_pktmbuf_free(mbuf);
    }
  }
}

/* An NF that notes what it is given, and answers with the first byte of the frame. */
static struct {
  unsigned n_calls;
  uint16_t length;
  uint32_t unread;
} seen;

bool nf_init(void) { return true; }

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  CHECK_EQ(device, mbuf->port);
  CHECK_EQ(now, 77);
  CHECK_EQ(now, current_time());
  CHECK_EQ(chunks_borrowed_num, 0);
  seen.n_calls++;
  seen.length = packet_length;
  seen.unread = packet_get_unread_length(buffer);
  CHECK(maestro_cursor.end == *buffer + packet_length);
  return nf_then_get_rte_ether_header(buffer)->dst_addr.addr_bytes[0];
}

MAESTRO_DEFINE_BURST(test_burst)

/* Frames without an Ethernet header never reach the NF; others with their length. */
static void runts(void) {
  for (uint16_t length = 0; length < 80; length++) {
    struct rte_mbuf *mbuf = begin(length, 5);
    uint16_t verdict = 0x1234;
    seen.n_calls = 0;
    mbuf->port = 3;
    test_burst(&mbuf, 1, 77, &verdict);
    CHECK_EQ(seen.n_calls, length >= 14);
    CHECK_EQ(verdict, length >= 14 ? 5 : MAESTRO_DROP);
    if (length >= 14) CHECK_EQ(seen.length, length);
    if (length >= 14) CHECK_EQ(seen.unread, length);
    rte_pktmbuf_free(mbuf);
  }
}

/* Of a packet in several buffers the NF sees what is contiguous, however long the whole is. */
static void segments(void) {
  static const uint32_t LENGTHS[] = {61, 14, 9000, 65535, 65536, 65549, 65536 + 60, 1u << 20};
  for (unsigned i = 0; i < RTE_DIM(LENGTHS); i++) {
    for (uint16_t first = 0; first < 61; first += 10) {
      struct rte_mbuf *mbuf = begin(first, 5);
      uint16_t verdict = 0x1234;
      seen.n_calls = 0;
      mbuf->port = 3;
      mbuf->pkt_len = LENGTHS[i];
      test_burst(&mbuf, 1, 77, &verdict);
      CHECK_EQ(seen.n_calls, first >= 14);
      CHECK_EQ(verdict, first >= 14 ? 5 : MAESTRO_DROP);
      if (first >= 14) CHECK_EQ(seen.length, first);
      if (first >= 14) CHECK_EQ(seen.unread, first);
      mbuf->pkt_len = first;
      rte_pktmbuf_free(mbuf);
    }
  }
}

/* Each packet of a burst has its own verdict, runts between them or not. */
static void bursts(uint64_t seed) {
  enum { MAX = 33 };
  for (unsigned n = 0; n <= MAX; n++) {
    struct rte_mbuf *mbufs[MAX];
    uint16_t verdicts[MAX + 1], expected[MAX];
    unsigned n_frames = 0;
    verdicts[n] = 0x1234;
    for (unsigned i = 0; i < n; i++) {
      const bool runt = below(&seed, 4) == 0;
      const uint8_t output = (uint8_t)below(&seed, 4);
      mbufs[i] = begin((uint16_t)(runt ? below(&seed, 14) : 14 + below(&seed, 100)), output);
      mbufs[i]->port = (uint16_t)below(&seed, 4);
      expected[i] = runt || output == mbufs[i]->port ? MAESTRO_DROP : output;
      n_frames += !runt;
    }
    seen.n_calls = 0;
    test_burst(mbufs, (uint16_t)n, 77, verdicts);
    CHECK_EQ(seen.n_calls, n_frames);
    for (unsigned i = 0; i < n; i++) CHECK_EQ(verdicts[i], expected[i]);
    CHECK_EQ(verdicts[n], 0x1234);
    rte_pktmbuf_free_bulk(mbufs, n);
  }
}

static void options(void) {
  for (uint8_t ihl = 0; ihl < 16; ihl++) {
    for (uint16_t length = 34; length < 100; length++) {
      for (uint16_t total = 0; total < 90; total += 7) {
        struct rte_mbuf *mbuf = begin(length, 0);
        write_ipv4(6, ihl, total);
        uint8_t *p = frame, *found = (uint8_t *)1;
        struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(&p);
        struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header_with_options(ether, &p, &found);
        const unsigned n_options = ihl > 5 ? 4u * (ihl - 5u) : 0;
        CHECK_EQ(ip != NULL, ihl >= 5 && total <= length - 14 && 34 + n_options <= length);
        CHECK(found == (ip != NULL && n_options > 0 ? frame + 34 : NULL));
        if (ip != NULL) CHECK_EQ(packet_get_unread_length(&p), length - 34 - n_options);
        rte_pktmbuf_free(mbuf);
      }
    }
  }
}

static void shrink_and_insert(void) {
  struct rte_mbuf *mbuf = begin(60, 0);
  for (uint8_t i = 0; i < 60; i++) frame[i] = i;
  uint8_t *p = frame;
  uint8_t *a = nf_borrow_next_chunk(&p, 14), *b = nf_borrow_next_chunk(&p, 20);
  uint8_t *c = nf_insert_new_chunk(&p, 8, mbuf);
  CHECK(c != NULL && p == rte_pktmbuf_mtod(mbuf, uint8_t *) && p == frame - 8);
  CHECK_EQ(mbuf->pkt_len, 68);
  CHECK(nf_get_borrowed_chunk(0) == p && nf_get_borrowed_chunk(1) == p + 14 && nf_get_borrowed_chunk(2) == p + 34 &&
        c == p + 34);
  memset(c, 0xCC, 8);
  for (uint8_t i = 0; i < 60; i++) CHECK_EQ(p[i < 34 ? i : i + 8], i);
  CHECK_EQ(packet_get_unread_length(&p), 26);
  CHECK_EQ(packet_get_chunk_length(p, c), 8);
  c = nf_shrink_chunk(&p, 3, mbuf); /* of the 8 bytes 3 stay */
  CHECK_EQ(mbuf->pkt_len, 63);
  CHECK(c == p + 34 && c[2] == 0xCC && c[3] == 34 && p == rte_pktmbuf_mtod(mbuf, uint8_t *));
  c = nf_shrink_chunk(&p, 0, mbuf);
  CHECK_EQ(mbuf->pkt_len, 60);
  for (uint8_t i = 0; i < 60; i++) CHECK_EQ(p[i], i);
  CHECK_EQ(packet_get_unread_length(&p), 26);
  CHECK(p == a && nf_get_borrowed_chunk(1) == b);
  CHECK(nf_insert_new_chunk(&p, 1000, mbuf) == NULL); /* no room in front */
  CHECK_EQ(mbuf->pkt_len, 60);
  nf_return_all_chunks(p);
  CHECK_EQ(packet_get_unread_length(&p), 60);
  rte_pktmbuf_free(mbuf);
}

/* RFC 1071, on its own. */
static uint32_t sum(const uint8_t *bytes, size_t length) {
  uint32_t total = 0;
  for (size_t i = 0; i < length; i++) total += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
  return total;
}

static uint16_t folded(uint32_t total) {
  while (total >> 16) total = (total & 0xFFFF) + (total >> 16);
  return (uint16_t)total;
}

/* A right checksum makes the whole sum 0xFFFF. */
static void checksums(uint64_t seed) {
  for (unsigned round = 0; round < 2000; round++) {
    const bool tcp = below(&seed, 2);
    const uint16_t l4_length = (uint16_t)((tcp ? 20 : 8) + below(&seed, 120));
    struct rte_mbuf *mbuf = begin((uint16_t)(34 + l4_length + below(&seed, 10)), 0);
    for (uint16_t i = 0; i < 34 + l4_length; i++) frame[i] = (uint8_t)next_random(&seed);
    write_ipv4(tcp ? 6 : 17, 5, (uint16_t)(20 + l4_length));
    if (!tcp) {
      frame[38] = (uint8_t)(l4_length >> 8);
      frame[39] = (uint8_t)l4_length;
    }
    nf_set_rte_ipv4_udptcp_checksum((struct rte_ipv4_hdr *)(frame + 14), frame + 34, &frame);
    CHECK_EQ(folded(sum(frame + 14, 20)), 0xFFFF);
    CHECK_EQ(folded(sum(frame + 26, 8) + (tcp ? 6u : 17u) + l4_length + sum(frame + 34, l4_length)), 0xFFFF);
    rte_pktmbuf_free(mbuf);
  }
}

/* A total length beyond the end of the frame: nothing is read there, the L4 checksum stays. */
static void checksum_of_a_lie(void) {
  struct rte_mbuf *mbuf = begin(60, 1);
  write_ipv4(17, 5, 1400);
  nf_set_rte_ipv4_udptcp_checksum((struct rte_ipv4_hdr *)(frame + 14), frame + 34, &frame);
  CHECK_EQ(folded(sum(frame + 14, 20)), 0xFFFF);
  CHECK_EQ(frame[40] << 8 | frame[41], 0x0101);
  rte_pktmbuf_free(mbuf);
}

static void text(void) {
  struct rte_ether_addr mac;
  CHECK(nf_parse_etheraddr("01:23:45:67:89:ab", &mac));
  char *s = nf_mac_to_str(&mac);
  CHECK(strcasecmp(s, "01:23:45:67:89:ab") == 0);
  free(s);
  CHECK(!nf_parse_etheraddr("01:23:45:67:89", &mac));
  uint32_t ip = 0;
  CHECK(nf_parse_ipv4addr("10.2.3.4", &ip));
  CHECK_EQ(ip, RTE_BE32(0x0A020304));
  s = nf_rte_ipv4_to_str(ip);
  CHECK(strcmp(s, "10.2.3.4") == 0);
  free(s);
  CHECK(!nf_parse_ipv4addr("10.2.3", &ip) && !nf_parse_ipv4addr("10.2.3.256", &ip) && !nf_parse_ipv4addr("", &ip));
  uint16_t port = 0;
  CHECK(nf_parse_port("80", &port));
  CHECK_EQ(port, RTE_BE16(80));
  CHECK(!nf_parse_port("65536", &port) && !nf_parse_port("-1", &port) && !nf_parse_port("8x", &port) &&
        !nf_parse_port("", &port));
  CHECK(nf_parse_device("3", &port));
  CHECK_EQ(port, 3);
  uint8_t protocol = 0;
  CHECK(nf_parse_proto("tcp", &protocol) && protocol == 6);
  CHECK(nf_parse_proto("132", &protocol) && protocol == 132);
  CHECK(!nf_parse_proto("256", &protocol));
  CHECK_EQ(nf_util_parse_int("42", "n", 10, '\0'), 42);
  CHECK_EQ(nf_util_parse_int("42,7", "n", 10, ','), 42);
  CHECK_EQ(nf_util_parse_int("-1", "n", 10, '\0'), -1);
}

static void hashes(void) {
  /* CRC32C ("123456789") is 0xE3069283 with all bits inverted at both ends; ours starts at 0 and feeds a word per byte.
   */
  uint8_t bytes[6] = {1, 2, 3, 4, 5, 6};
  unsigned expected = 0;
  for (int i = 0; i < 6; i++) expected = __builtin_ia32_crc32si(expected, bytes[i]);
  CHECK_EQ(hash_obj(bytes, 6), expected);
  CHECK_EQ(rte_ether_addr_hash(bytes), expected);
  struct rte_ether_addr a = {{1, 2, 3, 4, 5, 6}}, b = a;
  CHECK(rte_ether_addr_eq(&a, &b));
  b.addr_bytes[5]++;
  CHECK(!rte_ether_addr_eq(&a, &b));
  rte_ether_addr_allocate(&a);
  CHECK(rte_is_zero_ether_addr(&a));
}

static void verdicts(void) {
  CHECK_EQ(maestro_verdict(3, 2), 3);
  CHECK_EQ(maestro_verdict(2, 2), MAESTRO_DROP);
  CHECK_EQ(maestro_verdict(-1, 2), MAESTRO_FLOOD);
  CHECK_EQ(maestro_verdict(FLOOD_FRAME, 2), MAESTRO_FLOOD);
}

int main(void) {
  start_eal();
  pool = rte_pktmbuf_pool_create("test", 63, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  CHECK(pool != NULL);
  lengths();
  runts();
  segments();
  bursts(1);
  options();
  shrink_and_insert();
  checksums(1);
  checksum_of_a_lie();
  text();
  hashes();
  verdicts();
  rte_eal_cleanup();
  return 0;
}
