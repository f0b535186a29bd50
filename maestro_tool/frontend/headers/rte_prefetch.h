#pragma once
#include <rte_common.h>
void rte_prefetch0(const volatile void *p);
void rte_prefetch1(const volatile void *p);
void rte_prefetch2(const volatile void *p);
void rte_prefetch_non_temporal(const volatile void *p);
