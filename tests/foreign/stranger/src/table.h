#pragma once
#include <stdbool.h>
#include <stdint.h>
struct route { uint32_t prefix, mask; uint16_t port; };
struct table { struct route routes[16]; int count; };
bool table_read(const char *name, struct table *table);
