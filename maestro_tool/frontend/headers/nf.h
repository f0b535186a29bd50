#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "lib/verified/vigor-time.h"
#ifdef MAESTRO_DIALECT
#include MAESTRO_DIALECT
#else
#define FLOOD_FRAME ((uint16_t)-1)
#endif
struct nf_config;
struct rte_mbuf;
extern struct nf_config config;
bool nf_init(void);
void nf_config_init(int argc, char **argv);
void nf_config_usage(void);
void nf_config_print(void);
