#ifndef MAESTRO_UTIL_PACKET_IO_H
#define MAESTRO_UTIL_PACKET_IO_H

#include "lib/verified/packet-io.h"

#endif
