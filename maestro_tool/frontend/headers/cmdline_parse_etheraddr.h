#pragma once
#include <rte_ether.h>
