/* libVig declares the types of key functions here. */
#ifndef MAESTRO_MAP_UTIL_H
#define MAESTRO_MAP_UTIL_H

#include "lib/verified/map.h"

#endif
