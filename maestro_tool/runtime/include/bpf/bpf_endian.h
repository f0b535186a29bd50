/* Byte order, for NFs in XDP's dialect. */
#ifndef MAESTRO_BPF_ENDIAN_H
#define MAESTRO_BPF_ENDIAN_H

#include <linux/types.h>

#define bpf_htons(x) __builtin_bswap16(x)
#define bpf_ntohs(x) __builtin_bswap16(x)
#define bpf_htonl(x) __builtin_bswap32(x)
#define bpf_ntohl(x) __builtin_bswap32(x)
#define bpf_cpu_to_be64(x) __builtin_bswap64(x)
#define bpf_be64_to_cpu(x) __builtin_bswap64(x)

#endif
