#pragma once
#include "lib/verified/expirator.h"
