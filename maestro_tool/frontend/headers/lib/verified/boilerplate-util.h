#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "lib/verified/vigor-time.h"
#ifndef AND
#define AND &&
#endif
void vigor_note(int condition);
void concretize_devices(uint16_t *device, uint16_t count);
static inline void null_init(void *object) { *(uint32_t *)object = 0; }
