#pragma once
#include <rte_common.h>
#define RTE_ASSERT(condition) ((void)0)
#define RTE_VERIFY(condition) ((condition) ? (void)0 : maestro_assert_failed(#condition))
#define rte_panic(...) abort()
