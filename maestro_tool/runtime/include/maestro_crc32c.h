/* CRC32C of 1, 2, 4 and 8 bytes under the names of gcc's SSE4.2 builtins, which NFs call: polynomial 0x1EDC6F41, bits
 * reflected, nothing inverted (Intel SDM volume 2, CRC32; Arm ARM, CRC32CB to CRC32CX).  DPDK's own flags enable the
 * instructions (-march=corei7, -march=armv8-a+crc). */
#ifndef MAESTRO_CRC32C_H
#define MAESTRO_CRC32C_H

#include <stdint.h>

/* The same without an instruction: `bits` of value. */
static inline uint32_t maestro_crc32c(uint32_t crc, uint64_t value, int bits) {
  value = (bits == 64 ? value : value & ((UINT64_C(1) << bits) - 1)) ^ crc;
  for (int i = 0; i < bits; i++) value = value >> 1 ^ (value & 1 ? UINT64_C(0x82F63B78) : 0);
  return (uint32_t)value;
}

#if defined(__x86_64__) || defined(__i386__)
#ifndef __SSE4_2__
#error "compile with -msse4.2 (pkg-config --cflags libdpdk says so): keys are hashed with CRC32C"
#endif
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define __builtin_ia32_crc32qi __crc32cb
#define __builtin_ia32_crc32hi __crc32ch
#define __builtin_ia32_crc32si __crc32cw
#define __builtin_ia32_crc32di(crc, value) ((uint64_t)__crc32cd((uint32_t)(crc), (value)))
#else
#define __builtin_ia32_crc32qi(crc, value) maestro_crc32c((crc), (value), 8)
#define __builtin_ia32_crc32hi(crc, value) maestro_crc32c((crc), (value), 16)
#define __builtin_ia32_crc32si(crc, value) maestro_crc32c((crc), (value), 32)
#define __builtin_ia32_crc32di(crc, value) ((uint64_t)maestro_crc32c((uint32_t)(crc), (value), 64))
#endif

#endif
