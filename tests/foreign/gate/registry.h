#pragma once
#include "session.h.gen.h"
#include "lib/verified/vigor-time.h"

/* Sessions that the inner side opened; what is in it is this module's business. */
struct Registry;

struct Registry *registry_new(int capacity, vigor_time_t patience_us, uint32_t outer_device);
void registry_forget(struct Registry *registry, vigor_time_t now);
void registry_note(struct Registry *registry, struct session *session, uint32_t home, vigor_time_t now);
bool registry_find(struct Registry *registry, struct session *session, vigor_time_t now, uint32_t *home);
