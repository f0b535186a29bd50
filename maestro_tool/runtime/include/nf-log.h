/* Logging of NFs: NF_INFO to stdout, NF_DEBUG to stderr in builds with ENABLE_LOG. */
#ifndef MAESTRO_NF_LOG_H
#define MAESTRO_NF_LOG_H

#include <inttypes.h>
#include <stdio.h>

#define NF_INFO(text, ...)            \
  do {                                \
    printf(text "\n", ##__VA_ARGS__); \
    fflush(stdout);                   \
  } while (0)

#ifdef ENABLE_LOG
#define NF_DEBUG(text, ...)                              \
  do {                                                   \
    fprintf(stderr, "DEBUG: " text "\n", ##__VA_ARGS__); \
    fflush(stderr);                                      \
  } while (0)
#else
#define NF_DEBUG(...) ((void)0)
#endif

#endif
