#include "lib/state/cms.h"
