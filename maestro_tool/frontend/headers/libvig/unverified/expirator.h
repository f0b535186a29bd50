#pragma once
#include "lib/unverified/expirator.h"
