#pragma once
#include "lib/verified/packet-io.h"
