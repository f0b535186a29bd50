#pragma once
#ifndef AF_INET
#define AF_INET 2
#define AF_INET6 10
#endif
