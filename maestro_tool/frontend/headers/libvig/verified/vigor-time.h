#pragma once
#include "lib/verified/vigor-time.h"
