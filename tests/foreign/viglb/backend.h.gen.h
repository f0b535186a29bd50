#ifndef _backend_GEN_H_INCLUDED_
#define _backend_GEN_H_INCLUDED_

#include <stdbool.h>
#include "lib/verified/boilerplate-util.h"

#include "lib/verified/ether.h"

#include "backend.h"

#define DEFAULT_LOADBALANCEDBACKEND LoadBalancedBackendc(0, 0, 0)

unsigned LoadBalancedBackend_hash(void *obj);
bool LoadBalancedBackend_eq(void *a, void *b);
void LoadBalancedBackend_allocate(void *obj);

#define LOG_LOADBALANCEDBACKEND(obj, p) \
  ; \
  p("{"); \
  p("nic: %d", (obj)->nic); \
  p("ip: %d", (obj)->ip); \
  p("}");

#ifdef KLEE_VERIFICATION
#  include <klee/klee.h>
#  include "lib/models/str-descr.h"

extern struct str_field_descr LoadBalancedBackend_descrs[3];
extern struct nested_field_descr LoadBalancedBackend_nests[0];
#endif // KLEE_VERIFICATION

#endif //_backend_GEN_H_INCLUDED_
