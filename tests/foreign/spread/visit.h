#pragma once
#include <stdint.h>

struct visit {
  uint32_t client;
  uint32_t service;
  uint16_t client_port;
  uint16_t service_port;
  uint8_t transport;
};
