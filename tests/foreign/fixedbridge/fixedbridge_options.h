#pragma once
#include "nf.h"

enum { LONGEST_NAME = 256 };

struct nf_config {
  char table[LONGEST_NAME]; /* a file's name; empty: no table */
  uint32_t most_lanes;
};
