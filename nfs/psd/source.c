#include "source.h"

void Source_allocate(void *obj) {
  struct Source *source = (struct Source *)obj;

  source->since = 0;
  source->n_ports = 0;
}
