#include "client.h"

unsigned Client_hash(void *obj) {
  struct Client *client = (struct Client *)obj;

  unsigned hash = 0;
  hash = __builtin_ia32_crc32si(hash, client->src_ip);
  hash = __builtin_ia32_crc32si(hash, client->dst_ip);
  return hash;
}
