/* struct tcpudp_hdr is nf-util.h's. */
#ifndef MAESTRO_UTIL_TCPUDP_HDR_H
#define MAESTRO_UTIL_TCPUDP_HDR_H

#include "nf-util.h"

#endif
