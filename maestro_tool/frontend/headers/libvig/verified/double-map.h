#pragma once
#include "lib/verified/double-map.h"
