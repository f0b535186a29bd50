/* What nf.h has besides for programs for XDP (docs/dialects.md).  What these return is made a port's number, or one of
 * NF_DROP and NF_FLOOD, in generated text behind the program (frontend/xdp.py). */
#ifndef MAESTRO_DIALECT_XDP_H
#define MAESTRO_DIALECT_XDP_H

#include <stdio.h>

#include <rte_debug.h>

#include "dialects/dpdk.h"

#endif
