#pragma once
#include <stdint.h>
uint64_t rte_get_tsc_cycles(void);
uint64_t rte_get_tsc_hz(void);
