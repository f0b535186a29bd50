/* libVig's older name. */
#include "lib/verified/packet-io.h"
