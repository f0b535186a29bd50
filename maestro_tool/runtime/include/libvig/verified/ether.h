/* libVig's older name. */
#include "lib/verified/ether.h"
