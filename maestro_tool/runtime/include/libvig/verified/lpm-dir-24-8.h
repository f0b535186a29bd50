/* libVig's older name. */
#include "lib/verified/lpm-dir-24-8.h"
