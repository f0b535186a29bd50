/* Reads lines from standard input, prints one answer per line; the tests compare them with the Python model.
 *   h KEYHEX INPUTHEX    DPDK's rte_softrss (input in whole 32-bit words)
 *   c FRAMEHEX           maestro_classify of the runtime ("-" for an empty frame) */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_thash.h>

#include "maestro.h"

static size_t bytes_of(const char *hex, uint8_t *out) {
  size_t n = 0;
  unsigned byte;
  while (sscanf(hex + 2 * n, "%2x", &byte) == 1) out[n++] = (uint8_t)byte;
  return n;
}

int main(void) {
  static char line[8192], first[4096], second[4096];
  static uint8_t key[2048], input[2048];
  static uint32_t words[512];
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "h %4095s %4095s", first, second) == 2) {
      bytes_of(first, key);
      size_t n = bytes_of(second, input) / 4;
      for (size_t i = 0; i < n; i++) {
        memcpy(&words[i], input + 4 * i, 4);
        words[i] = rte_be_to_cpu_32(words[i]);
      }
      printf("%u\n", rte_softrss(words, (uint32_t)n, key));
    } else if (sscanf(line, "c %4095s", first) == 1) {
      size_t n = strcmp(first, "-") == 0 ? 0 : bytes_of(first, input);
      printf("%u\n", (unsigned)maestro_classify(input, (uint32_t)n));
    }
  }
  return 0;
}
