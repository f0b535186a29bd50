/* libVig's older name. */
#include "lib/verified/expirator.h"
