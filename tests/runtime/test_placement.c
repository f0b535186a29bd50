/* Packets that a card gave to the wrong worker: found before they are handled at the start, and later soon; what may come
 * anywhere is let through. */
#include "check.h"
#include "start_eal.h"
#include "program.h"

enum { WORKERS = 4, TABLE = 64, BURSTS = 400 };

static const uint8_t KEY[40] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
                                0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
                                0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
#define ADDRESSES {MAESTRO_FROM_FRAME, 26, 4, false}, {MAESTRO_FROM_FRAME, 30, 4, false}
#define PORTS {MAESTRO_FROM_L4, 0, 2, false}, {MAESTRO_FROM_L4, 2, 2, false}
#define ADDRESSES6 {MAESTRO_FROM_FRAME, 22, 16, false}, {MAESTRO_FROM_FRAME, 38, 16, false}
/* Of others over IPv4 the driver does not say whether it hashes the addresses, or zeros in place of the first. */
static const struct maestro_card_class CLASSES[] = {
    {MAESTRO_TCP4, "src_ip, dst_ip, src_port, dst_port", 1, {{4, {ADDRESSES, PORTS}}}},
    {MAESTRO_UDP4, "src_ip, dst_ip, src_port, dst_port", 1, {{4, {ADDRESSES, PORTS}}}},
    {MAESTRO_IPV4_FRAGMENT, "src_ip, dst_ip", 1, {{2, {ADDRESSES}}}},
    {MAESTRO_IPV4_OTHER,
     "dst_ip",
     2,
     {{1, {{MAESTRO_FROM_FRAME, 30, 4, false}}},
      {2, {{MAESTRO_ZEROS, 26, 4, false}, {MAESTRO_FROM_FRAME, 30, 4, false}}}}},
    {MAESTRO_TCP6, "src_ip6, dst_ip6, src_port, dst_port", 1, {{4, {ADDRESSES6, PORTS}}}},
};
static const struct maestro_port PLAN = {
    .key = KEY, .key_length = 40, .rss_hf = 1, .table_size = TABLE, .card_classes = CLASSES, .n_card_classes = 5,
    .software_classes = 1u << MAESTRO_UDP4_OPTIONS | 1u << MAESTRO_MALFORMED,
    .l4 = {2, {{26, 4}, {30, 4}}}, .l3 = {2, {{26, 4}, {30, 4}}}};
/* All that needs a worker is left to the card. */
static const struct maestro_port LEFT_PLAN = {
    .key = KEY, .key_length = 40, .rss_hf = 1, .table_size = TABLE, .card_classes = CLASSES, .n_card_classes = 5};
static const struct maestro_nf NF = {.name = "placed", .nic = "card", .n_ports = 1, .ports = &PLAN};

atomic_bool program_stopped;
static char said[512];
void program_error(const struct maestro_nf *nf, const char *format, ...) {
  (void)nf;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(said, sizeof said, format, arguments);
  va_end(arguments);
}

static const struct options options;
static struct program program;
static struct worker worker;
static struct rte_mempool *pool;
static uint64_t seed = 1;
static unsigned n_compared, n_classified;

/* In place of the one that placement.c calls: how often it hashes is what checks cost. */
static unsigned counted(const struct maestro_port *port, const struct maestro_card_class *class, const uint8_t *frame,
                        uint32_t length, uint16_t indices[2]) {
  n_compared++;
  return maestro_card_indices(port, class, frame, length, indices);
}
static enum maestro_class classified(const uint8_t *frame, uint32_t length) {
  n_classified++;
  return maestro_classify(frame, length);
}
#define maestro_card_indices counted
#define maestro_classify classified
#include "placement.c"
#undef maestro_card_indices
#undef maestro_classify

static void start(void) {
  static struct placement *placements[1];
  free(placements[0]);
  placements[0] = malloc(placement_size());
  placement_init(placements[0], program.ports[0].plan);
  n_compared = n_classified = 0;
  worker = (struct worker){.number = 1, .program = &program, .placements = placements};
  atomic_store(&program_stopped, false);
  atomic_store(&program.misplaced, false);
}

/* A frame of the class with random addresses and ports. */
static struct rte_mbuf *packet(enum maestro_class class) {
  struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
  CHECK(mbuf != NULL);
  uint8_t *frame = (uint8_t *)rte_pktmbuf_append(mbuf, 94);
  memset(frame, 0, 94);
  const bool ipv6 = class == MAESTRO_TCP6;
  frame[12] = ipv6 ? 0x86 : 0x08;
  frame[13] = ipv6 ? 0xDD : 0x00;
  frame[14] = ipv6 ? 0x60 : 0x45;
  frame[ipv6 ? 19 : 17] = ipv6 ? 40 : 80;
  frame[ipv6 ? 20 : 23] = class == MAESTRO_UDP4 || class == MAESTRO_IPV4_FRAGMENT ? 17 : class == MAESTRO_IPV4_OTHER ? 0 : 6;
  if (class == MAESTRO_IPV4_FRAGMENT) frame[20] = 0x20;
  for (unsigned i = ipv6 ? 22 : 26; i < (ipv6 ? 58 : 38); i++) frame[i] = (uint8_t)next_random(&seed);
  frame[ipv6 ? 66 : 46] = 0x50;
  CHECK_EQ(maestro_classify(frame, 94), class);
  return mbuf;
}

/* One that belongs to the worker; or, if wrong, to another. */
static struct rte_mbuf *placed(enum maestro_class class, bool wrong) {
  const struct maestro_card_class *found = CLASSES;
  while (found->packets != class) found++;
  for (;;) {
    struct rte_mbuf *mbuf = packet(class);
    uint16_t indices[2];
    const unsigned n = maestro_card_indices(&PLAN, found, rte_pktmbuf_mtod(mbuf, uint8_t *), 94, indices);
    bool right = false;
    for (unsigned i = 0; i < n; i++) right = right || program.ports[0].table[indices[i]] == worker.number;
    if (right != wrong) return mbuf;
    rte_pktmbuf_free(mbuf);
  }
}

static uint16_t receive(enum maestro_class class, unsigned n, unsigned n_wrong) {
  struct rte_mbuf *packets[BURST];
  CHECK(n <= BURST);
  for (unsigned i = 0; i < n; i++) packets[i] = placed(class, i >= n - n_wrong);
  const uint16_t good = placement_sort(&worker, 0, packets, (uint16_t)n);
  rte_pktmbuf_free_bulk(packets, good);
  return good;
}

static void finds(enum maestro_class class) {
  start();
  said[0] = '\0';
  CHECK_EQ(receive(class, 8, 3), 5); /* none of the wrong ones is handled */
  CHECK(atomic_load(&program_stopped) && atomic_load(&program.misplaced));
  CHECK_EQ(worker.counters.misplaced, 1);
}

/* A burst of UDP in which `n` packets of the class stand, one behind the other from a random place on. */
static unsigned mixed(enum maestro_class class, unsigned n, bool wrong) {
  struct rte_mbuf *packets[BURST];
  const unsigned first = (unsigned)(next_random(&seed) % (BURST - n + 1));
  for (unsigned i = 0; i < BURST; i++) {
    const bool other = i >= first && i < first + n;
    packets[i] = placed(other ? class : MAESTRO_UDP4, other && wrong);
  }
  const uint16_t good = placement_sort(&worker, 0, packets, BURST);
  CHECK(good == BURST || (good >= first && good < first + n));
  rte_pktmbuf_free_bulk(packets, good);
  return good == BURST ? n : good - first;
}

/* A plan in which software steers nothing. */
static void test_left_to_the_card(void) {
  enum { MOST = 2 * PLACEMENT_SAMPLE_PICKED };
  program.ports[0].plan = &LEFT_PLAN;
  for (unsigned i = 0; i < sizeof CLASSES / sizeof *CLASSES; i++) finds(CLASSES[i].packets);

  /* While a class has not come, its first packet is found, among however many of others. */
  start();
  for (unsigned i = 0; i < BURSTS; i++) CHECK_EQ(receive(i % 2 ? MAESTRO_TCP6 : MAESTRO_UDP4, BURST, 0), BURST);
  CHECK_EQ(mixed(MAESTRO_TCP4, 1, true), 0);
  CHECK(atomic_load(&program.misplaced));

  /* When all have, one packet in so many is looked at, and one in so many is compared. */
  start();
  for (unsigned i = 0; i < sizeof CLASSES / sizeof *CLASSES; i++)
    for (unsigned k = 0; k < PLACEMENT_FIRST / BURST; k++) CHECK_EQ(receive(CLASSES[i].packets, BURST, 0), BURST);
  CHECK_EQ(n_compared, 5 * PLACEMENT_FIRST);
  n_compared = n_classified = 0;
  for (unsigned i = 0; i < 4 * PLACEMENT_SAMPLE_PICKED / BURST; i++) CHECK_EQ(receive(MAESTRO_UDP4, BURST, 0), BURST);
  CHECK(n_compared >= 3 && n_compared <= 5);
  CHECK(n_classified >= n_compared && n_classified <= 4 * PLACEMENT_SAMPLE_PICKED / PLACEMENT_BLOCK + 1);

  /* A class that goes wrong later is found, be it rare or frequent. */
  for (unsigned share = 1; share <= BURST; share *= 4) {
    atomic_store(&program.misplaced, false);
    unsigned handled = 0;
    while (!atomic_load(&program.misplaced) && handled <= MOST) handled += mixed(MAESTRO_TCP6, share, true);
    CHECK(handled <= MOST);
  }

  /* When the link comes up, all begins again, also for classes of which nothing is due. */
  atomic_store(&program.misplaced, false);
  atomic_fetch_add(&program.ports[0].link_ups, 1);
  CHECK_EQ(mixed(MAESTRO_IPV4_OTHER, 3, true), 0);
  CHECK(atomic_load(&program.misplaced));
  program.ports[0].plan = &PLAN;
}

int main(void) {
  start_eal();
  pool = rte_pktmbuf_pool_create("packets", 128, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  CHECK(pool != NULL);
  static uint16_t table[TABLE];
  for (unsigned i = 0; i < TABLE; i++) table[i] = (uint16_t)(i % WORKERS);
  program = (struct program){.nf = &NF, .options = &options, .n_workers = WORKERS};
  program.ports[0].plan = &PLAN;
  program.ports[0].table = table;
  maestro_steering_init(&program.ports[0].steering, &PLAN);
  static struct worker workers[WORKERS];
  program.workers = workers;
  for (unsigned i = 0; i < WORKERS; i++) {
    char name[16];
    snprintf(name, sizeof name, "ring-%u", i);
    CHECK((workers[i].ring = rte_ring_create(name, 64, SOCKET_ID_ANY, 0)) != NULL);
  }

  /* A card that is wrong from the start; the first finding says which packet. */
  finds(MAESTRO_TCP4);
  CHECK(strstr(said, "class tcp4 with (src_ip, dst_ip, src_port, dst_port) = (") != NULL);
  CHECK(strstr(said, "came to worker 1, but by the plan for nic=card it belongs to worker ") != NULL);
  for (unsigned i = 1; i < sizeof CLASSES / sizeof *CLASSES; i++) finds(CLASSES[i].packets);

  /* Right ones are all handled, of either input where the driver does not say; a class that comes late is new. */
  start();
  for (unsigned i = 0; i < BURSTS; i++) CHECK_EQ(receive(i % 2 ? MAESTRO_TCP4 : MAESTRO_IPV4_OTHER, 8, 0), 8);
  CHECK_EQ(receive(MAESTRO_UDP4, 8, 1), 7);
  start();
  for (unsigned i = 0; i < BURSTS; i++) CHECK_EQ(receive(MAESTRO_TCP6, 8, 0), 8);
  CHECK_EQ(receive(MAESTRO_IPV4_FRAGMENT, 8, 1), 7);

  /* A card that goes wrong later: no more than PLACEMENT_SAMPLE packets of the class are handled until one is found. */
  for (unsigned kind = 0; kind < 2; kind++) {
    const enum maestro_class class = kind == 0 ? MAESTRO_UDP4 : MAESTRO_TCP6;
    start();
    for (unsigned i = 0; i < BURSTS + kind; i++) CHECK_EQ(receive(class, BURST, 0), BURST);
    unsigned handled = 0;
    while (!atomic_load(&program.misplaced) && handled <= PLACEMENT_SAMPLE) {
      handled += receive(class, BURST, BURST);
      receive(MAESTRO_TCP4, 1, 0);
    }
    CHECK(handled > 0 && handled <= PLACEMENT_SAMPLE);
  }

  /* What it costs: the first packets of a class, and then one in so many; classes that do not come cost nothing. */
  start();
  for (unsigned i = 0; i < 2 * PLACEMENT_SAMPLE / BURST; i++) CHECK_EQ(receive(MAESTRO_UDP4, BURST, 0), BURST);
  CHECK(n_compared >= PLACEMENT_FIRST + 1 && n_compared <= PLACEMENT_FIRST + 2);

  /* A card that has lost its table when the link comes up. */
  start();
  for (unsigned i = 0; i < 4; i++) CHECK_EQ(receive(MAESTRO_UDP4, BURST, 0), BURST);
  CHECK_EQ(receive(MAESTRO_UDP4, BURST, BURST), BURST); /* nothing is due */
  atomic_fetch_add(&program.ports[0].link_ups, 1);
  CHECK_EQ(receive(MAESTRO_UDP4, BURST, BURST), 0);

  /* What is not left to the card may come anywhere: tags, IPv6 but TCP.  A frame that only begins like others is
   * steered, as those with options are, whatever is due: of four in turn one stays. */
  start();
  for (unsigned n = 0; n < 300; n++) {
    struct rte_mbuf *packets[3] = {packet(MAESTRO_TCP4), packet(MAESTRO_TCP6), placed(MAESTRO_TCP4, false)};
    rte_pktmbuf_mtod(packets[0], uint8_t *)[12] = 0x81;
    rte_pktmbuf_mtod(packets[1], uint8_t *)[20] = 17;
    CHECK_EQ(placement_sort(&worker, 0, packets, 3), 3);
    rte_pktmbuf_free_bulk(packets, 3);
  }
  static const struct {
    unsigned at;
    uint8_t byte;
  } CHANGES[] = {{17, 81}, {17, 27}, {16, 1}, {14, 0x46}};
  for (unsigned k = 0; k < sizeof CHANGES / sizeof *CHANGES; k++) {
    unsigned own = 0, others = 0;
    for (unsigned n = 0; n < 64; n++) {
      struct rte_mbuf *packets[3] = {placed(MAESTRO_TCP4, false), packet(MAESTRO_UDP4), placed(MAESTRO_TCP4, false)};
      struct rte_mbuf *const first = packets[0], *const last = packets[2], *const changed = packets[1];
      uint8_t *frame = rte_pktmbuf_mtod(changed, uint8_t *);
      frame[CHANGES[k].at] = CHANGES[k].byte;
      CHECK(PLAN.software_classes >> maestro_classify(frame, 94) & 1);
      const unsigned owner = program_steer(&program.ports[0], changed);
      const uint16_t kept = placement_sort(&worker, 0, packets, 3);
      CHECK(packets[0] == first && packets[kept - 1] == last);
      CHECK_EQ(kept, owner == worker.number ? 3 : 2);
      owner == worker.number ? own++ : others++;
      void *given = NULL;
      CHECK_EQ(rte_ring_dequeue(program.workers[owner].ring, &given), owner == worker.number ? -ENOENT : 0);
      if (owner != worker.number) CHECK(given == changed);
      if (given != NULL) rte_pktmbuf_free(given);
      rte_pktmbuf_free_bulk(packets, kept);
    }
    CHECK(own > 0 && others > own);
    CHECK_EQ(worker.counters.handed_over, others);
    worker.counters.handed_over = 0;
  }
  CHECK(!atomic_load(&program.misplaced));

  test_left_to_the_card();
  return 0;
}
