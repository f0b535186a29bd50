/* Toeplitz against Microsoft's vectors and DPDK's own function; packet classes and indices of frames written by hand.
 */
#include <rte_thash.h>

#include "check.h"
#include "steering.h"

/* "Verifying the RSS hash calculation", Microsoft. */
static const uint8_t MS_KEY[40] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
                                   0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
                                   0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

struct vector4 {
  uint8_t src[4], dst[4];
  uint16_t src_port, dst_port;
  uint32_t with_ports, without;
};

static const struct vector4 IPV4[] = {
    {{66, 9, 149, 187}, {161, 142, 100, 80}, 2794, 1766, 0x51ccc178, 0x323e8fc2},
    {{199, 92, 111, 2}, {65, 69, 140, 83}, 14230, 4739, 0xc626b0ea, 0xd718262a},
    {{24, 19, 198, 95}, {12, 22, 207, 184}, 12898, 38024, 0x5c2b394a, 0xd2d0a5de},
    {{38, 27, 205, 30}, {209, 142, 163, 6}, 48228, 2217, 0xafc7327f, 0x82989176},
    {{153, 39, 163, 191}, {202, 188, 127, 2}, 44251, 1303, 0x10e828a2, 0x5d1809c5},
};

static void microsoft_ipv4(void) {
  for (unsigned i = 0; i < sizeof IPV4 / sizeof IPV4[0]; i++) {
    const struct vector4 *v = &IPV4[i];
    uint8_t input[12];
    memcpy(input, v->src, 4);
    memcpy(input + 4, v->dst, 4);
    input[8] = (uint8_t)(v->src_port >> 8);
    input[9] = (uint8_t)v->src_port;
    input[10] = (uint8_t)(v->dst_port >> 8);
    input[11] = (uint8_t)v->dst_port;
    CHECK_EQ(maestro_toeplitz(MS_KEY, input, 12), v->with_ports);
    CHECK_EQ(maestro_toeplitz(MS_KEY, input, 8), v->without);
  }
}

static void microsoft_ipv6(void) {
  /* 3ffe:2501:200:1fff::7 port 2794 -> 3ffe:2501:200:3::1 port 1766 */
  static const uint8_t input[36] = {0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x1f, 0xff, 0,    0,    0,    0,
                                    0,    0,    0,    7,    0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x00, 0x03,
                                    0,    0,    0,    0,    0,    0,    0,    1,    0x0a, 0xea, 0x06, 0xe6};
  CHECK_EQ(maestro_toeplitz(MS_KEY, input, 36), 0x40207d3d);
  CHECK_EQ(maestro_toeplitz(MS_KEY, input, 32), 0x2cc18cd5);
}

static void against_dpdk(uint64_t seed) {
  for (unsigned round = 0; round < 300; round++) {
    uint8_t key[52], input[36];
    for (unsigned i = 0; i < sizeof key; i++) key[i] = (uint8_t)next_random(&seed);
    for (unsigned i = 0; i < sizeof input; i++) input[i] = (uint8_t)next_random(&seed);
    const uint32_t n_words = 1 + below(&seed, 9);
    uint32_t words[9];
    for (uint32_t i = 0; i < n_words; i++) {
      memcpy(&words[i], input + 4 * i, 4);
      words[i] = rte_be_to_cpu_32(words[i]);
    }
    CHECK_EQ(maestro_toeplitz(key, input, 4 * n_words), rte_softrss(words, n_words, key));
  }
}

static uint8_t frame[200];

static void total(uint16_t length) {
  frame[16] = (uint8_t)(length >> 8);
  frame[17] = (uint8_t)length;
}

static void ipv4(uint8_t ihl, uint8_t protocol, uint16_t fragment) {
  memset(frame, 0, sizeof frame);
  frame[12] = 0x08;
  frame[14] = (uint8_t)(0x40 | ihl);
  total(20);
  frame[20] = (uint8_t)(fragment >> 8);
  frame[21] = (uint8_t)fragment;
  frame[23] = protocol;
}

static void payload(uint16_t length) {
  frame[18] = (uint8_t)(length >> 8);
  frame[19] = (uint8_t)length;
}

static void ipv6(uint8_t next) {
  memset(frame, 0, sizeof frame);
  frame[12] = 0x86;
  frame[13] = 0xDD;
  frame[14] = 0x60;
  payload(20);
  frame[20] = next;
}

static void ether_type(uint16_t type) {
  memset(frame, 0, sizeof frame);
  frame[12] = (uint8_t)(type >> 8);
  frame[13] = (uint8_t)type;
}

static void classes(void) {
#define CLASS(length, expected) CHECK_EQ(maestro_classify(frame, length), expected)
  ipv4(5, 6, 0);
  total(40);
  CLASS(60, MAESTRO_TCP4);
  CLASS(54, MAESTRO_TCP4);
  CLASS(53, MAESTRO_MALFORMED); /* less than the total length says */
  CLASS(33, MAESTRO_MALFORMED);
  CLASS(14, MAESTRO_MALFORMED);
  CLASS(13, MAESTRO_MALFORMED);
  CLASS(0, MAESTRO_MALFORMED);
  total(39); /* TCP's header is not there */
  CLASS(60, MAESTRO_MALFORMED);
  ipv4(5, 17, 0x4000); /* don't fragment */
  total(28);
  CLASS(60, MAESTRO_UDP4);
  total(27);
  CLASS(60, MAESTRO_MALFORMED);
  ipv4(5, 132, 0);
  total(32);
  CLASS(60, MAESTRO_SCTP4);
  total(31);
  CLASS(60, MAESTRO_MALFORMED);
  ipv4(5, 1, 0);
  CLASS(34, MAESTRO_IPV4_OTHER);
  total(19);
  CLASS(34, MAESTRO_MALFORMED);
  ipv4(6, 6, 0);
  total(44);
  CLASS(58, MAESTRO_TCP4_OPTIONS);
  CLASS(57, MAESTRO_MALFORMED);
  total(43);
  CLASS(58, MAESTRO_MALFORMED);
  total(20); /* the options are not there */
  CLASS(58, MAESTRO_MALFORMED);
  ipv4(15, 17, 0);
  total(68);
  CLASS(82, MAESTRO_UDP4_OPTIONS);
  ipv4(15, 132, 0);
  total(72);
  CLASS(86, MAESTRO_SCTP4_OPTIONS);
  ipv4(15, 50, 0);
  total(60);
  CLASS(74, MAESTRO_IPV4_OPTIONS_OTHER);
  CLASS(73, MAESTRO_MALFORMED);
  ipv4(4, 6, 0);
  CLASS(60, MAESTRO_MALFORMED);
  ipv4(5, 6, 0);
  total(40);
  frame[14] = 0x65;
  CLASS(60, MAESTRO_MALFORMED);
  ipv4(5, 6, 0x2000); /* more fragments */
  CLASS(34, MAESTRO_IPV4_FRAGMENT);
  ipv4(5, 17, 0x0001);
  CLASS(60, MAESTRO_IPV4_FRAGMENT);
  ipv4(6, 17, 0x1FFF);
  total(24);
  CLASS(60, MAESTRO_IPV4_FRAGMENT);
  ipv4(5, 6, 0x8000); /* the reserved bit */
  total(40);
  CLASS(60, MAESTRO_TCP4);
  ipv6(6);
  CLASS(74, MAESTRO_TCP6);
  CLASS(73, MAESTRO_MALFORMED); /* less than the payload length says */
  CLASS(53, MAESTRO_MALFORMED);
  payload(19); /* TCP's header is not there */
  CLASS(74, MAESTRO_MALFORMED);
  ipv6(17);
  payload(8);
  CLASS(62, MAESTRO_UDP6);
  payload(7);
  CLASS(62, MAESTRO_MALFORMED);
  ipv6(132);
  payload(12);
  CLASS(66, MAESTRO_SCTP6);
  payload(11);
  CLASS(66, MAESTRO_MALFORMED);
  ipv6(58);
  payload(0);
  CLASS(54, MAESTRO_IPV6_OTHER);
  payload(1);
  CLASS(54, MAESTRO_MALFORMED);
  ipv6(44);
  CLASS(74, MAESTRO_IPV6_FRAGMENT);
  frame[14] = 0x45;
  CLASS(74, MAESTRO_MALFORMED);
  static const uint16_t vlans[] = {0x8100, 0x88A8, 0x9100};
  for (unsigned i = 0; i < 3; i++) {
    ether_type(vlans[i]);
    CLASS(60, MAESTRO_VLAN);
  }
  ether_type(0x0806);
  CLASS(60, MAESTRO_NON_IP);
  CLASS(14, MAESTRO_NON_IP);
  ether_type(100);
  CLASS(60, MAESTRO_NON_IP);
#undef CLASS
}

static const struct maestro_port PORT = {.key = MS_KEY,
                                         .key_length = 40,
                                         .key_length_passed = 40,
                                         .table_size = 512,
                                         .l4 = {4, {{26, 4}, {30, 4}, {34, 2}, {36, 2}}},
                                         .l3 = {2, {{26, 4}, {30, 4}}},
                                         .l4v6 = {4, {{22, 16}, {38, 16}, {54, 2}, {56, 2}}},
                                         .l3v6 = {2, {{22, 16}, {38, 16}}}};

static void views6(void) {
  /* 3ffe:2501:200:1fff::7 port 2794 -> 3ffe:2501:200:3::1 port 1766, of Microsoft's */
  ipv6(17);
  memcpy(frame + 22, ((const uint8_t[]){0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x1f, 0xff}), 8);
  frame[37] = 7;
  memcpy(frame + 38, ((const uint8_t[]){0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x00, 0x03}), 8);
  frame[53] = 1;
  memcpy(frame + 54, ((const uint8_t[]){0x0a, 0xea, 0x06, 0xe6}), 4);
  CHECK_EQ(maestro_index(&PORT, frame, 74), 0x40207d3d & 511);
  CHECK_EQ(maestro_index(&PORT, frame, 58), 0x40207d3d & 511);
  CHECK_EQ(maestro_index(&PORT, frame, 57), 0x2cc18cd5 & 511); /* no ports */
  CHECK_EQ(maestro_index(&PORT, frame, 54), 0x2cc18cd5 & 511);
  CHECK_EQ(maestro_index(&PORT, frame, 53), 0);
  frame[14] = 0; /* the NF looks at the EtherType only */
  CHECK_EQ(maestro_index(&PORT, frame, 74), 0x40207d3d & 511);
  frame[20] = 58;
  CHECK_EQ(maestro_index(&PORT, frame, 74), 0x2cc18cd5 & 511);
  struct maestro_port ipv4_only = PORT;
  ipv4_only.l4v6 = ipv4_only.l3v6 = (struct maestro_hash_input){0};
  CHECK_EQ(maestro_index(&ipv4_only, frame, 74), 0);
}

static void views(void) {
  for (unsigned i = 0; i < sizeof IPV4 / sizeof IPV4[0]; i++) {
    const struct vector4 *v = &IPV4[i];
    ipv4(5, 17, 0);
    memcpy(frame + 26, v->src, 4);
    memcpy(frame + 30, v->dst, 4);
    frame[34] = (uint8_t)(v->src_port >> 8);
    frame[35] = (uint8_t)v->src_port;
    frame[36] = (uint8_t)(v->dst_port >> 8);
    frame[37] = (uint8_t)v->dst_port;
    CHECK_EQ(maestro_index(&PORT, frame, 60), v->with_ports & 511);
    CHECK_EQ(maestro_index(&PORT, frame, 38), v->with_ports & 511);
    CHECK_EQ(maestro_index(&PORT, frame, 37), v->without & 511); /* no ports */
    CHECK_EQ(maestro_index(&PORT, frame, 33), 0);
    frame[14] = 0x4F; /* the NF looks at offset 34 whatever IHL and fragment bits say */
    frame[20] = 0x3F;
    CHECK_EQ(maestro_index(&PORT, frame, 60), v->with_ports & 511);
    frame[23] = 1;
    CHECK_EQ(maestro_index(&PORT, frame, 60), v->without & 511);
    frame[12] = 0x81;
    CHECK_EQ(maestro_index(&PORT, frame, 60), 0);
  }
}

/* Bytes of a class, in place of the fields of its view; what is behind the end counts as zeros. */
static void bytes_of_classes(void) {
  static const struct maestro_byte_input inputs[] = {
    {.packets = MAESTRO_VLAN, .input = {2, {{30, 4}, {34, 4}}}}, {.packets = MAESTRO_NON_IP, .input = {1, {{60, 8}}}}};
  struct maestro_port port = PORT;
  port.byte_inputs = inputs;
  port.n_byte_inputs = 2;
  const uint8_t addresses[8] = {66, 9, 149, 187, 161, 142, 100, 80}, zeros[8] = {0};
  ipv4(5, 17, 0);
  memcpy(frame + 30, addresses, 8);
  const uint16_t by_view = maestro_index(&port, frame, 60);
  CHECK_EQ(by_view, maestro_index(&PORT, frame, 60));
  ether_type(0x8100);
  memcpy(frame + 30, addresses, 8);
  CHECK_EQ(maestro_index(&port, frame, 60), 0x323e8fc2 & 511); /* Microsoft's, of these addresses */
  CHECK_EQ(maestro_index(&port, frame, 38), 0x323e8fc2 & 511);
  CHECK_EQ(maestro_index(&port, frame, 34), maestro_toeplitz(MS_KEY, (const uint8_t[8]){66, 9, 149, 187}, 8) & 511);
  CHECK_EQ(maestro_index(&port, frame, 20), 0);
  port.function = MAESTRO_TOEPLITZ_XOR; /* is for fields */
  CHECK_EQ(maestro_index(&port, frame, 60), 0x323e8fc2 & 511);
  ether_type(0x88B5);
  memset(frame + 60, 255, 4);
  CHECK_EQ(maestro_index(&port, frame, 64), maestro_toeplitz(MS_KEY, (const uint8_t[8]){255, 255, 255, 255}, 8) & 511);
  CHECK_EQ(maestro_index(&port, frame, 60), maestro_toeplitz(MS_KEY, zeros, 8) & 511);
}

/* Of frames that fit a shape, the first, its bytes; those of a class that fit none, or one without bytes, go by views. */
static void bytes_of_shapes(void) {
  static const struct maestro_byte_input inputs[] = {
      {MAESTRO_VLAN, 60, {2, {{16, 0x81, 255}, {17, 0, 255}}}, {1, {{34, 4}}}},
      {MAESTRO_VLAN, 18, {1, {{16, 8, 0x0e}}}, {1, {{30, 4}}}},
      {MAESTRO_UDP4, 40, {1, {{37, 53, 255}}}, {0}},
      {MAESTRO_UDP4, 0, {0}, {1, {{30, 4}}}}};
  struct maestro_port port = PORT;
  port.byte_inputs = inputs;
  port.n_byte_inputs = 4;
  const uint8_t first[4] = {66, 9, 149, 187}, second[4] = {161, 142, 100, 80};
  const uint16_t by_first = maestro_toeplitz(MS_KEY, first, 4) & 511, by_second = maestro_toeplitz(MS_KEY, second, 4) & 511;
  ipv4(5, 17, 0);
  ether_type(0x8100);
  memcpy(frame + 30, first, 4);
  memcpy(frame + 34, second, 4);
  frame[16] = 0x81, frame[17] = 0;
  CHECK_EQ(maestro_index(&port, frame, 60), by_second);
  CHECK_EQ(maestro_index(&port, frame, 59), 0); /* too short; the view of tagged frames has no fields */
  frame[17] = 1;
  CHECK_EQ(maestro_index(&port, frame, 60), 0);
  frame[16] = 8;
  CHECK_EQ(maestro_index(&port, frame, 60), by_first);
  frame[16] = 0xf9; /* the bits behind the mask 0e are those of 8 */
  CHECK_EQ(maestro_index(&port, frame, 60), by_first);
  frame[16] = 0xfa;
  CHECK_EQ(maestro_index(&port, frame, 60), 0);
  frame[16] = 8;
  CHECK_EQ(maestro_index(&port, frame, 17), 0);
  ipv4(5, 17, 0);
  total(40);
  memcpy(frame + 30, first, 4);
  frame[37] = 53;
  CHECK_EQ(maestro_index(&port, frame, 60), maestro_index(&PORT, frame, 60));
  frame[37] = 54;
  CHECK_EQ(maestro_index(&port, frame, 60), by_first);
}

static void prepared(uint64_t seed) {
  for (unsigned round = 0; round < 400; round++) {
    uint8_t key[52];
    for (unsigned i = 0; i < sizeof key; i++) key[i] = (uint8_t)next_random(&seed);
    struct maestro_port port = PORT;
    port.key = key;
    port.table_size = (uint16_t)(1u << below(&seed, 12));
    if (below(&seed, 3) == 0) port.l4 = (struct maestro_hash_input){1, {{30, 4}}};
    if (below(&seed, 3) == 0) port.l3 = (struct maestro_hash_input){0};
    if (below(&seed, 5) == 0) port.l4 = (struct maestro_hash_input){2, {{14, 20}, {26, 20}}}; /* longer than prepared */
    if (below(&seed, 3) == 0) port.l4v6 = (struct maestro_hash_input){1, {{38, 16}}};
    const struct maestro_byte_input bytes[] = {
      {.packets = MAESTRO_NON_IP, .input = {2, {{6, 6}, {50, 10}}}},
      {MAESTRO_MALFORMED, 40, {1, {{14, 0x45, 255}}}, {0}},
      {.packets = MAESTRO_MALFORMED, .input = {3, {{0, 20}, {30, 16}, {50, 1}}}}};
    port.byte_inputs = bytes;
    port.n_byte_inputs = (uint8_t)below(&seed, 4);
    struct maestro_steering steering;
    maestro_steering_init(&steering, &port);
    for (unsigned i = 0; i < 50; i++) {
      for (unsigned b = 0; b < 64; b++) frame[b] = (uint8_t)next_random(&seed);
      if (below(&seed, 8) > 0) frame[12] = 0x08, frame[13] = 0;
      if (below(&seed, 2) > 0) frame[12] = 0x86, frame[13] = 0xDD;
      if (below(&seed, 4) > 0) frame[20] = frame[23] = below(&seed, 2) ? 6 : 17;
      const uint32_t length = 20 + below(&seed, 45);
      CHECK_EQ(maestro_steering_index(&steering, frame, length), maestro_index(&port, frame, length));
    }
  }
}

static void tables(void) {
  uint16_t table[512];
  maestro_fill_table(&PORT, 3, table);
  for (unsigned i = 0; i < 512; i++) CHECK_EQ(table[i], i * 3 / 512);
}

int main(void) {
  microsoft_ipv4();
  microsoft_ipv6();
  against_dpdk(1);
  classes();
  views();
  views6();
  bytes_of_classes();
  bytes_of_shapes();
  prepared(2);
  tables();
  return 0;
}
