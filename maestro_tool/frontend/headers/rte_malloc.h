#pragma once
#include <stddef.h>
void *rte_malloc(const char *type, size_t size, unsigned align);
void *rte_zmalloc(const char *type, size_t size, unsigned align);
void rte_free(void *memory);
