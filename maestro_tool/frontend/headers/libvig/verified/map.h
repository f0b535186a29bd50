#pragma once
#include "lib/verified/map.h"
