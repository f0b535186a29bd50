/* What nf.h has besides for NFs of lib/state and lib/util (docs/dialects.md).  Analysed as it is compiled. */
#ifndef MAESTRO_DIALECT_LIBVIG_STATE_H
#define MAESTRO_DIALECT_LIBVIG_STATE_H

#include <inttypes.h>
#include <stdlib.h>

#include <rte_debug.h>

#include "lib/util/time.h"

/* What nf_process returns besides port numbers.  The input port is a port like others: the frame goes back. */
#define DROP ((uint16_t)-1)
#define FLOOD ((uint16_t)-2)

/* The result as the runtime counts it (maestro.h); what is no port is dropped there. */
#define MAESTRO_VERDICT(output, device) ((void)(device), (output) == DROP ? MAESTRO_DROP : (output) == FLOOD ? MAESTRO_FLOOD : (output))

#ifndef AND
#define AND &&
#endif
#ifndef OR
#define OR ||
#endif
#define PACKED_FOR_KLEE_VERIFICATION

struct int_list_t {
  uintmax_t *list;
  size_t n;
};

/* Numbers with `separator` between them, to the end of the text; ends the program, naming `name`, if one is missing. */
static inline struct int_list_t nf_util_parse_int_list(const char *text, const char *name, int base, char separator) {
  struct int_list_t found = {NULL, 0};
  for (;;) {
    char *end = NULL;
    const uintmax_t number = (uintmax_t)strtoimax(text, &end, base);
    if (end == text) rte_exit(EXIT_FAILURE, "Error while parsing '%s': %s\n", name, text);
    uintmax_t *longer = realloc(found.list, (found.n + 1) * sizeof *longer);
    if (longer == NULL) rte_exit(EXIT_FAILURE, "No memory for '%s'\n", name);
    found.list = longer;
    found.list[found.n++] = number;
    if (*end == '\0') return found;
    if (*end != separator) rte_exit(EXIT_FAILURE, "Error while parsing '%s': %s\n", name, end);
    text = end + 1;
  }
}

/* Helpers of nf-util.h by their names here. */
#define nf_then_get_ether_header nf_then_get_rte_ether_header
#define nf_has_ipv4_header nf_has_rte_ipv4_header
#define nf_then_get_ipv4_header(ether, p) nf_then_get_rte_ipv4_header(ether, p)
#define nf_then_get_ipv4_header_with_options nf_then_get_rte_ipv4_header_with_options

#endif
