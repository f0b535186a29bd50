#pragma once
#include "lib/verified/vector.h"
