#pragma once
#include <stdint.h>
#include <rte_ether.h>
struct StaticKey {
  struct rte_ether_addr addr;
  uint16_t device;
} __attribute__((packed));
