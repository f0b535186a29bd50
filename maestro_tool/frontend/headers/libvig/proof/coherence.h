#pragma once
#include "lib/proof/coherence.h"
