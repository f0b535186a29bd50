/* libVig declares expire_items_single_map_iteratively here. */
#ifndef MAESTRO_UNVERIFIED_EXPIRATOR_H
#define MAESTRO_UNVERIFIED_EXPIRATOR_H

#include "lib/verified/expirator.h"

#endif
