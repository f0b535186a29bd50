/* libVig's older name. */
#include "lib/verified/boilerplate-util.h"
