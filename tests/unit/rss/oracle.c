/* Reads lines from standard input, prints one answer per line; the tests compare them with the Python model.
 *   h KEYHEX INPUTHEX    DPDK's rte_softrss (input in whole 32-bit words)
 *   t KEYHEX INPUTHEX    the same by DPDK's rte_ipv4_tuple or rte_ipv6_tuple (12 or 36 bytes of wire order)
 *   i FUNCTION KEYHEX FRAMEHEX   maestro_index of the 4-tuple, table of 512, by the number of the function
 *   c FUNCTION KEYHEX FRAMEHEX FIELDSHEX   maestro_card_indices; fields: base, offset, length, mixed, a byte each */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_thash.h>

#include "steering.h"

static size_t bytes_of(const char *hex, uint8_t *out) {
  size_t n = 0;
  unsigned byte;
  while (sscanf(hex + 2 * n, "%2x", &byte) == 1) out[n++] = (uint8_t)byte;
  return n;
}

/* Fills the tuple of rte_thash.h from wire order; returns its length in words. */
static uint32_t tuple_of(const uint8_t *input, size_t n, union rte_thash_tuple *tuple) {
  memset(tuple, 0, sizeof *tuple);
  if (n == 12) {
    uint32_t address[2];
    uint16_t port[2];
    memcpy(address, input, 8);
    memcpy(port, input + 8, 4);
    tuple->v4.src_addr = rte_be_to_cpu_32(address[0]);
    tuple->v4.dst_addr = rte_be_to_cpu_32(address[1]);
    tuple->v4.sport = rte_be_to_cpu_16(port[0]);
    tuple->v4.dport = rte_be_to_cpu_16(port[1]);
    return RTE_THASH_V4_L4_LEN;
  }
  struct rte_ipv6_hdr header;
  memset(&header, 0, sizeof header);
  /* An array, and from DPDK 24.11 on a struct. */
  memcpy(&header.src_addr, input, 16);
  memcpy(&header.dst_addr, input + 16, 16);
  rte_thash_load_v6_addrs(&header, tuple);
  uint16_t port[2];
  memcpy(port, input + 32, 4);
  tuple->v6.sport = rte_be_to_cpu_16(port[0]);
  tuple->v6.dport = rte_be_to_cpu_16(port[1]);
  return RTE_THASH_V6_L4_LEN;
}

int main(void) {
  static char line[8192], first[4096], second[4096], third[4096];
  static uint8_t key[2048], input[2048];
  static uint32_t words[512];
  unsigned function;
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "h %4095s %4095s", first, second) == 2) {
      bytes_of(first, key);
      size_t n = bytes_of(second, input) / 4;
      for (size_t i = 0; i < n; i++) {
        memcpy(&words[i], input + 4 * i, 4);
        words[i] = rte_be_to_cpu_32(words[i]);
      }
      printf("%u\n", rte_softrss(words, (uint32_t)n, key));
    } else if (sscanf(line, "t %4095s %4095s", first, second) == 2) {
      union rte_thash_tuple tuple;
      bytes_of(first, key);
      const uint32_t n = tuple_of(input, bytes_of(second, input), &tuple);
      printf("%u\n", rte_softrss((uint32_t *)&tuple, n, key));
    } else if (sscanf(line, "c %u %4095s %4095s %4095s", &function, first, second, third) == 4) {
      const struct maestro_port port = {.key = key, .function = (enum maestro_function)function, .table_size = 512};
      uint8_t fields[32];
      uint16_t indices[2];
      bytes_of(first, key);
      struct maestro_card_class class = {.n_inputs = 1};
      class.inputs[0].n_fields = (uint8_t)(bytes_of(third, fields) / 4);
      memcpy(class.inputs[0].fields, fields, 4u * class.inputs[0].n_fields);
      const uint32_t n = (uint32_t)bytes_of(second, input);
      printf("%u\n", maestro_card_indices(&port, &class, input, n, indices) == 1 ? indices[0] : 512);
    } else if (sscanf(line, "i %u %4095s %4095s", &function, first, second) == 3) {
      const struct maestro_port port = {.key = key,
                                        .key_length = (uint8_t)bytes_of(first, key),
                                        .function = (enum maestro_function)function,
                                        .table_size = 512,
                                        .l4 = {4, {{26, 4}, {30, 4}, {34, 2}, {36, 2}}},
                                        .l3 = {2, {{26, 4}, {30, 4}}},
                                        .l4v6 = {4, {{22, 16}, {38, 16}, {54, 2}, {56, 2}}},
                                        .l3v6 = {2, {{22, 16}, {38, 16}}}};
      struct maestro_steering steering;
      const uint32_t n = (uint32_t)bytes_of(second, input);
      maestro_steering_init(&steering, &port);
      const unsigned index = maestro_index(&port, input, n);
      printf("%u\n", index == maestro_steering_index(&steering, input, n) ? index : 512);
    }
  }
  return 0;
}
