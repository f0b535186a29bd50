#pragma once
#include "lib/verified/cht.h"
