/* libVig's older name. */
#include "lib/verified/vector.h"
