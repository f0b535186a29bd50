/* libVig's older name. */
#include "lib/unverified/expirator.h"
