#pragma once
#include <stdbool.h>
#include "lib/verified/boilerplate-util.h"
#include "lib/verified/ether.h"
#include "address.h"

unsigned address_hash(void *obj);
bool address_eq(void *a, void *b);
void address_allocate(void *obj);

#define LOG_ADDRESS(obj, p)                                 \
  ;                                                         \
  p("{");                                                   \
  p("number: %d", (obj)->number);                           \
  p("}");
#define DEFAULT_ADDRESS address(0)
