#pragma once
#include "libvig/verified/double-chain.h"
#include "libvig/verified/map.h"
#include "libvig/verified/vector.h"
#include "libvig/verified/vigor-time.h"
#include "allowance.h.gen.h"
#include "host.h.gen.h"
