/* Instances: what is refused, variables of workers on threads, split capacities, verdicts. */
#include <errno.h>
#include <pthread.h>

#include <rte_dev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "check.h"
#include "start_eal.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/map.h"
#include "maestro.h"
#include "maestro_stages.h"

extern const struct maestro_nf tiny_nf;

static char error[256];
static struct rte_mempool *pool;

static int create(const struct maestro_nf *nf, unsigned n_workers, struct maestro_instance **instance, char *max,
                  char *expire) {
  char *argv[] = {
      (char *)(uintptr_t) "tiny", (char *)(uintptr_t) "--max", max, (char *)(uintptr_t) "--expire", expire, NULL};
  return maestro_create(nf, n_workers, 5, argv, instance, error, sizeof error);
}

static int create_default(const struct maestro_nf *nf, unsigned n_workers, struct maestro_instance **instance) {
  char max[] = "8", expire[] = "1000";
  return create(nf, n_workers, instance, max, expire);
}

static struct rte_mbuf *packet(uint16_t port, uint32_t src, uint32_t dst, uint16_t src_port, uint16_t dst_port) {
  struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
  CHECK(mbuf != NULL);
  uint8_t *frame = (uint8_t *)rte_pktmbuf_append(mbuf, 60);
  memset(frame, 0, 60);
  struct rte_ether_hdr *ether = (struct rte_ether_hdr *)frame;
  ether->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
  struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(ether + 1);
  ip->version_ihl = 0x45;
  ip->next_proto_id = 17;
  ip->src_addr = rte_cpu_to_be_32(src);
  ip->dst_addr = rte_cpu_to_be_32(dst);
  uint16_t *ports = (uint16_t *)(ip + 1);
  ports[0] = rte_cpu_to_be_16(src_port);
  ports[1] = rte_cpu_to_be_16(dst_port);
  mbuf->port = port;
  return mbuf;
}

static uint16_t process(struct maestro_instance *instance, unsigned worker, struct rte_mbuf *mbuf, int64_t now) {
  uint16_t verdict = 0x1234;
  CHECK_EQ(maestro_process_burst(instance, worker, &mbuf, 1, now, &verdict), 0);
  rte_pktmbuf_free(mbuf);
  return verdict;
}

static uint16_t lan(struct maestro_instance *i, unsigned worker, uint32_t host, int64_t now) {
  return process(i, worker, packet(0, host, 99, 1000, 80), now);
}

static uint16_t wan(struct maestro_instance *i, unsigned worker, uint32_t host, int64_t now) {
  return process(i, worker, packet(1, 99, host, 80, 1000), now);
}

static void refused(const struct maestro_nf *nf, int status, const char *message) {
  struct maestro_instance *instance = NULL;
  CHECK_EQ(create_default(nf, 2, &instance), status);
  CHECK(instance == NULL);
  if (strstr(error, message) == NULL) fprintf(stderr, "message: %s\n", error);
  CHECK(strstr(error, message) != NULL);
}

static void refusals(void) {
  struct maestro_object objects[4];
  memcpy(objects, tiny_nf.objects, 3 * sizeof objects[0]);
  objects[3] = objects[0];
  struct maestro_nf nf = tiny_nf;
  nf.objects = objects;
  objects[1].treatment = MAESTRO_SHARED;
  refused(&nf, -EINVAL, "shares nothing");
  objects[1].treatment = MAESTRO_SHARDED;
  objects[1].kind = MAESTRO_DCHAIN;
  refused(&nf, -EINVAL, "allocation 1 of nf_init is a vector, but the analysis saw the dchain 'keys'");
  objects[1].kind = MAESTRO_VECTOR;
  nf.n_objects = 3;
  objects[1].element_size = 24;
  refused(&nf, -EINVAL, "the elements of 'keys' have 16 bytes, but the plan was made for 24");
  objects[1].element_size = 0;
  for (unsigned i = 0; i < 3; i++) {
    objects[i].min_capacity = 9;
    refused(&nf, -EINVAL, "is 8, but the plan needs 9 at least");
    objects[i].min_capacity = 8;
    objects[i].max_capacity = 7;
    refused(&nf, -EINVAL, "is 8, but the plan allows 7 at most");
    objects[i].max_capacity = 8;
  }
  objects[2].filled = 1;
  refused(&nf, -EINVAL, "0 entries in 'ages', but the plan was made for 1");
  objects[2].filled = 0;
  objects[2].ranged = true;
  objects[1].dchain = 2;
  objects[1].per_index = 2;
  refused(&nf, -EINVAL, "'keys' has 8 elements, but the 8 indices of 'ages' need 16");
  objects[1].per_index = 1; /* fits: what follows is what is wrong */
  nf.n_objects = 2;
  refused(&nf, -EINVAL, "more than the 2 objects");
  nf.n_objects = 4;
  refused(&nf, -EINVAL, "allocated 3 objects, but the analysis saw 4");
  nf = tiny_nf;
  nf.all_keys_known = true;
  refused(&nf, -EINVAL, "a map has other key functions than the program was built with");
  nf = tiny_nf;
  struct maestro_instance *instance = NULL;
  char max[] = "8", thirteen[] = "13", zero[] = "0";
  CHECK_EQ(create(&nf, 2, &instance, max, thirteen), -EINVAL);
  CHECK(strcmp(error, "tiny: not as analysed") == 0);
  CHECK(create(&nf, 2, &instance, zero, thirteen) < 0);
  CHECK(strstr(error, "nf_init failed") != NULL);
  CHECK_EQ(create_default(&nf, 0, &instance), -EINVAL);
  CHECK_EQ(create_default(&nf, MAESTRO_MAX_WORKERS + 1, &instance), -EINVAL);
  nf.strategy = "sequential";
  CHECK_EQ(create_default(&nf, 2, &instance), -EINVAL);
  CHECK(instance == NULL);
}

/* Bursts look ahead only in objects that are what they were for the analysis. */
static void staged(void) {
  static const struct { struct maestro_staged staged; bool fits; } CASES[] = {
      {{.object = 0, .kind = MAESTRO_MAP}, true},
      {{.object = 0, .kind = MAESTRO_MAP, .known_hash = 3}, false},
      {{.object = 0, .kind = MAESTRO_VECTOR}, false},
      {{.object = 1, .kind = MAESTRO_VECTOR, .bytes = 16}, true},
      {{.object = 1, .kind = MAESTRO_VECTOR, .bytes = 17}, false},
      {{.object = 2, .kind = MAESTRO_DCHAIN}, true},
      {{.object = 3, .kind = MAESTRO_DCHAIN}, false},
      {{.object = 60000, .kind = MAESTRO_MAP}, false},
  };
  for (unsigned i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    struct maestro_nf nf = tiny_nf;
    nf.staged = &CASES[i].staged;
    nf.n_staged = 1;
    struct maestro_instance *instance;
    CHECK_EQ(create_default(&nf, 2, &instance), 0);
    CHECK(maestro_staged_objects == NULL);
    CHECK_EQ(lan(instance, 1, 1, 20), 1);
    CHECK_EQ(maestro_staged_objects != NULL, CASES[i].fits);
    maestro_detach(instance);
    CHECK(maestro_staged_objects == NULL);
    maestro_destroy(instance);
  }
}

/* What nf_init stores in memory of all workers (here: a variable of the process) is right for the last one only. */
const void *maestro_allocated(unsigned number);
static const void *in_common;

static bool init_in_common(void) {
  if (!tiny_nf.init()) return false;
  in_common = maestro_allocated(0);
  return true;
}

static bool check_in_common(char *text, size_t size) {
  if (maestro_allocated(0) == in_common) return true;
  snprintf(text, size, "in common");
  return false;
}

/* Of each worker, in order. */
static struct DoubleChain *chains[4];
static unsigned n_chains;

static bool init_and_note_chain(void) {
  if (!tiny_nf.init()) return false;
  chains[n_chains++] = (struct DoubleChain *)(uintptr_t)maestro_allocated(2);
  return true;
}

/* Workers hand out indices of their own range, all of which together are those of the chain; others are not in use. */
static void ranges(void) {
  struct maestro_object objects[3];
  memcpy(objects, tiny_nf.objects, sizeof objects);
  objects[2].ranged = true;
  struct maestro_nf nf = tiny_nf;
  nf.objects = objects;
  nf.init = init_and_note_chain;
  struct maestro_instance *instance = NULL;
  CHECK_EQ(create_default(&nf, 3, &instance), 0);
  CHECK_EQ(n_chains, 3);
  int owner[8] = {0};
  for (unsigned worker = 0; worker < 3; worker++) {
    for (int index; dchain_allocate_new_index(chains[worker], &index, 1);) {
      CHECK(index >= 0 && index < 8 && owner[index] == 0);
      owner[index] = (int)worker + 1;
    }
    for (unsigned other = worker + 1; other < 3; other++)
      for (int i = 0; i < 8; i++) CHECK_EQ(dchain_is_index_allocated(chains[other], i), 0);
  }
  for (int i = 0; i < 8; i++) CHECK(owner[i] != 0);
  CHECK_EQ(dchain_free_index(chains[1], 3), 1); /* comes back to the same worker */
  int index;
  CHECK_EQ(dchain_allocate_new_index(chains[0], &index, 1), 0);
  CHECK_EQ(dchain_allocate_new_index(chains[1], &index, 1), 1);
  CHECK_EQ(index, 3);
  maestro_destroy(instance);
  char large[] = "2097152", expire[] = "1000";
  n_chains = 0;
  CHECK_EQ(create(&nf, 3, &instance, large, expire), -EINVAL);
  CHECK(strstr(error, "'ages' has 2097152 indices, but the plan allows 1048576 at most") != NULL);
}

static void common_memory(void) {
  struct maestro_nf nf = tiny_nf;
  nf.init = init_in_common;
  nf.check = check_in_common;
  refused(&nf, -EINVAL, "in common");
  struct maestro_instance *instance = NULL;
  CHECK_EQ(create_default(&nf, 1, &instance), 0);
  maestro_destroy(instance);
}

/* nf_init puts two flows in: a plan for two takes them, and a plan for any other number where packets only read. */
static bool init_filled(void) {
  static uint32_t keys[2][4] = {{1}, {2}};
  if (!tiny_nf.init()) return false;
  struct Map *map = (struct Map *)(uintptr_t)maestro_allocated(0);
  struct DoubleChain *chain = (struct DoubleChain *)(uintptr_t)maestro_allocated(2);
  int index;
  for (int i = 0; i < 2; i++) {
    map_put(map, keys[i], i);
    if (!dchain_allocate_new_index(chain, &index, 0)) return false;
  }
  return true;
}

static void filled_in_set_up(void) {
  struct maestro_object objects[3];
  memcpy(objects, tiny_nf.objects, sizeof objects);
  struct maestro_nf nf = tiny_nf;
  nf.objects = objects;
  nf.init = init_filled;
  refused(&nf, -EINVAL, "2 entries in 'flows', but the plan was made for 0");
  objects[0].filled = 1;
  refused(&nf, -EINVAL, "2 entries in 'flows', but the plan was made for 1");
  objects[0].treatment = MAESTRO_READ_ONLY;
  refused(&nf, -EINVAL, "2 entries in 'ages'");
  objects[0].filled = 0;
  refused(&nf, -EINVAL, "2 entries in 'flows'");
  objects[0].filled = objects[2].filled = 2;
  struct maestro_instance *instance = NULL;
  CHECK_EQ(create_default(&nf, 2, &instance), 0);
  maestro_destroy(instance);
}

/* Two workers of one instance, and a second instance, on one thread: nothing is shared. */
static void separate_workers(void) {
  struct maestro_instance *a = NULL, *b = NULL;
  CHECK_EQ(create_default(&tiny_nf, 2, &a), 0);
  CHECK_EQ(wan(a, 0, 1, 10), MAESTRO_DROP);
  CHECK_EQ(lan(a, 0, 1, 20), 1);
  CHECK_EQ(wan(a, 1, 1, 30), MAESTRO_DROP);
  CHECK_EQ(wan(a, 0, 1, 40), 0);
  CHECK_EQ(create_default(&tiny_nf, 1, &b), 0); /* while a worker of `a` is attached here */
  CHECK_EQ(wan(b, 0, 1, 40), MAESTRO_DROP);
  CHECK_EQ(wan(a, 0, 1, 50), 0);
  maestro_destroy(b);
  CHECK_EQ(wan(a, 0, 1, 1050), 0);            /* not older than 1000 */
  CHECK_EQ(wan(a, 0, 1, 2051), MAESTRO_DROP); /* 1001 ns later */
  maestro_destroy(a);
}

/* ceil(8 / 3) flows for each of 3 workers. */
static void split_capacity(void) {
  struct maestro_instance *instance = NULL;
  CHECK_EQ(create_default(&tiny_nf, 3, &instance), 0);
  for (unsigned worker = 0; worker < 3; worker++)
    for (uint32_t host = 0; host < 5; host++) CHECK_EQ(lan(instance, worker, host, 0), host < 3 ? 1 : MAESTRO_DROP);
  maestro_destroy(instance);
}

static void *other_thread(void *context) {
  struct maestro_instance *instance = context;
  struct rte_mbuf *mbuf = packet(1, 99, 1, 80, 1000);
  uint16_t verdict;
  CHECK_EQ(maestro_process_burst(instance, 0, &mbuf, 1, 30, &verdict), -EBUSY);
  rte_pktmbuf_free(mbuf);
  CHECK_EQ(lan(instance, 1, 7, 30), 1);
  maestro_detach(instance);
  return NULL;
}

static void *taking_over(void *context) {
  CHECK_EQ(wan(context, 0, 1, 40), 0);
  maestro_detach(context);
  return NULL;
}

static void on_thread(void *(*function)(void *), void *context) {
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, NULL, function, context), 0);
  pthread_join(thread, NULL);
}

static void threads(void) {
  struct maestro_instance *instance = NULL;
  CHECK_EQ(create_default(&tiny_nf, 2, &instance), 0);
  CHECK_EQ(lan(instance, 0, 1, 20), 1);
  on_thread(other_thread, instance);
  maestro_detach(instance);
  on_thread(taking_over, instance);
  CHECK_EQ(wan(instance, 0, 1, 50), 0);
  CHECK_EQ(wan(instance, 1, 7, 50), 0);
  maestro_destroy(instance);
}

/* Bursts of all lengths, verdicts of all kinds. */
static void bursts(void) {
  struct maestro_instance *instance = NULL;
  CHECK_EQ(create_default(&tiny_nf, 1, &instance), 0);
  for (uint16_t n = 0; n <= 40; n++) {
    struct rte_mbuf *mbufs[40];
    uint16_t verdicts[41];
    for (uint16_t i = 0; i < n; i++) {
      mbufs[i] = packet(i % 2, i % 2 ? 99 : 1, i % 2 ? 1 : 99, i % 2 ? 80 : 1000, i % 2 ? 1000 : 80);
      uint8_t *frame = rte_pktmbuf_mtod(mbufs[i], uint8_t *);
      if (i % 5 == 0) frame[13] = 6;                                       /* ARP */
      if (i % 7 == 0) rte_pktmbuf_trim(mbufs[i], (uint16_t)(60 - 37 + i)); /* no ports, no IPv4, ... */
      if (i == 35) frame[12] = 0xFF;
    }
    verdicts[n] = 0xABCD;
    CHECK_EQ(maestro_process_burst(instance, 0, mbufs, n, 100 + n, verdicts), 0);
    CHECK_EQ(verdicts[n], 0xABCD);
    for (uint16_t i = 0; i < n; i++) {
      const bool ether = mbufs[i]->pkt_len >= 14;
      const uint16_t expected = i == 35               ? MAESTRO_DROP
                                : i % 5 == 0 && ether ? MAESTRO_FLOOD
                                : i % 7 == 0          ? MAESTRO_DROP
                                                      : 1 - i % 2;
      if (!(i == 1 && n == 2)) CHECK_EQ(verdicts[i], expected); /* the first reply comes before its flow */
      rte_pktmbuf_free(mbufs[i]);
    }
    if (n == 0) CHECK_EQ(lan(instance, 0, 1, 100), 1);
  }
  maestro_destroy(instance);
}

/* An NF as a library: its cards are compared when it is made, and before the first packet of each worker. */
static void cards_of_other_drivers(void) {
  static const char *const NULLS[] = {"net_null"}, *const OTHER[] = {"net_ice", "net_cn9k"};
  struct maestro_port ports[2];
  memcpy(ports, tiny_nf.ports, sizeof ports);
  struct maestro_nf nf = tiny_nf;
  nf.ports = ports, nf.nic = "card";
  ports[0].drivers = OTHER, ports[0].n_drivers = 2;
  struct maestro_instance *instance;
  CHECK_EQ(create_default(&nf, 2, &instance), 0); /* no such port: packets come from elsewhere */
  lan(instance, 0, 1, 100);
  CHECK_EQ(rte_eal_hotplug_add("vdev", "net_null0", ""), 0);
  struct rte_mbuf *mbuf = packet(0, 1, 2, 3, 4);
  uint16_t verdict = 0x1234;
  CHECK_EQ(maestro_process_burst(instance, 1, &mbuf, 1, 100, &verdict), -ENODEV);
  CHECK_EQ(verdict, 0x1234);
  CHECK_EQ(maestro_check_cards(&nf, error, sizeof error), -ENODEV);
  maestro_destroy(instance);
  instance = NULL;
  refused(&nf, -ENODEV, "port 0 is a card of driver net_null, but the plan for nic=card is for net_ice or net_cn9k");
  ports[0].drivers = NULLS, ports[0].n_drivers = 1;
  CHECK_EQ(create_default(&nf, 2, &instance), 0);
  CHECK_EQ(maestro_process_burst(instance, 1, &mbuf, 1, 100, &verdict), 0);
  maestro_destroy(instance);
  rte_pktmbuf_free(mbuf);
  CHECK_EQ(rte_eal_hotplug_remove("vdev", "net_null0"), 0);
}

int main(void) {
  start_eal();
  pool = rte_pktmbuf_pool_create("test", 511, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  CHECK(pool != NULL);
  refusals();
  staged();
  ranges();
  common_memory();
  filled_in_set_up();
  separate_workers();
  split_capacity();
  threads();
  bursts();
  cards_of_other_drivers();
  rte_eal_cleanup();
  return 0;
}
