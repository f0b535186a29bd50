/* What a packet costs one NF, in memory, without I/O.  Link it with lib<nf>.a and the generated main_<nf>.c in place of
 * main.o.
 *
 *     bench_nf [--flows N[,N...]] [--packets N] [--parts N] [--workers N] [--cores N] [--churn N] [--seed N]
 *              [--sides lan|wan|both] [--draw uniform|zipf] [--modes all|alone] [-- NF options]
 *
 * Defaults: --flows 1000,10000,60000 --packets 4000000 --parts 40 --workers 1 --seed 1.  Needs neither root nor huge pages.
 * Flow i has LAN address 10.0.0.0 + i, WAN address 96.0.0.0 + a hash of i, and UDP ports; MAC addresses of its own in
 * the LAN, of one of 256 routers in the WAN.  First each flow sends one packet from port 0 (LAN), so that the NF knows
 * it; then bursts of 32 with flows drawn at random, all of them alike (--draw uniform) or the i-th of n with a chance
 * like 1/i (zipf: Zipf's law with exponent 1).  They come from the LAN, are replies to what the NF made of the first
 * packet (wan), or half of each (both); all from port 0 if the NF has one port.  --churn N: of 32 packets, N are of
 * flows that were never seen, and time runs so fast (2 ms per burst, else 10 us) that they expire.
 *
 * Without --cores only process_burst is timed: packets are written into their mbufs before, 4 bursts at a time, which
 * leaves them where a card with direct cache access would.  With --workers N, the packets are those that the plan's
 * tables give to worker 0, which runs on this thread: the cost of a packet on one of N cores, each holding its share of
 * the flows.  The figures are medians of the parts of the run (--parts).
 *
 * In turn with these, but for --modes alone, parts are run as on a worker to which a card gives packets (placement.h), whatever the NF's own
 * plan is.  "steered": software steers options, fragments and malformed frames, and "steered_checked": UDP and TCP are
 * compared beside it.  "received": what is done for packets of which nothing is to be known, "received_checked": UDP is
 * compared; "received_awaiting": UDP and TCP are, which never comes, so that each packet is asked whether it is TCP.
 *
 * What a part times is done in a function of its own, `measured_part`: between its calls a counter of instructions may be
 * read (maestro_tool/cli/bench.py does so with callgrind).
 *
 * With --cores N, N workers run on as many threads, each with its own flows, for --packets each, all at the same time.
 * The figure, packets per second of all together, includes writing the packets.
 *
 * Prints one JSON object per line: {"nf", "strategy", "workers", "flows", "packets", and "ports", "ns": {"median", "min", "max"} per
 * packet, "<mode>_ns" (medians) of each mode above, "owner_by_fields_ns", "owner_by_bytes_ns", "owner_by_shapes_ns" (what
 * steering in software costs), "dropped", or "churn", "packets_per_second", "write_locks"}.  Exit status 1 and a message
 * on error. */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "maestro.h"
#include "../src/program.h"

extern const struct maestro_nf *const maestro_main_nf;

atomic_bool program_stopped; /* by a check that fails */

/* What is done with packets in a part of the run: the NF alone, or what a worker does before. */
enum mode { ALONE, STEERED, STEERED_CHECKED, RECEIVED, RECEIVED_CHECKED, RECEIVED_AWAITING, N_MODES };
static const char *const MODES[N_MODES] = {
    "alone", "steered", "steered_checked", "received", "received_checked", "received_awaiting"};
enum { BURSTS = 4, FRAME = 60, MAX_SIZES = 16 };

/* Few bytes per flow: the harness itself must not fill the caches. */
struct flow {
  uint32_t lan, wan, reply; /* addresses, and ports as they are in a packet from the LAN; network byte order */
  uint16_t lan_port, wan_port, reply_port; /* reply: where replies go, as a NAT has the LAN's address */
};

struct settings {
  unsigned flows[MAX_SIZES], n_sizes, n_parts, n_workers, n_cores, churn;
  uint64_t packets, seed;
  bool lan, wan; /* where packets come from */
  bool zipf;
  unsigned n_modes; /* the first of them */
};

struct run {
  const struct settings *settings;
  struct maestro_instance *instance;
  unsigned worker;
  struct rte_mbuf *mbufs[BURSTS * BURST];
  struct flow *flows;
  unsigned n_flows, n_sides;
  uint64_t random, dropped;
  int64_t now, tick; /* ns; per burst */
  unsigned n_new;    /* flows that came on the way */
  pthread_t thread;
  pthread_barrier_t *barrier;
  struct worker *receiver; /* NULL: the NF alone */
};

__attribute__((noreturn)) static void die(const char *what, const char *detail) {
  fprintf(stderr, "bench_nf: %s%s\n", what, detail);
  exit(EXIT_FAILURE);
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

static uint64_t number(const char *text, char **end) {
  const uint64_t value = strtoull(text, end, 10);
  if (*end == text || value == 0) die("not a positive number: ", text);
  return value;
}

/* Options whose value is a word. */
static bool parse_choice(const char *name, const char *value, struct settings *settings) {
  const bool second = strcmp(value, "wan") == 0 || strcmp(value, "zipf") == 0 || strcmp(value, "alone") == 0;
  if (strcmp(name, "--sides") == 0 && (strcmp(value, "lan") == 0 || strcmp(value, "wan") == 0)) {
    settings->lan = !second;
    settings->wan = second;
  } else if (strcmp(name, "--sides") == 0 && strcmp(value, "both") == 0) {
    settings->lan = settings->wan = true;
  } else if (strcmp(name, "--draw") == 0 && (strcmp(value, "uniform") == 0 || strcmp(value, "zipf") == 0)) {
    settings->zipf = second;
  } else if (strcmp(name, "--modes") == 0 && (strcmp(value, "all") == 0 || strcmp(value, "alone") == 0)) {
    settings->n_modes = second ? 1 : N_MODES;
  } else {
    return false;
  }
  return true;
}

static void parse(int argc, char **argv, struct settings *settings) {
  *settings = (struct settings){
      .flows = {1000, 10000, 60000}, .n_sizes = 3, .n_parts = 40, .n_workers = 1, .packets = 4000000, .seed = 1,
      .lan = true, .wan = true, .n_modes = N_MODES};
  for (int i = 1; i < argc; i++) {
    char *end = NULL;
    if (i + 1 >= argc) die("a value is missing after ", argv[i]);
    const char *name = argv[i++];
    if (parse_choice(name, argv[i], settings)) continue;
    if (strcmp(name, "--flows") == 0) {
      settings->n_sizes = 0;
      for (const char *p = argv[i]; settings->n_sizes < MAX_SIZES; p = end + 1) {
        settings->flows[settings->n_sizes++] = (unsigned)number(p, &end);
        if (*end != ',') break;
      }
    } else if (strcmp(name, "--packets") == 0) {
      settings->packets = number(argv[i], &end);
    } else if (strcmp(name, "--parts") == 0) {
      settings->n_parts = (unsigned)number(argv[i], &end);
    } else if (strcmp(name, "--workers") == 0) {
      settings->n_workers = (unsigned)number(argv[i], &end);
    } else if (strcmp(name, "--cores") == 0) {
      settings->n_workers = settings->n_cores = (unsigned)number(argv[i], &end);
    } else if (strcmp(name, "--churn") == 0) {
      settings->churn = (unsigned)number(argv[i], &end);
    } else if (strcmp(name, "--seed") == 0) {
      settings->seed = number(argv[i], &end);
    } else {
      die("unknown option ", name);
    }
    if (*end != '\0') die("not a number: ", argv[i]);
  }
}

/* What all frames have in common: IPv4 and UDP, 60 bytes. */
static void write_common(uint8_t frame[FRAME]) {
  memset(frame, 0, FRAME);
  struct rte_ether_hdr *ether = (struct rte_ether_hdr *)frame;
  ether->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
  struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(ether + 1);
  ip->version_ihl = RTE_IPV4_VHL_DEF;
  ip->total_length = rte_cpu_to_be_16(FRAME - sizeof *ether);
  ip->time_to_live = 64;
  ip->next_proto_id = 17;
  struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);
  udp->dgram_len = rte_cpu_to_be_16(FRAME - sizeof *ether - sizeof *ip);
}

/* What a flow's packets have of their own; side 0: from the LAN, 1: the reply. */
static void write_flow(uint8_t frame[FRAME], const struct flow *flow, unsigned side) {
  struct rte_ether_hdr *ether = (struct rte_ether_hdr *)frame;
  struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(ether + 1);
  struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);
  const uint8_t *lan = (const uint8_t *)&flow->lan, *wan = (const uint8_t *)&flow->wan;
  const struct rte_ether_addr host = {{2, 0, lan[0], lan[1], lan[2], lan[3]}}, router = {{2, 1, 0, 0, 0, wan[3]}};
  ether->src_addr = side == 0 ? host : router;
  ether->dst_addr = side == 0 ? router : host;
  ip->src_addr = side == 0 ? flow->lan : flow->wan;
  ip->dst_addr = side == 0 ? flow->wan : flow->reply;
  udp->src_port = side == 0 ? flow->lan_port : flow->wan_port;
  udp->dst_port = side == 0 ? flow->wan_port : flow->reply_port;
}

static struct flow make_flow(uint64_t *random, uint32_t lan) {
  const uint64_t r = next_random(random);
  struct flow flow = {.lan = rte_cpu_to_be_32(lan),
                      .wan = rte_cpu_to_be_32(0x60000000u | (uint32_t)(r & 0xFFFFFF)),
                      .lan_port = rte_cpu_to_be_16((uint16_t)(1024 + (r >> 32 & 0x7FFF))),
                      .wan_port = RTE_BE16(443)};
  flow.reply = flow.lan;
  flow.reply_port = flow.lan_port;
  return flow;
}

static bool is_mine(const struct run *run, const struct flow *flow, uint16_t *const tables[]) {
  uint8_t frame[FRAME];
  if (run->settings->n_workers == 1) return true;
  if (maestro_main_nf->sharing == MAESTRO_SHARE_ALL) /* any worker will do */
    return rte_be_to_cpu_32(flow->lan) % run->settings->n_workers == run->worker;
  write_common(frame);
  for (unsigned side = 0; side < run->n_sides; side++) {
    write_flow(frame, flow, side);
    if (tables[side][maestro_index(&maestro_main_nf->ports[side], frame, FRAME)] != run->worker) return false;
  }
  return true;
}

/* Makes n flows, and keeps those whose packets the worker gets, from either side. */
static void make_flows(struct run *run, unsigned n) {
  uint16_t *tables[2] = {NULL, NULL};
  for (unsigned side = 0; side < run->n_sides && run->settings->n_workers > 1; side++) {
    const struct maestro_port *port = &maestro_main_nf->ports[side];
    tables[side] = calloc(port->table_size, sizeof *tables[side]);
    if (tables[side] == NULL) die("out of memory", "");
    maestro_fill_table(port, run->settings->n_workers, tables[side]);
  }
  run->flows = calloc(n, sizeof *run->flows);
  if (run->flows == NULL) die("out of memory", "");
  uint64_t random = run->settings->seed;
  run->n_flows = 0;
  for (unsigned i = 0; i < n; i++) {
    const struct flow flow = make_flow(&random, 0x0A000000u + i);
    if (is_mine(run, &flow, tables)) run->flows[run->n_flows++] = flow;
  }
  free(tables[0]);
  free(tables[1]);
  if (run->n_flows == 0) die("no flow of these has both its packets on one worker", "");
}

static void put(struct rte_mbuf *mbuf, const struct flow *flow, unsigned side) {
  mbuf->data_off = RTE_PKTMBUF_HEADROOM; /* the NF may have moved it */
  mbuf->data_len = FRAME;
  mbuf->pkt_len = FRAME;
  mbuf->port = (uint16_t)side;
  uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
  write_common(frame);
  write_flow(frame, flow, side);
}

/* Processes what lies in the mbufs; returns cycles. */
__attribute__((noinline)) static uint64_t timed(struct run *run, unsigned n_bursts) {
  uint16_t verdicts[BURSTS][BURST];
  int status = 0;
  const uint64_t start = rte_rdtsc_precise();
  for (unsigned b = 0; b < n_bursts; b++) {
    run->now += run->tick;
    if (run->receiver != NULL) status |= placement_sort(run->receiver, 0, run->mbufs + b * BURST, BURST) != BURST;
    status |= maestro_process_burst(run->instance, run->worker, run->mbufs + b * BURST, BURST, run->now, verdicts[b]);
  }
  const uint64_t cycles = rte_rdtsc_precise() - start;
  if (status != 0) die("the worker is busy", "");
  for (unsigned b = 0; b < n_bursts; b++)
    for (unsigned i = 0; i < BURST; i++) run->dropped += verdicts[b][i] == MAESTRO_DROP;
  return cycles;
}

/* Every flow's first packet. */
static void warm_up(struct run *run) {
  for (unsigned at = 0; at < run->n_flows; at += BURST) {
    for (unsigned i = 0; i < BURST; i++) put(run->mbufs[i], &run->flows[(at + i) % run->n_flows], 0);
    timed(run, 1);
    for (unsigned i = 0; i < BURST; i++) {
      const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(run->mbufs[i], struct rte_ipv4_hdr *, 14);
      struct flow *flow = &run->flows[(at + i) % run->n_flows];
      flow->reply = ip->src_addr;
      flow->reply_port = ((const struct rte_udp_hdr *)(ip + 1))->src_port;
    }
  }
}

static unsigned drawn_side(const struct run *run, uint64_t random) {
  if (run->n_sides == 1 || !run->settings->wan) return 0;
  return run->settings->lan ? (unsigned)(random >> 63) : 1;
}

/* n^u with u uniform in [0, 1) is at most i with a chance of log(i)/log(n): that of the i-th is like 1/i. */
static unsigned drawn_flow(const struct run *run, uint64_t random) {
  if (!run->settings->zipf) return (uint32_t)random % run->n_flows;
  const double uniform = (double)(random & 0x7FFFFFFFFFFFFFFF) / 0x1p63;
  return (unsigned)RTE_MIN((uint32_t)pow(run->n_flows, uniform) - 1, run->n_flows - 1);
}

static uint64_t measure(struct run *run, uint64_t n_rounds) {
  uint64_t cycles = 0;
  for (uint64_t round = 0; round < n_rounds; round++) {
    for (unsigned i = 0; i < BURSTS * BURST; i++) {
      const uint64_t r = next_random(&run->random);
      const unsigned side = drawn_side(run, r);
      if (i % BURST < run->settings->churn) { /* 11.0.0.0 and on: of this worker, or of no one who minds */
        const struct flow new = make_flow(&run->random, 0x0B000000u + run->worker * 0x400000u + run->n_new++ / 2);
        put(run->mbufs[i], &new, side);
        continue;
      }
      put(run->mbufs[i], &run->flows[drawn_flow(run, r)], side);
    }
    cycles += timed(run, BURSTS);
  }
  return cycles;
}

__attribute__((noinline)) static uint64_t measured_part(struct run *run, uint64_t n_rounds) {
  return measure(run, n_rounds);
}

/* A worker whose card gives it packets of UDP, and maybe of TCP, all rightly. */
static struct worker *receiver(enum mode mode) {
  enum { TABLE = 512 };
  static const uint8_t key[52] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67};
#define FIELDS \
  {{4, \
    {{MAESTRO_FROM_FRAME, 26, 4, false}, \
     {MAESTRO_FROM_FRAME, 30, 4, false}, \
     {MAESTRO_FROM_L4, 0, 2, false}, \
     {MAESTRO_FROM_L4, 2, 2, false}}}}
  static const struct maestro_card_class classes[] = {{MAESTRO_UDP4, "", 1, FIELDS}, {MAESTRO_TCP4, "", 1, FIELDS}};
#define PLAN(software, n_compared) \
  {.key = key, \
   .key_length = sizeof key, \
   .table_size = TABLE, \
   .card_classes = classes, \
   .n_card_classes = (n_compared), \
   .software_classes = (software)}
#define STEERED_CLASSES \
  (1u << MAESTRO_TCP4_OPTIONS | 1u << MAESTRO_UDP4_OPTIONS | 1u << MAESTRO_IPV4_FRAGMENT | 1u << MAESTRO_MALFORMED)
  static const struct maestro_port plans[N_MODES] = {
      [STEERED] = PLAN(STEERED_CLASSES, 0),
      [STEERED_CHECKED] = PLAN(STEERED_CLASSES, 2),
      [RECEIVED_CHECKED] = PLAN(0, 1),
      [RECEIVED_AWAITING] = PLAN(0, 2),
  };
  static uint16_t table[TABLE]; /* all to worker 0 */
  static struct program programs[N_MODES];
  static struct placement *placements[N_MODES][1];
  static struct worker workers[N_MODES];
  if (mode == ALONE) return NULL;
  struct worker *worker = &workers[mode];
  if (worker->program != NULL) return worker;
  if (mode != RECEIVED) {
    placements[mode][0] = malloc(placement_size());
    if (placements[mode][0] == NULL) die("out of memory", "");
    placement_init(placements[mode][0], &plans[mode]);
  }
  programs[mode] = (struct program){.nf = maestro_main_nf, .ports = {{.plan = &plans[mode], .table = table}}};
  *worker = (struct worker){.program = &programs[mode], .placements = placements[mode]};
  return worker;
}

/* What it takes to find the owner of a packet in software, whatever the NF's own plan is: by the fields of its view, or
 * by as many bytes of its class (`n_inputs` 1), which another shape may have elsewhere (2).  In ns per packet, of the
 * packets that lie in the mbufs, which are not of that shape. */
static double owner_ns(const struct run *run, uint8_t n_inputs) {
#define TUPLE {4, {{26, 4}, {30, 4}, {34, 2}, {36, 2}}}
  static const uint8_t key[52] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67};
  static const struct maestro_byte_input bytes[] = {
      {MAESTRO_UDP4, 58, {3, {{23, 17, 255}, {36, 0x12, 255}, {37, 0xb5, 255}}}, TUPLE}, {.packets = MAESTRO_UDP4, .input = TUPLE}};
  const struct maestro_port plan = {
      .key = key, .key_length = sizeof key, .table_size = 512, .l4 = TUPLE, .byte_inputs = &bytes[n_inputs == 1],
      .n_byte_inputs = n_inputs};
  static struct maestro_steering steering;
  enum { TIMES = 64 };
  uint64_t least = UINT64_MAX;
  volatile uint16_t sum = 0;
  maestro_steering_init(&steering, &plan);
  for (unsigned part = 0; part < run->settings->n_parts; part++) {
    const uint64_t start = rte_rdtsc_precise();
    for (unsigned i = 0; i < TIMES * BURSTS * BURST; i++) {
      const uint8_t *frame = rte_pktmbuf_mtod(run->mbufs[i % (BURSTS * BURST)], const uint8_t *);
      sum += maestro_steering_index(&steering, frame, FRAME);
    }
    const uint64_t cycles = rte_rdtsc_precise() - start;
    if (cycles < least) least = cycles;
  }
  return (double)least / (TIMES * BURSTS * BURST) * 1e9 / (double)rte_get_tsc_hz();
}

static int by_size(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void bench(struct run *run, unsigned n_flows) {
  const struct settings *settings = run->settings;
  make_flows(run, n_flows);
  warm_up(run);
  const unsigned n_parts = settings->n_parts, n_modes = settings->n_modes;
  uint64_t n_rounds = settings->packets / (n_parts * BURSTS * BURST);
  if (n_rounds == 0) n_rounds = 1;
  for (enum mode mode = ALONE; mode < n_modes; mode++) {
    run->receiver = receiver(mode);
    measure(run, n_rounds);
  }
  run->dropped = 0;
  uint64_t *cycles = calloc((size_t)n_modes * n_parts, sizeof *cycles);
  if (cycles == NULL) die("out of memory", "");
  for (unsigned part = 0; part < n_modes * n_parts; part++) {
    const enum mode mode = part % n_modes;
    run->receiver = receiver(mode);
    cycles[mode * n_parts + part / n_modes] = measured_part(run, n_rounds);
  }
  run->receiver = NULL;
  const uint64_t n = n_rounds * BURSTS * BURST;
  const double ns = 1e9 / (double)rte_get_tsc_hz() / (double)n; /* of a cycle, spread over a part's packets */
  for (enum mode mode = ALONE; mode < n_modes; mode++) qsort(cycles + mode * n_parts, n_parts, sizeof *cycles, by_size);
  printf("{\"nf\": \"%s\", \"ports\": %u, \"strategy\": \"%s\", \"workers\": %u, \"flows\": %u, \"packets\": %" PRIu64,
         maestro_main_nf->name, maestro_main_nf->n_ports, maestro_main_nf->strategy, settings->n_workers, n_flows,
         n * n_parts);
  printf(", \"ns\": {\"median\": %.2f, \"min\": %.2f, \"max\": %.2f}", (double)cycles[n_parts / 2] * ns,
         (double)cycles[0] * ns, (double)cycles[n_parts - 1] * ns);
  for (enum mode mode = STEERED; mode < n_modes; mode++)
    printf(", \"%s_ns\": %.2f", MODES[mode], (double)cycles[mode * n_parts + n_parts / 2] * ns);
  if (n_modes > 1)
    printf(", \"owner_by_fields_ns\": %.2f, \"owner_by_bytes_ns\": %.2f, \"owner_by_shapes_ns\": %.2f", owner_ns(run, 0),
           owner_ns(run, 1), owner_ns(run, 2));
  printf(", \"dropped\": %" PRIu64 "}\n", run->dropped);
  fflush(stdout);
  free(cycles);
  free(run->flows);
}

static void *run_worker(void *context) {
  struct run *run = context;
  const uint64_t n_rounds = 1 + run->settings->packets / (BURSTS * BURST);
  warm_up(run);
  measure(run, 1 + n_rounds / 20);
  pthread_barrier_wait(run->barrier);
  measure(run, n_rounds);
  pthread_barrier_wait(run->barrier);
  maestro_detach(run->instance);
  return NULL;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void bench_cores(const struct run *first, struct rte_mempool *pool, unsigned n_flows) {
  const struct settings *settings = first->settings;
  static struct run runs[MAESTRO_MAX_WORKERS];
  pthread_barrier_t barrier;
  uint64_t write_locks = 0;
  if (settings->n_cores > MAESTRO_MAX_WORKERS) die("too many cores", "");
  pthread_barrier_init(&barrier, NULL, settings->n_cores + 1);
  for (unsigned i = 0; i < settings->n_cores; i++) {
    runs[i] = *first;
    runs[i].worker = i;
    runs[i].random += i;
    runs[i].barrier = &barrier;
    if (rte_pktmbuf_alloc_bulk(pool, runs[i].mbufs, BURSTS * BURST) != 0) die("no memory for packets", "");
    make_flows(&runs[i], n_flows);
    if (pthread_create(&runs[i].thread, NULL, run_worker, &runs[i]) != 0) die("no thread can be started", "");
  }
  pthread_barrier_wait(&barrier);
  const double start = seconds();
  pthread_barrier_wait(&barrier);
  const double elapsed = seconds() - start;
  for (unsigned i = 0; i < settings->n_cores; i++) {
    pthread_join(runs[i].thread, NULL);
    write_locks += maestro_sharing_counts(first->instance, i).write_locks;
    free(runs[i].flows);
  }
  const uint64_t n = settings->n_cores * (1 + settings->packets / (BURSTS * BURST)) * BURSTS * BURST;
  printf("{\"nf\": \"%s\", \"strategy\": \"%s\", \"workers\": %u, \"flows\": %u, \"packets\": %" PRIu64
         ", \"churn\": %u, \"packets_per_second\": %.0f, \"write_locks\": %" PRIu64 "}\n",
         maestro_main_nf->name, maestro_main_nf->strategy, settings->n_cores, n_flows, n, settings->churn,
         (double)n / elapsed, write_locks);
  fflush(stdout);
}

/* EAL without huge pages, with as many idle ports as the NF may ask for. */
static void start_eal(const char *program, unsigned n_ports) {
  char vdevs[MAESTRO_MAX_PORTS][32];
  char *argv[16 + MAESTRO_MAX_PORTS] = {
      (char *)(uintptr_t)program, "--no-huge",        "-m", "64", "--no-pci", "--no-shconf",
      "--no-telemetry",           "--log-level=error"};
  int argc = 8;
  for (unsigned i = 0; i < n_ports; i++) {
    snprintf(vdevs[i], sizeof vdevs[i], "--vdev=net_null%u", i);
    argv[argc++] = vdevs[i];
  }
  if (rte_eal_init(argc, argv) < 0) die("DPDK's EAL does not start", "");
}

static void run_size(const struct settings *settings, unsigned n_flows, int nf_argc, char **nf_argv) {
  static struct run run;
  char error[512];
  start_eal(nf_argv[0], maestro_main_nf->n_ports);
  run = (struct run){.settings = settings,
                     .n_sides = maestro_main_nf->n_ports > 1 ? 2 : 1,
                     .random = settings->seed,
                     .tick = settings->churn > 0 ? 2000000 : 10000};
  if (maestro_create(maestro_main_nf, settings->n_workers, nf_argc, nf_argv, &run.instance, error, sizeof error) != 0)
    die(error, "");
  struct rte_mempool *pool = rte_pktmbuf_pool_create("bench", BURSTS * BURST * RTE_MAX(settings->n_cores, 1u), 0, 0,
                                                     RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool == NULL) die("no memory for packets", "");
  if (settings->n_cores > 0) {
    bench_cores(&run, pool, n_flows);
  } else {
    if (rte_pktmbuf_alloc_bulk(pool, run.mbufs, BURSTS * BURST) != 0) die("no memory for packets", "");
    bench(&run, n_flows);
  }
  maestro_destroy(run.instance);
  rte_eal_cleanup();
}

int main(int argc, char **argv) {
  struct settings settings;
  int own = 1;
  while (own < argc && strcmp(argv[own], "--") != 0) own++;
  parse(own, argv, &settings);
  char **nf_argv = argv + (own < argc ? own : 0);
  const int nf_argc = own < argc ? argc - own : 1;
  nf_argv[0] = argv[0];
  /* A process for each size: fresh memory, and a sequential build can be started only once. */
  for (unsigned i = 0; i < settings.n_sizes; i++) {
    int status = EXIT_FAILURE;
    const pid_t child = fork();
    if (child < 0) die("no process can be started", "");
    if (child == 0) {
      run_size(&settings, settings.flows[i], nf_argc, nf_argv);
      return EXIT_SUCCESS;
    }
    if (waitpid(child, &status, 0) != child || status != 0) return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
