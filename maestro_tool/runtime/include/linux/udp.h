/* For NFs in XDP's dialect; everywhere else, the system's own. */
#ifndef MAESTRO_XDP
#include_next <linux/udp.h>
#elif !defined(MAESTRO_LINUX_UDP_H)
#define MAESTRO_LINUX_UDP_H

#include <linux/types.h>

struct udphdr {
  __be16 source;
  __be16 dest;
  __be16 len;
  __sum16 check;
};

#endif
