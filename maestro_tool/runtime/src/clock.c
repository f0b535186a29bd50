/* Monotonic time in nanoseconds from the time stamp counter: a clock_gettime per burst would cost as much as a packet.
 */
#include <time.h>

#include <rte_cycles.h>

#include "program.h"

static int64_t started_at;    /* ns */
static uint64_t started_tsc;  /* cycles */
static uint64_t ns_per_cycle; /* 32.32 fixed point */

void program_clock_start(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  started_tsc = rte_rdtsc();
  started_at = (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
  ns_per_cycle = (uint64_t)(((unsigned __int128)NS_PER_S << 32) / rte_get_tsc_hz());
}

int64_t program_clock_now(void) {
  const uint64_t cycles = rte_rdtsc() - started_tsc;
  return started_at + (int64_t)(((unsigned __int128)cycles * ns_per_cycle) >> 32);
}
