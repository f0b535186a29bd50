/* EAL for tests that only need packets: without huge pages, cards and shared files. */
#ifndef START_EAL_H
#define START_EAL_H

#include <rte_eal.h>

#include "check.h"

/* MB of memory for packets and tables. */
#ifndef EAL_MEMORY
#define EAL_MEMORY "64"
#endif

static inline void start_eal(void) {
  static char words[][20] = {"test",        "--no-huge",      "-m", EAL_MEMORY, "--no-pci", "--no-shconf",
                             "--no-telemetry", "--log-level=error"};
  char *argv[sizeof words / sizeof words[0]];
  for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) argv[i] = words[i];
  CHECK(rte_eal_init(sizeof words / sizeof words[0], argv) >= 0);
}

#endif
