/* libVig's older name. */
#include "lib/verified/cht.h"
