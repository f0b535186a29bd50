#pragma once
#include <rte_common.h>
