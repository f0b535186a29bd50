/* Memory of a worker: blocks of whole huge pages, so that tables of some megabytes need few TLB entries. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "objects.h"

#define HUGE_PAGE ((size_t)2 << 20)
#define SMALL_PAGE ((size_t)4 << 10)
#define ALIGNMENT ((size_t)64)

struct maestro_arena_block {
  struct maestro_arena_block *next;
  void *memory;
  size_t size; /* 0: from aligned_alloc */
};

static size_t round_up(size_t size, size_t to) { return (size + to - 1) / to * to; }

static void *record(struct maestro_arena *arena, void *memory, size_t size) {
  struct maestro_arena_block *block = malloc(sizeof *block);
  if (block == NULL) return NULL;
  *block = (struct maestro_arena_block){.next = arena->blocks, .memory = memory, .size = size};
  arena->blocks = block;
  return memory;
}

#if defined(__SANITIZE_ADDRESS__)
/* Each object by itself: the sanitizer then sees an access beyond its end. */
void *maestro_arena_alloc(struct maestro_arena *arena, size_t size) {
  size = round_up(size, ALIGNMENT);
  void *memory = aligned_alloc(ALIGNMENT, size);
  if (memory == NULL) return NULL;
  memset(memory, 0, size);
  if (record(arena, memory, 0) != NULL) return memory;
  free(memory);
  return NULL;
}

void *maestro_arena_room(struct maestro_arena *arena, size_t size) { return maestro_arena_alloc(arena, size); }
#else
/* Maps `size` bytes (whole huge pages) at an address that is a multiple of the huge page's size. */
static void *map_block(size_t size) {
  char *memory =
      mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return NULL;
  char *start = (char *)round_up((uintptr_t)memory, HUGE_PAGE);
  if (start > memory) munmap(memory, (size_t)(start - memory));
  char *end = memory + size + HUGE_PAGE;
  if (end > start + size) munmap(start + size, (size_t)(end - (start + size)));
  (void)madvise(start, size, MADV_HUGEPAGE); /* a hint: small pages are correct, too */
  return start;
}

void *maestro_arena_alloc(struct maestro_arena *arena, size_t size) {
  if (size > SIZE_MAX / 2) return NULL;
  size = round_up(size, ALIGNMENT);
  if (size > arena->left) {
    const size_t block = round_up(size, HUGE_PAGE);
    void *memory = map_block(block);
    if (memory == NULL) return NULL;
    if (record(arena, memory, block) == NULL) {
      munmap(memory, block);
      return NULL;
    }
    arena->free = memory;
    arena->left = block;
  }
  void *result = arena->free;
  arena->free += size;
  arena->left -= size;
  return result;
}

/* Pages of its own, since its neighbours' would be huge. */
void *maestro_arena_room(struct maestro_arena *arena, size_t size) {
  if (size > SIZE_MAX / 2) return NULL;
  size = round_up(size, SMALL_PAGE);
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return NULL;
  if (record(arena, memory, size) != NULL) return memory;
  munmap(memory, size);
  return NULL;
}
#endif

void maestro_arena_destroy(struct maestro_arena *arena) {
  while (arena->blocks != NULL) {
    struct maestro_arena_block *block = arena->blocks;
    arena->blocks = block->next;
    if (block->size == 0)
      free(block->memory);
    else
      munmap(block->memory, block->size);
    free(block);
  }
  arena->free = NULL;
  arena->left = 0;
}
