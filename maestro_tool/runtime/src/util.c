/* Text to values and back. */
#include <arpa/inet.h>
#include <errno.h>

#include "nf-parse.h"
#include "nf-util.h"

char *nf_mac_to_str(struct rte_ether_addr *address) {
  char *text = calloc(1, RTE_ETHER_ADDR_FMT_SIZE);
  if (text == NULL) rte_exit(EXIT_FAILURE, "nf_mac_to_str: out of memory\n");
  rte_ether_format_addr(text, RTE_ETHER_ADDR_FMT_SIZE, address);
  return text;
}

char *nf_rte_ipv4_to_str(uint32_t address) {
  char *text = calloc(1, INET_ADDRSTRLEN);
  if (text == NULL || inet_ntop(AF_INET, &address, text, INET_ADDRSTRLEN) == NULL)
    rte_exit(EXIT_FAILURE, "nf_rte_ipv4_to_str: out of memory\n");
  return text;
}

uintmax_t nf_util_parse_int(const char *text, const char *name, int base, char next) {
  char *end = NULL;
  errno = 0;
  const intmax_t value = strtoimax(text, &end, base);
  if (end == text) rte_exit(EXIT_FAILURE, "%s: '%s' is not a number\n", name, text);
  if (errno == ERANGE) rte_exit(EXIT_FAILURE, "%s: '%s' is out of range\n", name, text);
  if (*end != next) rte_exit(EXIT_FAILURE, "%s: unexpected '%c' after the number in '%s'\n", name, *end, text);
  return (uintmax_t)value;
}

bool nf_parse_etheraddr(const char *text, struct rte_ether_addr *address) {
  return rte_ether_unformat_addr(text, address) == 0;
}

bool nf_parse_ipv4addr(const char *text, uint32_t *address) {
  struct in_addr parsed;
  if (inet_pton(AF_INET, text, &parsed) != 1) return false;
  *address = parsed.s_addr;
  return true;
}

/* A decimal number from 0 to maximum, and nothing else. */
static bool parse_number(const char *text, unsigned long maximum, unsigned long *value) {
  if (*text < '0' || *text > '9') return false;
  char *end = NULL;
  errno = 0;
  *value = strtoul(text, &end, 10);
  return errno == 0 && *end == '\0' && *value <= maximum;
}

bool nf_parse_port(const char *text, uint16_t *port) {
  unsigned long value;
  if (!parse_number(text, UINT16_MAX, &value)) return false;
  *port = rte_cpu_to_be_16((uint16_t)value);
  return true;
}

bool nf_parse_device(const char *text, uint16_t *device) {
  unsigned long value;
  if (!parse_number(text, UINT16_MAX, &value)) return false;
  *device = (uint16_t)value;
  return true;
}

bool nf_parse_proto(const char *text, uint8_t *protocol) {
  unsigned long value;
  if (strcmp(text, "tcp") == 0)
    value = IPPROTO_TCP;
  else if (strcmp(text, "udp") == 0)
    value = IPPROTO_UDP;
  else if (strcmp(text, "icmp") == 0)
    value = IPPROTO_ICMP;
  else if (!parse_number(text, UINT8_MAX, &value))
    return false;
  *protocol = (uint8_t)value;
  return true;
}
