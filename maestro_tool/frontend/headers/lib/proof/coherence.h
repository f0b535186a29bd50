#pragma once
#include "lib/verified/double-chain.h"
#include "lib/verified/double-map.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
