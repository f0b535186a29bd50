#pragma once
#include "lib/verified/double-chain.h"
