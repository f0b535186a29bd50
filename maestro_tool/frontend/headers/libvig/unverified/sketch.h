#pragma once
#include "lib/unverified/sketch.h"
