/* The original proves here that map, vector and chain agree; generated loop.h files include it. */
#ifndef MAESTRO_COHERENCE_H
#define MAESTRO_COHERENCE_H

#include "lib/verified/double-chain.h"
#include "lib/verified/double-map.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

#endif
