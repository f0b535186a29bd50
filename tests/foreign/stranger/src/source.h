#pragma once
#include <stdint.h>
struct source { uint32_t address; };
