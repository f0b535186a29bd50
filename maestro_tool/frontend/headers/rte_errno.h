#pragma once
#include <errno.h>
extern int rte_errno;
