#include "loop.h"
#ifdef KLEE_VERIFICATION
#include <klee/klee.h>

void spread_loop_border(struct Map **visits, struct DoubleChain **servers_in_use, vigor_time_t now) {
  klee_assume(now >= 0);
}
#endif
