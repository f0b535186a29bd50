/* Linux and the C library have structs of these names, with other members.  An NF in XDP's dialect has Linux's, under
 * other names for the compiler, as DPDK includes the C library's. */
#ifndef MAESTRO_LINUX_NAMES_H
#define MAESTRO_LINUX_NAMES_H

#include <netinet/in.h>
#if __has_include(<netinet/ip.h>) /* not in the analysis */
#include <netinet/ip.h>
#include <netinet/ip6.h>
#endif
#undef s6_addr
#undef s6_addr16
#undef s6_addr32
#undef IPTOS_TOS_MASK

#define in6_addr linux_in6_addr
#define iphdr linux_iphdr

#endif
