/* libVig's older name. */
#include "lib/verified/map.h"
