/* For NFs in XDP's dialect; everywhere else, the system's own. */
#ifndef MAESTRO_XDP
#include_next <linux/in.h>
#elif !defined(MAESTRO_LINUX_IN_H)
#define MAESTRO_LINUX_IN_H

#include <maestro_linux_names.h>

#include <linux/types.h>

#endif
