#pragma once
#include <stdbool.h>
#include "lib/verified/boilerplate-util.h"
#include "lib/verified/ether.h"
#include "server.h"

unsigned server_hash(void *obj);
bool server_eq(void *a, void *b);
void server_allocate(void *obj);

#define LOG_SERVER(obj, p)                                  \
  ;                                                         \
  p("{");                                                   \
  p("device: %d", (obj)->device);                           \
  p("host: %d", (obj)->host);                               \
  p("}");
#define DEFAULT_SERVER server(0, 0, 0)
