#pragma once
#include "lib/verified/boilerplate-util.h"
