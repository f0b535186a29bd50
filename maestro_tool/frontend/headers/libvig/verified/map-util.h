#pragma once
#include "lib/verified/map-util.h"
