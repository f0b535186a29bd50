/* Parsing of the values that NFs take on the command line.  Each returns false, the output untouched, on anything else.
 */
#ifndef MAESTRO_NF_PARSE_H
#define MAESTRO_NF_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

bool nf_parse_etheraddr(const char *text, struct rte_ether_addr *address);
bool nf_parse_ipv4addr(const char *text, uint32_t *address); /* network byte order */
bool nf_parse_port(const char *text, uint16_t *port);        /* TCP/UDP port, network byte order */
bool nf_parse_proto(const char *text, uint8_t *protocol);    /* a number, or tcp, udp, icmp */
bool nf_parse_device(const char *text, uint16_t *device);

#endif
