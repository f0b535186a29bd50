/* For NFs in XDP's dialect; everywhere else, the system's own. */
#ifndef MAESTRO_XDP
#include_next <linux/icmpv6.h>
#elif !defined(MAESTRO_LINUX_ICMPV6_H)
#define MAESTRO_LINUX_ICMPV6_H

#include <linux/types.h>

#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129

struct icmp6hdr {
  __u8 icmp6_type;
  __u8 icmp6_code;
  __sum16 icmp6_cksum;
  union {
    __be32 un_data32[1];
    __be16 un_data16[2];
    __u8 un_data8[4];
  } icmp6_dataun;
};

#endif
