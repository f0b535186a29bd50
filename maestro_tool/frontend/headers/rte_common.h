#pragma once
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef uint64_t rte_iova_t;
#define __rte_unused
#define __rte_always_inline inline
#define __rte_noinline
#define __rte_packed __attribute__((packed))
#define __rte_aligned(n) __attribute__((aligned(n)))
#define RTE_CACHE_LINE_SIZE 64
#define __rte_cache_aligned __rte_aligned(RTE_CACHE_LINE_SIZE)
#define RTE_SET_USED(x) (void)(x)
#define RTE_DIM(a) (sizeof(a) / sizeof((a)[0]))
#define RTE_MIN(a, b) __extension__({ typeof(a) _a = (a); typeof(b) _b = (b); _a < _b ? _a : _b; })
#define RTE_MAX(a, b) __extension__({ typeof(a) _a = (a); typeof(b) _b = (b); _a > _b ? _a : _b; })
#define RTE_PTR_ADD(pointer, n) ((void *)((uintptr_t)(pointer) + (n)))
#define RTE_PTR_SUB(pointer, n) ((void *)((uintptr_t)(pointer) - (n)))
#define RTE_MAX_ETHPORTS 32
void rte_exit(int status, const char *format, ...);
