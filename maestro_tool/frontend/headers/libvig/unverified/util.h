#pragma once
#include "lib/unverified/util.h"
