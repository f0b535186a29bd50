#pragma once
#include <stdbool.h>
#include "lib/verified/boilerplate-util.h"
#include "lib/verified/ether.h"
#include "channel.h"

unsigned channel_hash(void *obj);
bool channel_eq(void *a, void *b);
void channel_allocate(void *obj);

#define LOG_CHANNEL(obj, p)                                 \
  ;                                                         \
  p("{");                                                   \
  p("local_port: %d", (obj)->local_port);                   \
  p("remote_port: %d", (obj)->remote_port);                 \
  p("local_host: %d", (obj)->local_host);                   \
  p("remote_host: %d", (obj)->remote_host);                 \
  p("local_device: %d", (obj)->local_device);               \
  p("transport: %d", (obj)->transport);                     \
  p("}");
#define DEFAULT_CHANNEL channel(0, 0, 0, 0, 0, 0)
