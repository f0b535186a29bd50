#pragma once
#include <stdint.h>
#include <rte_byteorder.h>
typedef uint32_t in_addr_t;
#ifndef AF_INET
#define AF_INET 2
#define AF_INET6 10
#endif
#define INET_ADDRSTRLEN 16
struct in_addr {
  in_addr_t s_addr; /* renamed like all s_addr: see rte_ether.h */
};
#define htons(x) rte_cpu_to_be_16(x)
#define ntohs(x) rte_be_to_cpu_16(x)
#define htonl(x) rte_cpu_to_be_32(x)
#define ntohl(x) rte_be_to_cpu_32(x)
in_addr_t inet_addr(const char *text);
int inet_aton(const char *text, struct in_addr *address);
int inet_pton(int family, const char *text, void *address);
