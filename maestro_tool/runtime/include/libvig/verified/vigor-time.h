/* libVig's older name. */
#include "lib/verified/vigor-time.h"
