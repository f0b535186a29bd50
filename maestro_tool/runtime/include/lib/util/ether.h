#ifndef MAESTRO_UTIL_ETHER_H
#define MAESTRO_UTIL_ETHER_H

#include "lib/verified/ether.h"

#endif
