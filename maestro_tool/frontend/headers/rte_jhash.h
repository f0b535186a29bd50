#pragma once
#include <stdint.h>
uint32_t rte_jhash(const void *key, uint32_t length, uint32_t initval);
uint32_t rte_jhash_32b(const uint32_t *k, uint32_t length, uint32_t initval);
uint32_t rte_jhash_1word(uint32_t a, uint32_t initval);
uint32_t rte_jhash_2words(uint32_t a, uint32_t b, uint32_t initval);
uint32_t rte_jhash_3words(uint32_t a, uint32_t b, uint32_t c, uint32_t initval);
