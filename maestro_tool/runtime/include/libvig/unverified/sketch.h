/* libVig's older name. */
#include "lib/unverified/sketch.h"
