/* libVig's older name. */
#include "lib/unverified/util.h"
