/* The entry points that an NF defines (libVig's nf.h). */
#ifndef MAESTRO_NF_H
#define MAESTRO_NF_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/verified/vigor-time.h"

#ifdef MAESTRO_DIALECT /* what the NF's dialect has besides (docs/dialects.md), and the values that it returns */
#include MAESTRO_DIALECT
#else
#define FLOOD_FRAME ((uint16_t)-1) /* to all devices but the input one */
#endif

struct nf_config;
struct rte_mbuf;

/* In parallel programs each worker has its own copy of the NF's variables, unless all is shared: generated files begin
 * with `#define MAESTRO_THREAD_LOCAL _Thread_local`. */
#ifndef MAESTRO_THREAD_LOCAL
#define MAESTRO_THREAD_LOCAL
#endif
extern MAESTRO_THREAD_LOCAL struct nf_config config;

bool nf_init(void);

/* Not declared, because there are two kinds, the second that of older versions of libVig.  *buffer, or buffer, is the
 * frame; the result is the output device, and the input device means drop:
 *
 *     int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf
 * *mbuf); int nf_process(uint16_t device, uint8_t *buffer, uint16_t packet_length, vigor_time_t now);
 */

void nf_config_init(int argc, char **argv);
void nf_config_usage(void);
void nf_config_print(void);

#endif
