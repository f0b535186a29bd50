/* libVig's older name. */
#include "lib/proof/coherence.h"
