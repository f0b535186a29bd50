/* The packet being handled: a cursor over its contiguous bytes, one per thread.
 *
 * `p` is where the frame starts.  Nothing here checks bounds; the helpers of nf-util.h do where NFs rely on it.
 *
 * Where every helper is given what nf_process was given (codegen/cursor.py proves that, and defines
 * MAESTRO_LOCAL_CURSOR in all of the NF's files), the cursor is a variable of the burst around the frame's address: the
 * compiler then keeps it in registers, and offsets are constants.  The thread's own does not exist there.
 */
#ifndef MAESTRO_PACKET_IO_H
#define MAESTRO_PACKET_IO_H

#include <stddef.h>
#include <stdint.h>

#define MAX_N_CHUNKS 100

struct rte_mbuf;

struct maestro_cursor {
  uint8_t *given;                       /* the frame's address, as the NF may change it; a local cursor's address is
                                           what nf_process gets */
  struct rte_mbuf **burst, **burst_end; /* from the packet at hand on */
  uint8_t *frame;                       /* where it starts */
  uint8_t *end;                         /* behind the last contiguous byte */
  uint32_t total_length;                /* of the frame, bytes */
  size_t read_length;                   /* bytes before the cursor */
  size_t n_chunks;                      /* the stack of nf-util.h */
  void *chunks[MAX_N_CHUNKS];
};
extern _Thread_local struct maestro_cursor maestro_cursor;

#ifdef MAESTRO_LOCAL_CURSOR
#define MAESTRO_CURSOR(p) ((struct maestro_cursor *)(p))
#define MAESTRO_THREADS_CURSOR __attribute__((error("this asks for the thread's cursor, but the packet's is local")))

void packet_state_total_length(void *p, uint32_t *length) MAESTRO_THREADS_CURSOR;
void packet_borrow_next_chunk(void *p, size_t length, void **chunk) MAESTRO_THREADS_CURSOR;
void packet_return_chunk(void *p, void *chunk) MAESTRO_THREADS_CURSOR;
size_t packet_get_chunk_length(void *p, void *chunk) MAESTRO_THREADS_CURSOR;
#else
#define MAESTRO_CURSOR(p) ((void)(p), &maestro_cursor)
#define MAESTRO_THREADS_CURSOR

/* Their names in libVig, which NFs use. */
#define chunks_borrowed maestro_cursor.chunks
#define chunks_borrowed_num maestro_cursor.n_chunks

/* The main loop calls this once per packet. */
static inline void packet_state_total_length(void *p, uint32_t *length) {
  maestro_cursor.total_length = *length;
  maestro_cursor.read_length = 0;
  maestro_cursor.frame = p;
  maestro_cursor.end = (uint8_t *)p + *length;
}

static inline void packet_borrow_next_chunk(void *p, size_t length, void **chunk) {
  *chunk = (char *)p + maestro_cursor.read_length;
  maestro_cursor.read_length += length;
}

/* Moves the cursor back to the start of the chunk. */
static inline void packet_return_chunk(void *p, void *chunk) {
  maestro_cursor.read_length = (size_t)((char *)chunk - (char *)p);
}

/* Bytes from the chunk to the cursor. */
static inline size_t packet_get_chunk_length(void *p, void *chunk) {
  return (size_t)((char *)p + maestro_cursor.read_length - (char *)chunk);
}
#endif

/* Bytes behind the cursor; 0 if it is beyond the end (a frame shorter than the headers read so far). */
static inline uint32_t packet_get_unread_length(void *p) {
  const struct maestro_cursor *cursor = MAESTRO_CURSOR(p);
  return cursor->total_length > cursor->read_length ? cursor->total_length - (uint32_t)cursor->read_length : 0;
}

#endif
