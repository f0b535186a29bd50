#pragma once
#include <stdbool.h>
#include "lib/verified/vigor-time.h"
#include "server.h.gen.h"
#include "visit.h.gen.h"

struct Pool;

struct Pool *pool_new(uint32_t max_visits, uint32_t max_servers, uint32_t height, uint32_t visit_us, uint32_t server_us);
void pool_forget(struct Pool *pool, vigor_time_t now);
/* Who serves the visit; a server on device `none` if nobody does. */
struct server pool_serving(struct Pool *pool, struct visit visit, vigor_time_t now, uint16_t none);
void pool_announced(struct Pool *pool, struct server server, vigor_time_t now);
