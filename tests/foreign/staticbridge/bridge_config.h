#pragma once
#include "nf.h"
#define CONFIG_FNAME_LEN 512
struct nf_config {
  char static_config_fname[CONFIG_FNAME_LEN];
  uint32_t static_capacity;
};
