#include "channel.h.gen.h"

bool channel_eq(void *a, void *b) {
  struct channel *x = a;
  struct channel *y = b;
  return x->local_port == y->local_port AND x->remote_port == y->remote_port AND x->local_host == y->local_host AND x->remote_host == y->remote_host AND x->local_device == y->local_device AND x->transport == y->transport;
}

unsigned channel_hash(void *obj) {
  struct channel *x = obj;
  unsigned hash = 0;
  hash = __builtin_ia32_crc32si(hash, x->local_port);
  hash = __builtin_ia32_crc32si(hash, x->remote_port);
  hash = __builtin_ia32_crc32si(hash, x->local_host);
  hash = __builtin_ia32_crc32si(hash, x->remote_host);
  hash = __builtin_ia32_crc32si(hash, x->local_device);
  hash = __builtin_ia32_crc32si(hash, x->transport);
  return hash;
}

void channel_allocate(void *obj) {
  struct channel *x = obj;
  x->local_port = 0;
  x->remote_port = 0;
  x->local_host = 0;
  x->remote_host = 0;
  x->local_device = 0;
  x->transport = 0;
}
