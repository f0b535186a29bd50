/* State that several workers share: how packets of one worker read and write it while others do.
 *
 * The packets of a burst are *readers*: they run at the same time as those of other workers and change nothing that
 * others see.  A packet that comes to change shared state leaves (maestro_leave): what it did is undone, and it runs
 * again as the *writer*, alone.  The verdict is that of the run that completed.  docs/strategies.md tells the whole.
 *
 * Code generation defines MAESTRO_SHARING in the NF's files if its plan shares anything.  Without it nothing of this is
 * compiled into the packet path.
 */
#ifndef MAESTRO_SHARING_H
#define MAESTRO_SHARING_H

#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "maestro_debug.h"

enum {
  MAESTRO_COPY_BYTES = 1024, /* for the copies of one packet; what does not fit is allocated */
  MAESTRO_MAX_RESTORE = 256  /* leading bytes of a frame */
};

/* A use of an index (double-chain.h): when, and the number of the use. */
struct dchain_cell {
  int64_t time; /* INT64_MAX if free */
  uint64_t use;
};

/* An element that a reader borrowed: it works on a copy. */
struct maestro_copy {
  const char *original;
  char *copy;
  uint32_t size;
  bool allocated;
};

/* A use that a reader noted, and what was noted there before. */
struct maestro_undo {
  struct dchain_cell *place, before;
};

/* The thread's worker. */
struct maestro_share {
  bool reader;
  unsigned worker;
  struct maestro_lock *lock;
  const atomic_bool *wanted; /* true: a writer waits for the readers to leave */
  uint64_t use;              /* number of the next use of an index: grows on each thread, and from one to the next */
  /* What the packet at hand did as a reader: */
  unsigned n_undo, n_copies;
  unsigned max_undo, max_copies; /* what the arrays have room for */
  uint32_t copied, saved;        /* bytes in `bytes` and `frame` */
  struct maestro_undo *undo;
  struct maestro_copy *copies;
  _Alignas(16) char bytes[MAESTRO_COPY_BYTES];
  uint8_t frame[MAESTRO_MAX_RESTORE];
  void *variables; /* the worker's variables before the packet; NULL: packets do not change any */
  void (*save)(void *block);
  void (*load)(const void *block);
  sigjmp_buf leave;
};
extern _Thread_local struct maestro_share maestro_share;

/* Ends this run of the packet, which starts again as a writer. */
__attribute__((noreturn, cold)) void maestro_leave(void);
/* Between two packets of a reader: lets a writer pass.  Returns the time, which the writer may have advanced. */
__attribute__((cold)) int64_t maestro_give_way(void);
/* The copy of an element for this packet. */
void *maestro_copy_element(char *original, uint32_t size);
/* Makes room for another undo. */
__attribute__((cold)) void maestro_more_undo(void);
/* After a reader's packet: leaves if a copy differs from its element. */
void maestro_compare_copies(void);

/* Before anything changes that others may see, or that must not be done twice. */
static inline void maestro_before_write(void) {
  if (MAESTRO_UNLIKELY(maestro_share.reader)) maestro_leave();
}

/* Before a reader notes a use in a cell of its own worker: another run of the packet may not do it. */
static inline void maestro_remember_use(struct dchain_cell *place) {
  struct maestro_share *share = &maestro_share;
  if (!share->reader) return;
  if (MAESTRO_UNLIKELY(share->n_undo == share->max_undo)) maestro_more_undo();
  share->undo[share->n_undo++] = (struct maestro_undo){.place = place, .before = *place};
}

/* Whether workers share the object, or who changes it must be a writer.  All else about sharing is asked only then, so
 * that what a program does not share costs one comparison; with one worker, that is all. */
#ifdef MAESTRO_SHARING
#define MAESTRO_IS_SHARED(object) MAESTRO_UNLIKELY((object)->shared)
/* The object that stands behind this one: itself, or that of worker 0. */
#define MAESTRO_TARGET(object) (MAESTRO_IS_SHARED(object) ? (object)->target : (object))
#define MAESTRO_BEFORE_WRITE(object)                                             \
  do {                                                                           \
    if (MAESTRO_IS_SHARED(object) && (object)->guarded) maestro_before_write(); \
  } while (0)
#else
#define MAESTRO_IS_SHARED(object) false
#define MAESTRO_TARGET(object) (object)
#define MAESTRO_BEFORE_WRITE(object) ((void)0)
#endif

#endif
