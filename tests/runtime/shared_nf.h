/* A network function for the tests of sharing: what a packet does is written in its bytes from 14 on. */
#ifndef SHARED_NF_H
#define SHARED_NF_H

#include "maestro.h"

enum step {
  STOP,
  EXPIRE,     /* forget keys older than SHARED_TIMEOUT */
  LEARN,      /* key: note it, or that it was used; if there is no room, the verdict is 9 */
  TOUCH,      /* key: note that it was used */
  ONCE_TOUCH, /* key: TOUCH, but only in the first run of the packet */
  ADD,        /* key: adds 1 to its value */
  READ,       /* key: the verdict is 10 + its value; 9 if it is not known */
  REWRITE,    /* key: writes its value as it is */
  OWN,        /* key: puts it into the worker's own map */
  SCRIBBLE,   /* adds 1 to byte 60 of the frame */
  COUNT,      /* adds 1 to the worker's variable */
  RUN,        /* the verdict is 20 + the number of runs of this packet so far */
  TIME,       /* the verdict is 100 + the time in units of 1000 */
};
enum { SHARED_STEPS = 14, SHARED_FRAME = 64, SHARED_TIMEOUT = 100000, SHARED_CAPACITY = 16, SHARED_LARGE = 200 };

/* All objects are shared but the worker's own map and its keys. */
extern const struct maestro_nf shared_nf;
extern _Thread_local unsigned shared_runs; /* of the packet at hand; the test sets it to 0 */
uint64_t shared_counter(void);             /* of the worker that the calling thread runs */

#endif
