#pragma once
#include "lib/verified/ether.h"
