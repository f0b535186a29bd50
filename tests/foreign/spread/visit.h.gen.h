#pragma once
#include <stdbool.h>
#include "lib/verified/boilerplate-util.h"
#include "lib/verified/ether.h"
#include "visit.h"

unsigned visit_hash(void *obj);
bool visit_eq(void *a, void *b);
void visit_allocate(void *obj);

#define LOG_VISIT(obj, p)                                   \
  ;                                                         \
  p("{");                                                   \
  p("client: %d", (obj)->client);                           \
  p("service: %d", (obj)->service);                         \
  p("client_port: %d", (obj)->client_port);                 \
  p("service_port: %d", (obj)->service_port);               \
  p("transport: %d", (obj)->transport);                     \
  p("}");
#define DEFAULT_VISIT visit(0, 0, 0, 0, 0)
