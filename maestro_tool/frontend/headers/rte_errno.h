#pragma once
#include <errno.h>
extern int rte_errno;
#define maestro_set_errno(error) ((void)(error))
