/* Reads frames in hexadecimal, a line each ("-" for an empty one); prints the number of each one's class. */
#include <stdio.h>
#include <string.h>

#include "maestro.h"

int main(void) {
  static char line[8192];
  static uint8_t frame[4096];
  while (fgets(line, sizeof line, stdin)) {
    uint32_t n = 0;
    unsigned byte;
    while (line[0] != '-' && sscanf(line + 2 * n, "%2x", &byte) == 1) frame[n++] = (uint8_t)byte;
    printf("%u\n", (unsigned)maestro_classify(frame, n));
  }
  return 0;
}
