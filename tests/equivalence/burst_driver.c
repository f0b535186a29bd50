/* Bursts given to one worker directly: any size, ports mixed, mbufs that come twice, packets that depend on each other.
 *
 *     burst_driver SEED STEPS [-- NF options]
 *
 * What comes is drawn from SEED and from what the NF sent before, so that two programs that do the same print the same:
 * a line per burst, with its number, size, and a digest of verdicts and frames.  The last line says what looking ahead
 * has done. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "maestro.h"
#include "maestro_stages.h"

extern const struct maestro_nf *const maestro_main_nf;

enum { MBUFS = 512, LARGEST = 65535, KEPT = 256, FRAME = 96 };

static uint64_t state;
static struct rte_mbuf *mbufs[MBUFS], *burst[LARGEST];
static uint16_t verdicts[LARGEST];
static struct {
  uint8_t frame[FRAME];
  uint16_t length, port;
} kept[KEPT]; /* what was sent, to answer */
static unsigned n_kept;

static uint64_t draw(uint64_t below) {
  uint64_t z = state += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return (z ^ z >> 31) % below;
}

static void write16(uint8_t *at, unsigned value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static void swap(uint8_t *a, uint8_t *b, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    const uint8_t x = a[i];
    a[i] = b[i];
    b[i] = x;
  }
}

/* A frame of one of a few flows, so that packets of one burst meet; now and then an odd one. */
static uint16_t make(uint8_t *frame, uint16_t *port) {
  *port = (uint16_t)draw(2);
  if (n_kept > 0 && draw(3) == 0) {
    const unsigned i = (unsigned)draw(n_kept);
    memcpy(frame, kept[i].frame, FRAME);
    swap(frame, frame + 6, 6);
    swap(frame + 26, frame + 30, 4);
    swap(frame + 34, frame + 36, 2);
    *port = kept[i].port;
    return kept[i].length;
  }
  memset(frame, 0, FRAME);
  const unsigned host = (unsigned)draw(24), server = (unsigned)draw(6), l4_port = 1000 + (unsigned)draw(8);
  memcpy(frame, (const uint8_t[]){2, 0, 0, 0, 0, (uint8_t)server, 2, 0, 0, 0, 1, (uint8_t)host}, 12);
  write16(frame + 12, draw(20) == 0 ? (unsigned)draw(65536) : 0x0800);
  frame[14] = draw(30) == 0 ? (uint8_t)draw(256) : 0x45;
  write16(frame + 16, 46);
  write16(frame + 20, draw(30) == 0 ? (unsigned)draw(65536) : 0);
  frame[22] = 64;
  frame[23] = draw(20) == 0 ? (uint8_t)draw(256) : draw(2) ? 6 : 17;
  write16(frame + 24, (unsigned)draw(65536));
  memcpy(frame + 26, (const uint8_t[]){10, 0, 0, (uint8_t)host, 96, 1, 2, (uint8_t)server}, 8);
  if (*port == 1 && draw(2)) swap(frame + 26, frame + 30, 4);
  write16(frame + 34, l4_port);
  write16(frame + 36, draw(3) ? 443 : (unsigned)draw(65536));
  for (unsigned i = 38; i < FRAME; i++) frame[i] = (uint8_t)draw(256);
  return (uint16_t)(draw(10) == 0 ? draw(FRAME) : 60 + draw(FRAME - 60));
}

static void fill(struct rte_mbuf *mbuf) {
  mbuf->data_off = RTE_PKTMBUF_HEADROOM;
  mbuf->data_len = mbuf->pkt_len = make(rte_pktmbuf_mtod(mbuf, uint8_t *), &mbuf->port);
}

static void keep(const struct rte_mbuf *mbuf, uint16_t verdict) {
  if (verdict >= 2 || mbuf->data_len > FRAME) return;
  const unsigned i = n_kept < KEPT ? n_kept++ : (unsigned)draw(KEPT);
  memcpy(kept[i].frame, rte_pktmbuf_mtod(mbuf, const uint8_t *), FRAME);
  kept[i].length = mbuf->data_len;
  kept[i].port = verdict;
}

static uint64_t digest(uint64_t sum, const void *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) sum = (sum ^ ((const uint8_t *)bytes)[i]) * 0x100000001B3;
  return sum;
}

static unsigned size_of_burst(unsigned step) {
  static const unsigned SIZES[] = {0, 1, 2, 31, 32, 33, 64, 65, 127, 3, 7, 32, 32, 32, 300};
  return step == 7 ? LARGEST : SIZES[draw(sizeof SIZES / sizeof *SIZES)];
}

int main(int argc, char **argv) {
  char *eal[] = {argv[0], "--no-huge", "-m", "64", "--no-pci", "--no-shconf", "--no-telemetry", "--log-level=error",
                 "--vdev=net_null0", "--vdev=net_null1"};
  if (argc < 3 || rte_eal_init(sizeof eal / sizeof *eal, eal) < 0) return EXIT_FAILURE;
  state = strtoull(argv[1], NULL, 10);
  const unsigned steps = (unsigned)atoi(argv[2]);
  char error[512];
  struct maestro_instance *instance;
  argv[3 - (argc == 3)] = argv[0];
  const int skipped = argc == 3 ? 2 : 3;
  if (maestro_create(maestro_main_nf, 1, argc - skipped, argv + skipped, &instance, error, sizeof error) != 0) {
    fprintf(stderr, "%s\n", error);
    return EXIT_FAILURE;
  }
  struct rte_mempool *pool = rte_pktmbuf_pool_create("packets", MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool == NULL || rte_pktmbuf_alloc_bulk(pool, mbufs, MBUFS) != 0) return EXIT_FAILURE;
  int64_t now = 1000000;
  for (unsigned step = 0; step < steps; step++) {
    const unsigned n = size_of_burst(step);
    for (unsigned i = 0; i < RTE_MIN(n, (unsigned)MBUFS); i++) fill(mbufs[i]);
    /* Large bursts hold mbufs many times, and others one now and then. */
    for (unsigned i = 0; i < n; i++) burst[i] = mbufs[i >= MBUFS || (i > 0 && draw(20) == 0) ? draw(RTE_MIN(i, MBUFS)) : i];
    now += (int64_t)(draw(8) == 0 ? draw(40000000) : draw(400000));
    if (maestro_process_burst(instance, 0, burst, (uint16_t)n, now, verdicts) != 0) return EXIT_FAILURE;
    uint64_t sum = digest(0xCBF29CE484222325, verdicts, n * sizeof *verdicts);
    for (unsigned i = 0; i < RTE_MIN(n, (unsigned)MBUFS); i++) {
      sum = digest(sum, rte_pktmbuf_mtod(mbufs[i], const uint8_t *), FRAME);
      sum = digest(sum, &mbufs[i]->data_len, sizeof mbufs[i]->data_len);
    }
    for (unsigned i = 0; i < n; i++) keep(burst[i], verdicts[i]);
    printf("%u %u %016" PRIx64 "\n", step, n, sum);
  }
  printf("looked ahead %" PRIu64 " times for %" PRIu64 " packets; joined %u, packed %u\n", maestro_looked.times,
         maestro_looked.packets, maestro_laid_out.joined, maestro_laid_out.packed);
  maestro_destroy(instance);
  return EXIT_SUCCESS;
}
