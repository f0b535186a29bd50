#pragma once

/* nop has no options; C has no empty structs. */
struct nf_config {
  char unused;
};
