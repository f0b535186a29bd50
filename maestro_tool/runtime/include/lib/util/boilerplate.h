#ifndef MAESTRO_UTIL_BOILERPLATE_H
#define MAESTRO_UTIL_BOILERPLATE_H

#include "lib/util/time.h"
#include "lib/verified/boilerplate-util.h"

#endif
