/* The backend that a flow was given to. */
#pragma once

#include <stdint.h>

struct Backend {
  int index; /* in the table of backends */
};

void Backend_allocate(void *obj);
