#ifndef MAESTRO_STATE_MAP_UTIL_H
#define MAESTRO_STATE_MAP_UTIL_H

#include "lib/verified/map-util.h"

#endif
