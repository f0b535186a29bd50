/* Preloaded to DPDK programs in tests: at each start EAL loads all 190 drivers of the distribution, which takes longer
 * than many a test, and ten times as long in an emulated machine.  With this it loads those that tests use. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <string.h>

/* EAL opens the folder of drivers, and loads those of its files that are named there.  DRIVERS has files of the same
 * names for what tests use. */
DIR *opendir(const char *path) {
  DIR *(*real)(const char *) = (DIR * (*)(const char *)) dlsym(RTLD_NEXT, "opendir");
  return real(strstr(path, "/dpdk/pmds-") != NULL ? DRIVERS : path);
}
