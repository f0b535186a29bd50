/* libVig's older name. */
#include "lib/verified/map-util.h"
