#pragma once
#include <stddef.h>
#include <stdint.h>
#define MAX_N_CHUNKS 100
extern void *chunks_borrowed[MAX_N_CHUNKS];
extern size_t chunks_borrowed_num;
void packet_state_total_length(void *p, uint32_t *length);
void packet_borrow_next_chunk(void *p, size_t length, void **chunk);
void packet_return_chunk(void *p, void *chunk);
uint32_t packet_get_unread_length(void *p);
size_t packet_get_chunk_length(void *p, void *chunk);
