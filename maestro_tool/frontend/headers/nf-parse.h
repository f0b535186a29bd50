#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <rte_ether.h>
bool nf_parse_etheraddr(const char *text, struct rte_ether_addr *address);
bool nf_parse_ipv4addr(const char *text, uint32_t *address);
bool nf_parse_port(const char *text, uint16_t *port);
bool nf_parse_proto(const char *text, uint8_t *protocol);
bool nf_parse_device(const char *text, uint16_t *device);
