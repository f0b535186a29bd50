#pragma once
#include <stddef.h>
#include <stdint.h>
extern char *optarg;
extern int optind, opterr, optopt;
int getopt(int argc, char *const argv[], const char *options);
unsigned sleep(unsigned seconds);
int usleep(unsigned microseconds);
void _exit(int status);
