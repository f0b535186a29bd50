#pragma once
#include <string.h>
void *rte_memcpy(void *to, const void *from, size_t n);
