/* libVig's older name. */
#include "lib/verified/double-map.h"
