/* The DPDK program of one generated NF, in order: options, EAL, the NF's state, ports, workers, counts. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "captures.h"
#include "objects.h"
#include "program.h"

/* Generated: the NF that this program runs. */
extern const struct maestro_nf *const maestro_main_nf;

atomic_bool program_stopped;

static volatile sig_atomic_t stopped_by; /* signal; 0: none */

static void stop(int signal_number) {
  stopped_by = signal_number;
  atomic_store(&program_stopped, true);
}

/* Makes the workers of the NF; its arguments are parsed with the EAL up, because it may ask for ports. */
static bool create(struct program *program) {
  char error[512];
  const struct options *options = program->options;
  if (maestro_create(program->nf, program->n_workers, options->nf_argc, options->nf_argv, &program->instance, error,
                     sizeof error) != 0) {
    program_error(program->nf, "%s", error);
    return false;
  }
  if (program->nf->config_print != NULL) program->nf->config_print();
  if (program->nf->transactions && program->n_workers > 1)
    program_error(program->nf, maestro_uses_transactions(program->instance)
                                   ? "packets run as hardware transactions (RTM)"
                                   : "no hardware transactions here (RTM): packets take turns by the lock instead");
  return true;
}

/* As rte_pktmbuf_pool_create, which without huge pages gives each buffer a page of 4 KB: they then all lie at the same
 * places of their pages, where a first-level cache has room for eight.  Where devices use virtual addresses, no buffer
 * need be in one page. */
static struct rte_mempool *packed_pool(unsigned n, unsigned cache, uint16_t size) {
  struct rte_pktmbuf_pool_private sizes = {.mbuf_data_room_size = size};
  struct rte_mempool *pool =
      rte_mempool_create_empty("packets", n, (unsigned)sizeof(struct rte_mbuf) + size, cache, sizeof sizes,
                               SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
  if (pool == NULL) return NULL;
  rte_pktmbuf_pool_init(pool, &sizes);
  const int populated = rte_mempool_populate_default(pool);
  if (populated < 0) {
    rte_errno = -populated;
    rte_mempool_free(pool);
    return NULL;
  }
  rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
  return pool;
}

static bool create_pool(struct program *program) {
  const unsigned n = program_pool_size(program->nf, program->options);
  const unsigned cache = program_buffer_cache(program->options);
  const uint16_t size = program_buffer_size(program->options);
  program->pool = !rte_eal_has_hugepages() && rte_eal_iova_mode() == RTE_IOVA_VA
                      ? packed_pool(n, cache, size)
                      : rte_pktmbuf_pool_create("packets", n, cache, 0, size, SOCKET_ID_ANY);
  if (program->pool == NULL)
    program_error(program->nf, "no memory for %u packet buffers of %u bytes (%s): give more with -m", n, size,
                  rte_strerror(rte_errno));
  return program->pool != NULL;
}

static bool check_lcores(const struct program *program) {
  const unsigned needed = program->n_workers + (program->dispatched ? 1 : 0);
  if (rte_lcore_count() >= needed) return true;
  program_error(program->nf, "%u workers need %u lcores%s, but EAL has %u: leave --lcores out, or name more",
                program->n_workers, needed, program->dispatched ? " (one dispatches)" : "", rte_lcore_count());
  return false;
}

static void run(struct program *program) {
  /* Without a dispatcher the main lcore is worker 0. */
  unsigned next = program->dispatched ? 0 : 1;
  unsigned lcore;
  RTE_LCORE_FOREACH_WORKER(lcore) {
    if (next == program->n_workers) break;
    if (rte_eal_remote_launch(program_worker_run, &program->workers[next++], lcore) != 0) abort();
  }
  if (program->dispatched)
    program_dispatcher_run(program);
  else
    program_worker_run(&program->workers[0]);
  rte_eal_mp_wait_lcore();
}

static bool run_and_count(struct program *program, struct captures *captures) {
  const struct options *options = program->options;
  if (options->replay && !program->dispatched && !program->alone) {
    program_error(program->nf, "--replay needs a build for nic=soft: captures have no RSS");
    return false;
  }
  if (!check_lcores(program) || (options->replay && !program_replay_init(program)) || !create_pool(program))
    return false;
  if (!create(program)) return false;
  if (options->replay && captures->n_inputs > 0 && captures->n_packets == 0) {
    program_error(program->nf, "no capture has a packet: there is nothing to replay");
    return false;
  }
  if (!program_ports_start(program)) return false;
  if (!program_workers_init(program)) {
    program_error(program->nf, "no memory for %u workers: give more with -m", program->n_workers);
    return false;
  }
  program_clock_start();
  if (!options->replay)
    fprintf(stderr, "%s: running on %u ports with %u workers; a signal (Ctrl-C) ends it\n", program->nf->name,
            program->nf->n_ports, program->n_workers);
  run(program);
  captures_note(captures, program);
  program_ports_count(program);
  program_ports_stop(program);
  if (atomic_load(&program->failed)) return false;
  program_statistics_print(program);
  if (atomic_load(&program->misplaced)) {
    if (options->stats != NULL) (void)program_statistics_write(program, options->stats);
    return false;
  }
  if (!captures_complete(captures, program->nf)) return false;
  if (options->replay && stopped_by != 0) {
    program_error(program->nf, "interrupted: what was written is only a part of the replay");
    return false;
  }
  return options->stats == NULL || program_statistics_write(program, options->stats);
}

int main(int argc, char **argv) {
  const struct maestro_nf *nf = maestro_main_nf;
  static struct options options;
  if (!program_options_parse(nf, argc, argv, &options)) return EXIT_FAILURE;
  if (options.help) {
    program_options_usage(nf);
    return EXIT_SUCCESS;
  }
  struct captures captures;
  if (!captures_init(&captures, nf, options.eal_argc, options.eal_argv, options.stats)) return EXIT_FAILURE;
  program_options_fit(nf, &options, captures.longest);
  if (rte_eal_init(options.eal_argc, options.eal_argv) < 0) {
    program_error(nf, "DPDK's EAL does not start: %s", rte_strerror(rte_errno));
    return EXIT_FAILURE;
  }
  const struct sigaction action = {.sa_handler = stop};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);

  static struct program program;
  program.nf = nf;
  program.options = &options;
  program.captures = &captures;
  program.n_workers = options.n_workers;
  program.alone = maestro_is_sequential(nf) || (nf->software_rss && options.n_workers == 1);
  program.dispatched = nf->software_rss && !program.alone;
  program.ordered = options.replay && !options.unordered && nf->sharing != MAESTRO_SHARE_NOTHING;
  const bool good = run_and_count(&program, &captures);
  maestro_destroy(program.instance);
  rte_eal_cleanup();
  captures_destroy(&captures);
  if (good) return EXIT_SUCCESS;
  /* As shells tell of a program that a signal ended. */
  return options.replay && stopped_by != 0 ? 128 + stopped_by : EXIT_FAILURE;
}
