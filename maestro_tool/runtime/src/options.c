/* The command line: `<nf> [--workers N] [--replay | --replay-unordered] [--stats FILE] [--mtu N] [--idle=sleep|poll]
 * [EAL options] -- [NF options]`. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <glob.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "objects.h"
#include "program.h"

/* One lcore is left for the dispatcher. */
enum { MAX_WORKERS = MAESTRO_MAX_WORKERS - 1 };
_Static_assert(MAESTRO_MAX_WORKERS <= RTE_MAX_LCORE, "each worker runs on an lcore");

void program_error(const struct maestro_nf *nf, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fflush(stdout);
  fprintf(stderr, "%s: ", nf->name);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

void program_options_usage(const struct maestro_nf *nf) {
  printf(
      "Usage: %s [--workers N] [--replay | --replay-unordered] [--stats FILE] [--mtu N] [--idle=sleep|poll]\n"
      "       [EAL options] -- [NF options]\n\n"
      "The network function '%s' for nic=%s, strategy %s; it expects %u ports.\n\n"
      "  --workers N    parallel workers, 1 to %d (default: one per CPU, but the one that deals the packets out\n"
      "                 with nic=soft; the sequential build has 1)\n"
      "  --replay       merge the packets of all ports by timestamp, take time from them, end when all captures are "
      "read\n"
      "                 (ports: net_pcap with rx_pcap=); where workers share state, one packet after the other\n"
      "  --replay-unordered\n"
      "                 the same, but workers that share state do not wait for each other\n"
      "  --stats FILE   write packet counts per worker to FILE, as JSON\n"
      "  --mtu N        cards take packets of up to N bytes (IP, without Ethernet); longer ones are counted as ierrors\n"
      "  --idle=sleep   a worker that has no packets rests, so that the next may wait for some 50 us (default)\n"
      "  --idle=poll    it asks again and again: packets do not wait, and the CPU is never idle\n"
      "  --help         this text\n\n"
      "Added to the EAL options unless given: --lcores for the workers, --no-telemetry, --log-level, --in-memory or\n"
      "(if no huge page is free) --no-huge, -m and --no-shconf, --no-pci if all ports are --vdev.\n\n"
      "Example, replaying two captures:\n"
      "  %s --workers 2 --replay --vdev=net_pcap0,rx_pcap=lan.pcap,tx_pcap=lan-out.pcap \\\n"
      "     --vdev=net_pcap1,rx_pcap=wan.pcap,tx_pcap=wan-out.pcap --\n",
      nf->name, nf->name, nf->nic, nf->strategy, nf->n_ports, MAX_WORKERS, nf->name);
}

/* The value of option `name` at argv[*i] ("--name value" or "--name=value"); NULL if it is another option or has none.
 */
static const char *value_of(const char *name, int argc, char **argv, int *i) {
  const size_t length = strlen(name);
  if (strncmp(argv[*i], name, length) != 0) return NULL;
  if (argv[*i][length] == '=') return argv[*i] + length + 1;
  if (argv[*i][length] != '\0' || *i + 1 >= argc) return NULL;
  return argv[++*i];
}

static bool is_option(const char *argument, const char *name) {
  const size_t length = strlen(name);
  return strncmp(argument, name, length) == 0 && (argument[length] == '\0' || argument[length] == '=');
}

static bool given(const struct options *options, const char *name) {
  const bool short_name = name[1] != '-'; /* -l1,2 */
  for (int i = 1; i < options->eal_argc; i++)
    if (is_option(options->eal_argv[i], name) || (short_name && strncmp(options->eal_argv[i], name, 2) == 0))
      return true;
  return false;
}

static bool any_given(const struct options *options, const char *const *names) {
  for (; *names != NULL; names++)
    if (given(options, *names)) return true;
  return false;
}

__attribute__((format(printf, 2, 3))) static void add(struct options *options, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = NULL;
  if (vasprintf(&text, format, arguments) < 0) abort();
  va_end(arguments);
  options->eal_argv[options->eal_argc++] = text;
  options->eal_argv[options->eal_argc] = NULL;
}

static bool huge_pages_free(void) {
  glob_t found;
  bool any = false;
  if (glob("/sys/kernel/mm/hugepages/hugepages-*/free_hugepages", 0, NULL, &found) != 0) return false;
  for (size_t i = 0; i < found.gl_pathc && !any; i++) {
    FILE *file = fopen(found.gl_pathv[i], "r");
    unsigned long pages = 0;
    if (file == NULL) continue;
    any = fscanf(file, "%lu", &pages) == 1 && pages > 0;
    fclose(file);
  }
  globfree(&found);
  return any;
}

/* The CPUs this process may run on; returns how many. */
static unsigned usable_cpus(unsigned cpus[CPU_SETSIZE]) {
  cpu_set_t set;
  unsigned n = 0;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
      if (CPU_ISSET(cpu, &set)) cpus[n++] = cpu;
  if (n == 0) cpus[n++] = 0;
  return n;
}

/* The lcore that deals packets out to workers, if there is one. */
static unsigned dispatchers(const struct maestro_nf *nf, unsigned n_workers) {
  return nf->software_rss && n_workers > 1 ? 1 : 0;
}

static unsigned default_workers(const struct maestro_nf *nf) {
  unsigned cpus[CPU_SETSIZE];
  const unsigned n_cpus = usable_cpus(cpus), n = RTE_MIN(n_cpus, (unsigned)MAX_WORKERS);
  if (maestro_is_sequential(nf)) return 1;
  return RTE_MIN(n, RTE_MAX(1u, n_cpus - dispatchers(nf, n)));
}

/* A replay takes its time from its packets: it is only slower then. */
static void warn_of_few_cpus(const struct maestro_nf *nf, const struct options *options) {
  unsigned cpus[CPU_SETSIZE];
  const unsigned n_cpus = usable_cpus(cpus), fit = default_workers(nf);
  if (options->replay || options->n_workers <= fit) return;
  program_error(nf,
                "%u workers%s share %u CPU%s, where each waits for the others' time slices, and packets may get lost: "
                "--workers %u is the most that fit",
                options->n_workers,
                dispatchers(nf, options->n_workers) > 0 ? " and the thread that deals packets out to them" : "", n_cpus,
                n_cpus > 1 ? "s" : "", fit);
}

/* One lcore per thread, spread over the CPUs there are: '0@4,1@5,2@4'. */
static void add_lcores(struct options *options, unsigned n_lcores) {
  unsigned cpus[CPU_SETSIZE];
  const unsigned n_cpus = usable_cpus(cpus);
  char text[16 * (MAX_WORKERS + 1)];
  size_t used = 0;
  for (unsigned i = 0; i < n_lcores; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%u@%u", i > 0 ? "," : "", i, cpus[i % n_cpus]);
  add(options, "--lcores=%s", text);
}

/* NFs read one contiguous buffer, so it has to hold the longest frame.  Lengths of buffers have 16 bits: frames of nearly
 * 65535 bytes get less headroom (placement.c).  Cards use multiples of 1 KB. */
uint16_t program_buffer_size(const struct options *options) {
  enum { ETHERNET_AND_TWO_TAGS = 14 + 2 * 4, UNIT = 1024 };
  uint32_t longest = options->longest;
  if (options->mtu > 0) longest = RTE_MAX(longest, options->mtu + ETHERNET_AND_TWO_TAGS);
  const uint32_t room = RTE_ALIGN_CEIL(longest, (uint32_t)UNIT) + RTE_PKTMBUF_HEADROOM;
  return (uint16_t)RTE_MIN(RTE_MAX(room, (uint32_t)RTE_MBUF_DEFAULT_BUF_SIZE), (uint32_t)UINT16_MAX);
}

static bool are_large(const struct options *options) {
  return program_buffer_size(options) > RTE_MBUF_DEFAULT_BUF_SIZE;
}

/* Large buffers are few in a replay, so none may lie idle with some lcore. */
unsigned program_buffer_cache(const struct options *options) {
  return options->replay && are_large(options) ? 0 : CACHED_BUFFERS;
}

/* Packets of captures wait nowhere but in our own arrays and rings; and each page of a pool costs time at the start.
 * Large ones (of two buffers at most) have to wait for their turn before they get into rings. */
static unsigned replay_pool_size(const struct maestro_nf *nf, const struct options *options) {
  const unsigned n_workers = options->n_workers;
  if (are_large(options)) return 2 * BURST * (nf->n_ports + n_workers * (nf->n_ports + 2)) + 8 * BURST;
  const unsigned per_worker = RING_SIZE + (2 * nf->n_ports + 2) * BURST;
  return 2 * nf->n_ports * BURST + n_workers * per_worker + (n_workers + 1) * CACHED_BUFFERS * 3 / 2 + 512;
}

unsigned program_pool_size(const struct maestro_nf *nf, const struct options *options) {
  const unsigned n_workers = options->n_workers;
  if (options->replay) return replay_pool_size(nf, options);
  const unsigned n_rx_queues = nf->software_rss ? 1 : rte_align32pow2(n_workers); /* as many as any card needs */
  return nf->n_ports * (n_rx_queues * RX_DESCRIPTORS + n_workers * (TX_DESCRIPTORS + 2 * BURST) + RX_DESCRIPTORS) +
         n_workers * (2 * RING_SIZE + 512) + 8192;
}

/* MB that the program takes without huge pages.  No packet buffer (2.4 KB) may then cross a page, so that each takes a
 * page of 4 KB, or less of a larger one; larger buffers take some pages.  The rest is for ports, rings and DPDK itself. */
static unsigned memory_needed(const struct maestro_nf *nf, const struct options *options) {
  const unsigned n_workers = options->n_workers;
  const unsigned pages = (sizeof(struct rte_mbuf) + program_buffer_size(options)) / 4096 + 1;
  return 96 + n_workers + (unsigned)((uint64_t)program_pool_size(nf, options) * pages / 256);
}

static void add_defaults(const struct maestro_nf *nf, struct options *options) {
  static const char *const LCORES[] = {"-l", "-c", "--lcores", "-s", "-S", NULL};
  static const char *const HUGE_PAGES[] = {"--no-huge", "--socket-mem", "--huge-dir", "--legacy-mem", NULL};
  static const char *const SHARED[] = {"--in-memory", "--file-prefix", "--proc-type",
                                       "--huge-dir",  "--no-shconf",   NULL};
  static const char *const DEVICES[] = {"-a", "--allow", "-b", "--block", "--no-pci", NULL};
  if (!any_given(options, LCORES)) {
    add_lcores(options, options->n_workers + dispatchers(nf, options->n_workers));
    warn_of_few_cpus(nf, options);
  }
  if (!any_given(options, HUGE_PAGES) && !huge_pages_free()) add(options, "--no-huge");
  if (given(options, "--no-huge") && !given(options, "-m")) {
    add(options, "-m");
    add(options, "%u", memory_needed(nf, options));
    options->memory = options->eal_argc - 1;
  }
  /* Nothing of ours is shared with other processes: several programs may run side by side.  --no-huge implies
   * --legacy-mem, which EAL 22.11 does not combine with --in-memory. */
  const bool no_huge = given(options, "--no-huge") || given(options, "--legacy-mem");
  if (!any_given(options, SHARED)) add(options, no_huge ? "--no-shconf" : "--in-memory");
  if (!given(options, "--telemetry") && !given(options, "--no-telemetry")) add(options, "--no-telemetry");
  if (!given(options, "--log-level")) add(options, "--log-level=warning");
  if (given(options, "--vdev") && !any_given(options, DEVICES)) add(options, "--no-pci");
}

void program_options_fit(const struct maestro_nf *nf, struct options *options, uint32_t longest) {
  options->longest = longest;
  if (options->memory == 0) return;
  free(options->eal_argv[options->memory]);
  if (asprintf(&options->eal_argv[options->memory], "%u", memory_needed(nf, options)) < 0) abort();
}

/* 68 is the smallest MTU of IPv4 (RFC 791). */
static bool parse_mtu(const struct maestro_nf *nf, const char *text, unsigned *mtu) {
  enum { LEAST = 68, MOST = 65000 };
  char *end;
  const long value = strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < LEAST || value > MOST) {
    program_error(nf, "--mtu: '%s' is not a number from %d to %d", text, LEAST, MOST);
    return false;
  }
  *mtu = (unsigned)value;
  return true;
}

static bool parse_workers(const struct maestro_nf *nf, const char *text, unsigned *n_workers) {
  char *end;
  const long value = strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < 1 || value > MAX_WORKERS) {
    program_error(nf, "--workers: '%s' is not a number from 1 to %d", text, MAX_WORKERS);
    return false;
  }
  *n_workers = (unsigned)value;
  return true;
}

/* The name of an option of ours that has a value; NULL if it is none. */
static const char *named(const char *argument) {
  static const char *const NAMES[] = {"--workers", "--stats", "--mtu", "--idle"};
  for (unsigned i = 0; i < RTE_DIM(NAMES); i++)
    if (is_option(argument, NAMES[i])) return NAMES[i];
  return NULL;
}

static bool parse_idle(const struct maestro_nf *nf, const char *text, bool *poll) {
  *poll = strcmp(text, "poll") == 0;
  if (*poll || strcmp(text, "sleep") == 0) return true;
  program_error(nf, "--idle: '%s' is neither sleep nor poll", text);
  return false;
}

bool program_options_parse(const struct maestro_nf *nf, int argc, char **argv, struct options *options) {
  enum { ADDED = 16 };
  *options = (struct options){.n_workers = default_workers(nf)};
  options->eal_argv = calloc((size_t)argc + ADDED, sizeof *options->eal_argv);
  options->nf_argv = calloc((size_t)argc + 1, sizeof *options->nf_argv);
  if (options->eal_argv == NULL || options->nf_argv == NULL) return false;
  options->eal_argv[options->eal_argc++] = argv[0];
  options->nf_argv[options->nf_argc++] = argv[0];
  int i = 1;
  for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
    const char *name, *value;
    if (strcmp(argv[i], "--replay") == 0) {
      options->replay = true;
    } else if (strcmp(argv[i], "--replay-unordered") == 0) {
      options->replay = options->unordered = true;
    } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      options->help = true;
    } else if ((name = named(argv[i])) != NULL) {
      value = value_of(name, argc, argv, &i);
      if (value == NULL || *value == '\0') {
        program_error(nf, "%s needs a value", argv[i]);
        return false;
      }
      if (strcmp(name, "--stats") == 0) options->stats = value;
      if (strcmp(name, "--workers") == 0 && !parse_workers(nf, value, &options->n_workers)) return false;
      if (strcmp(name, "--idle") == 0 && !parse_idle(nf, value, &options->poll)) return false;
      if (strcmp(name, "--mtu") == 0 && !parse_mtu(nf, value, &options->mtu)) return false;
    } else {
      options->eal_argv[options->eal_argc++] = argv[i];
    }
  }
  for (i++; i < argc; i++) options->nf_argv[options->nf_argc++] = argv[i];
  if (maestro_is_sequential(nf) && options->n_workers != 1) {
    program_error(nf, "this is the sequential build: it runs on 1 worker, not %u", options->n_workers);
    return false;
  }
  if (options->help) return true;
  add_defaults(nf, options);
  return true;
}
