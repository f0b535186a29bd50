#include "pool.h"

#include <stdlib.h>
#include <string.h>

#include "lib/verified/cht.h"
#include "lib/verified/expirator.h"
#include "state.h"

struct Pool {
  struct State *state;
  vigor_time_t visit_time, server_time; /* ns */
};

struct Pool *pool_new(uint32_t max_visits, uint32_t max_servers, uint32_t height, uint32_t visit_us, uint32_t server_us) {
  struct Pool *pool = malloc(sizeof(struct Pool));
  if (pool == NULL) return NULL;
  pool->state = alloc_state(max_servers, max_visits, height);
  pool->visit_time = (vigor_time_t)visit_us * 1000;
  pool->server_time = (vigor_time_t)server_us * 1000;
  return pool->state == NULL ? NULL : pool;
}

void pool_forget(struct Pool *pool, vigor_time_t now) {
  struct State *s = pool->state;
  expire_items_single_map(s->visit_ages, s->visit_keys, s->visits, now - pool->visit_time);
  expire_items_single_map(s->servers_in_use, s->addresses, s->server_by_address, now - pool->server_time);
}

static struct server server_at(struct State *s, int number) {
  struct server *kept, copy;
  vector_borrow(s->servers, number, (void **)&kept);
  copy = *kept;
  vector_return(s->servers, number, kept);
  return copy;
}

static void remember(struct State *s, struct visit *visit, int server, vigor_time_t now) {
  int at;
  if (!dchain_allocate_new_index(s->visit_ages, &at, now)) return;
  struct visit *key;
  vector_borrow(s->visit_keys, at, (void **)&key);
  memcpy(key, visit, sizeof(struct visit));
  map_put(s->visits, key, at);
  vector_return(s->visit_keys, at, key);
  uint32_t *number;
  vector_borrow(s->server_of_visit, at, (void **)&number);
  *number = (uint32_t)server;
  vector_return(s->server_of_visit, at, number);
}

struct server pool_serving(struct Pool *pool, struct visit visit, vigor_time_t now, uint16_t none) {
  struct State *s = pool->state;
  struct server nobody = { .device = none };
  int at, server = 0;
  if (!map_get(s->visits, &visit, &at)) {
    const uint64_t hash = visit_hash(&visit);
    if (!cht_find_preferred_available_backend(hash, s->preferences, s->servers_in_use, s->height, s->max_servers, &server))
      return nobody;
    remember(s, &visit, server, now);
    return server_at(s, server);
  }
  uint32_t *number;
  vector_borrow(s->server_of_visit, at, (void **)&number);
  server = (int)*number;
  vector_return(s->server_of_visit, at, number);
  if (dchain_is_index_allocated(s->servers_in_use, server)) {
    dchain_rejuvenate_index(s->visit_ages, at, now);
    return server_at(s, server);
  }
  /* The server is gone: the visit begins anew. */
  struct visit *key;
  vector_borrow(s->visit_keys, at, (void **)&key);
  map_erase(s->visits, key, (void **)&key);
  vector_return(s->visit_keys, at, key);
  dchain_free_index(s->visit_ages, at);
  return pool_serving(pool, visit, now, none);
}

void pool_announced(struct Pool *pool, struct server server, vigor_time_t now) {
  struct State *s = pool->state;
  int at;
  if (map_get(s->server_by_address, &server.host, &at)) {
    dchain_rejuvenate_index(s->servers_in_use, at, now);
    return;
  }
  if (!dchain_allocate_new_index(s->servers_in_use, &at, now)) return;
  struct server *kept;
  vector_borrow(s->servers, at, (void **)&kept);
  *kept = server;
  vector_return(s->servers, at, kept);
  struct address *address;
  vector_borrow(s->addresses, at, (void **)&address);
  address->number = server.host;
  map_put(s->server_by_address, address, at);
  vector_return(s->addresses, at, address);
}
