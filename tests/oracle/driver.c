/* Runs generated NFs, which are shared objects, on captures: jobs come on standard input, a line each:
 *
 *   LIBRARY SYMBOL WORKERS INPUT OUTPUT
 *
 * SYMBOL is the NF's struct maestro_nf.  INPUT: per packet device (2 bytes), length (2), time (8), frame; OUTPUT: per
 * packet verdict (2), worker (2), length (2), frame.  Each job has a process of its own, and one thread: packets are
 * handled in their order, each by the worker that the program's tables name. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "maestro.h"

struct arrival {
  uint16_t device, length;
  int64_t time;
} __attribute__((packed));

static struct rte_mempool *pool;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  fflush(stderr);
  _exit(1);
}

static void run(const char *library, const char *symbol, unsigned n_workers, const char *in, const char *out) {
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) fail(library, dlerror());
  const struct maestro_nf *nf = dlsym(handle, symbol);
  if (nf == NULL) fail(symbol, dlerror());
  char error[256], *arguments[] = {(char *)symbol, NULL};
  struct maestro_instance *instance;
  if (maestro_create(nf, n_workers, 1, arguments, &instance, error, sizeof error) != 0) fail(library, error);
  static uint16_t tables[MAESTRO_MAX_PORTS][4096];
  for (unsigned port = 0; port < nf->n_ports; port++) maestro_fill_table(&nf->ports[port], n_workers, tables[port]);
  FILE *input = fopen(in, "rb"), *output = fopen(out, "wb");
  if (input == NULL || output == NULL) fail(in, "cannot be opened");
  struct arrival arrival;
  while (fread(&arrival, sizeof arrival, 1, input) == 1) {
    struct rte_mbuf *packet = rte_pktmbuf_alloc(pool);
    if (packet == NULL) fail(library, "no more packet buffers");
    uint8_t *frame = (uint8_t *)rte_pktmbuf_append(packet, arrival.length);
    if (frame == NULL || fread(frame, 1, arrival.length, input) != arrival.length) fail(in, "ends in a frame");
    packet->port = arrival.device;
    const uint16_t index = n_workers == 1 ? 0 : maestro_index(&nf->ports[arrival.device], frame, arrival.length);
    const uint16_t worker = tables[arrival.device][index];
    uint16_t verdict;
    if (maestro_process_burst(instance, worker, &packet, 1, arrival.time, &verdict) != 0) fail(library, "is busy");
    const uint16_t head[] = {verdict, worker, packet->data_len};
    fwrite(head, sizeof head, 1, output);
    fwrite(rte_pktmbuf_mtod(packet, void *), 1, packet->data_len, output);
    rte_pktmbuf_free(packet);
  }
  if (fclose(output) != 0) fail(out, "cannot be written");
}

int main(int argc, char **argv) {
  if (rte_eal_init(argc, argv) < 0) return 1;
  pool = rte_pktmbuf_pool_create("pool", 63, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
  if (pool == NULL) return 1;
  char library[512], symbol[64], input[512], output[512];
  unsigned n_workers;
  int failed = 0;
  while (scanf("%511s %63s %u %511s %511s", library, symbol, &n_workers, input, output) == 5) {
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
      run(library, symbol, n_workers, input, output);
      _exit(0);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
      fprintf(stderr, "%s on %u workers: failed\n", library, n_workers);
      failed = 1;
    }
  }
  rte_eal_cleanup();
  return failed;
}
