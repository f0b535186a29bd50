#include "device.h"

void Device_allocate(void *obj) {
  struct Device *device = (struct Device *)obj;

  device->number = 0;
}
