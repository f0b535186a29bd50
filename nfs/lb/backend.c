#include "backend.h"

void Backend_allocate(void *obj) {
  struct Backend *backend = (struct Backend *)obj;

  backend->index = 0;
}
