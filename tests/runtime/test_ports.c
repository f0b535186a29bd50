/* Starting ports against cards that this file plays: what is set and when, and every refusal. */
#include <errno.h>
#include <stdarg.h>

#include <rte_flow.h>
#include <rte_version.h>

#include "check.h"
#include "program.h"

/* ----- the card, as its driver shows it */

static struct card {
  uint16_t key_size, table_size, table_size_started, n_queues; /* table_size_started: if it is known only then */
  uint64_t offered;
  uint32_t max_frame;
  const char *driver;
  bool ignores_key, needs_update, forgets_table, no_read_back, no_table_read_back, drops_types, refuses_own_rss, resizes_table;
  unsigned n_rules; /* that it takes */
  uint32_t ptypes[5]; /* that it tells apart once it has started */
} card;
static struct {
  bool started;
  unsigned configured_mtu, mtu;
  uint8_t key[UINT8_MAX];
  uint64_t types;
  uint16_t table[1024], n_queues;
  unsigned n_tables, n_configured, n_updates, n_rules;
  struct { /* of rte_flow, in order of their creation */
    enum rte_flow_item_type items[4];
    enum rte_eth_hash_function function;
    uint64_t types;
  } rules[4];
} state;
static char message[512];

void program_error(const struct maestro_nf *nf, const char *format, ...) {
  (void)nf;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
}

uint16_t rte_eth_dev_count_avail(void) { return 1; }
int rte_eth_dev_is_valid_port(uint16_t id) { return id == 0; }
int rte_eth_dev_socket_id(uint16_t id) { return id; }
int rte_eth_promiscuous_enable(uint16_t id) { return id; }

int rte_eth_dev_info_get(uint16_t id, struct rte_eth_dev_info *info) {
  CHECK_EQ(id, 0);
  const bool late = card.table_size_started != 0 && state.started;
  *info = (struct rte_eth_dev_info){.driver_name = card.driver != NULL ? card.driver : "net_fake",
                                    .hash_key_size = (uint8_t)card.key_size,
                                    .reta_size = late ? card.table_size_started : card.table_size,
                                    .flow_type_rss_offloads = card.offered,
                                    .max_mtu = UINT16_MAX,
                                    .max_rx_pktlen = card.max_frame,
                                    .max_rx_queues = card.n_queues,
                                    .max_tx_queues = card.n_queues};
  return 0;
}

int rte_eth_dev_configure(uint16_t id, uint16_t n_rx, uint16_t n_tx, const struct rte_eth_conf *conf) {
  CHECK(id == 0 && n_rx <= card.n_queues && n_tx <= card.n_queues);
  const struct rte_eth_rss_conf *rss = &conf->rx_adv_conf.rss_conf;
  state.n_configured++;
  state.configured_mtu = conf->rxmode.mtu;
  if ((rss->rss_hf & ~card.offered) != 0) return -EINVAL;
  if (rss->rss_key == NULL && rss->rss_hf != 0 && card.refuses_own_rss) return -EINVAL;
  memset(state.key, 0xAB, 40); /* the card's own */
  CHECK_EQ(conf->rxmode.mq_mode == RTE_ETH_MQ_RX_RSS, rss->rss_hf != 0);
  if (rss->rss_key != NULL) {
    CHECK_EQ(rss->rss_key_len, card.key_size); /* as ethdev demands from 23.11 on */
    if (!card.ignores_key && !card.needs_update) memcpy(state.key, rss->rss_key, 40);
  }
  state.types = rss->rss_hf;
  state.n_queues = n_rx;
  return 0;
}

int rte_eth_dev_get_supported_ptypes(uint16_t id, uint32_t mask, uint32_t *ptypes, int n) {
  int found = 0;
  for (unsigned i = 0; state.started && i < RTE_DIM(card.ptypes) && card.ptypes[i] != 0; i++) {
    if ((card.ptypes[i] & mask) == 0) continue;
    if (found < n) ptypes[found] = card.ptypes[i];
    found++;
  }
  return found + id;
}

int rte_eth_dev_adjust_nb_rx_tx_desc(uint16_t id, uint16_t *n_rx, uint16_t *n_tx) { return id + 0 * (*n_rx + *n_tx); }
int rte_eth_rx_queue_setup(uint16_t id, uint16_t queue, uint16_t n, unsigned socket, const struct rte_eth_rxconf *conf,
                           struct rte_mempool *pool) {
  (void)n, (void)socket, (void)conf, (void)pool;
  CHECK(queue < state.n_queues);
  return id;
}
int rte_eth_tx_queue_setup(uint16_t id, uint16_t queue, uint16_t n, unsigned socket,
                           const struct rte_eth_txconf *conf) {
  (void)queue, (void)n, (void)socket, (void)conf;
  return id;
}

int rte_eth_dev_set_mtu(uint16_t id, uint16_t mtu) {
  CHECK(!state.started && state.n_configured > 0);
  state.mtu = mtu;
  return id;
}

int rte_eth_dev_start(uint16_t id) {
  state.started = true;
  memset(state.table, 0, sizeof state.table); /* as igb does */
  return id;
}

int rte_eth_dev_rss_reta_update(uint16_t id, struct rte_eth_rss_reta_entry64 *table, uint16_t size) {
  CHECK(id == 0 && state.started);
  if (!card.resizes_table) CHECK_EQ(size, card.table_size_started != 0 ? card.table_size_started : card.table_size);
  state.n_tables++;
  if (card.forgets_table) return 0;
  for (unsigned i = 0; i < size; i++) {
    CHECK(table[i / 64].mask >> (i % 64) & 1);
    state.table[i] = table[i / 64].reta[i % 64];
  }
  return 0;
}

int rte_eth_dev_rss_reta_query(uint16_t id, struct rte_eth_rss_reta_entry64 *table, uint16_t size) {
  if (card.no_read_back || card.no_table_read_back) return -ENOTSUP;
  for (unsigned i = 0; i < size; i++) table[i / 64].reta[i % 64] = state.table[i];
  return id;
}

int rte_eth_dev_rss_hash_update(uint16_t id, struct rte_eth_rss_conf *conf) {
  state.n_updates++;
  if (!card.ignores_key) memcpy(state.key, conf->rss_key, 40);
  return id;
}

int rte_eth_dev_rss_hash_conf_get(uint16_t id, struct rte_eth_rss_conf *conf) {
  if (card.no_read_back) return -ENOTSUP;
  memcpy(conf->rss_key, state.key, 40);
  conf->rss_hf = card.drops_types ? 0 : state.types | RTE_ETH_RSS_FRAG_IPV4; /* virtio: more than asked for */
  return id;
}

struct rte_flow *rte_flow_create(uint16_t id, const struct rte_flow_attr *attributes,
                                 const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
                                 struct rte_flow_error *error) {
  CHECK(id == 0 && state.started && attributes->ingress && state.n_tables == 0);
  CHECK(actions[0].type == RTE_FLOW_ACTION_TYPE_RSS && actions[1].type == RTE_FLOW_ACTION_TYPE_END);
  const struct rte_flow_action_rss *rss = actions[0].conf;
  CHECK(rss->key == NULL && rss->key_len == 0 && rss->queue == NULL && rss->queue_num == 0); /* ice refuses others */
  CHECK_EQ(rss->level, 0);
  if (state.n_rules >= card.n_rules) {
    error->message = "RSS type not supported";
    return NULL;
  }
  for (unsigned i = 0; i < 4; i++) {
    state.rules[state.n_rules].items[i] = pattern[i].type;
    if (pattern[i].type == RTE_FLOW_ITEM_TYPE_END) break;
  }
  state.rules[state.n_rules].function = rss->func;
  state.rules[state.n_rules].types = rss->types;
  return (struct rte_flow *)&state.rules[state.n_rules++];
}

/* ----- the plan */

static const uint8_t KEY[40] = {1, 2, 3};
#define TYPES (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP)
static const struct card USUAL = {
    .key_size = 40, .table_size = 128, .n_queues = 16, .max_frame = 9726, .offered = TYPES | RTE_ETH_RSS_IPV4};
static struct maestro_port plan;
static struct program program;

static const struct options *options; /* NULL: none given */

/* Starts port 0 of a new run; message is "" after success. */
static bool start(struct card with, unsigned n_workers) {
  static const struct maestro_nf NF = {.name = "fake", .nic = "card", .n_ports = 1, .ports = &plan};
  card = with;
  memset(&state, 0, sizeof state);
  message[0] = '\0';
  free(program.ports[0].table);
  program = (struct program){.nf = &NF, .options = options, .n_workers = n_workers};
  return program_ports_start(&program);
}

static void refused(struct card with, const char *expected) {
  CHECK(!start(with, 4));
  if (strstr(message, expected) == NULL) fprintf(stderr, "%s\n", message);
  CHECK(strstr(message, expected) != NULL);
}

static void usual_plan(void) {
  static const char *const FAKE[] = {"net_fake"};
  plan = (struct maestro_port){.key = KEY,
                               .key_length = 40,
                               .key_length_passed = 40,
                               .rss_hf = TYPES,
                               .table_size = 128,
                               .max_queues = 16,
                               .drivers = FAKE,
                               .n_drivers = 1};
}

static void sets_up(void) {
  usual_plan();
  CHECK(start(USUAL, 3));
  CHECK_EQ(state.n_tables, 1);
  CHECK_EQ(state.n_queues, 3);
  CHECK_EQ(state.n_updates, 0);
  CHECK(memcmp(state.key, KEY, 40) == 0);
  for (unsigned i = 0; i < 128; i++) CHECK_EQ(state.table[i], i * 3 / 128);
}

static void larger_tables_repeat(void) {
  usual_plan();
  struct card large = USUAL;
  large.table_size = 512;
  CHECK(start(large, 5));
  for (unsigned i = 0; i < 512; i++) CHECK_EQ(state.table[i], i % 128 * 5 / 128);
}

static void sizes_known_late(void) {
  usual_plan();
  plan.key_length_passed = 0; /* vmxnet3 */
  plan.table_size = 64;
  struct card vmxnet3 = USUAL;
  vmxnet3.key_size = 0;
  vmxnet3.table_size = 0;
  vmxnet3.table_size_started = 64;
  vmxnet3.no_read_back = true;
  CHECK(start(vmxnet3, 4));
  CHECK_EQ(state.table[63], 3);
  CHECK(memcmp(state.key, KEY, 40) == 0);
  vmxnet3.table_size_started = 32;
  refused(vmxnet3, "table of 32 entries");
}

static void refusals(void) {
  usual_plan();
  struct card c = USUAL;
  c.key_size = 52;
  refused(c, "takes RSS keys of 52 bytes, but the plan's key for nic=card has 40");
  CHECK_EQ(state.n_configured, 0);
  c = USUAL, c.table_size = 64;
  refused(c, "table of 64 entries");
  c = USUAL, c.table_size = 192;
  refused(c, "assumes a power of two of at least 128");
  c = USUAL, c.offered = RTE_ETH_RSS_NONFRAG_IPV4_TCP;
  refused(c, "cannot hash what the plan for nic=card needs");
  c = USUAL, c.n_queues = 2;
  refused(c, "has 2 receive queues, fewer than 4 workers");
  plan.max_queues = 3;
  refused(USUAL, "spreads over 3 queues, fewer than 4 workers");
  usual_plan();
  c = USUAL, c.ignores_key = true;
  refused(c, "key does not read back as set");
  c = USUAL, c.forgets_table = true;
  refused(c, "table does not read back as set");
  c = USUAL, c.drops_types = true;
  refused(c, "do not read back as set");
}

/* One line says what is not checked; none where the profile has said so. */
static void what_cannot_be_read_back_is_said(void) {
  usual_plan();
  struct card c = USUAL;
  CHECK(start(c, 4));
  CHECK_EQ(message[0], '\0');
  c.no_read_back = true;
  CHECK(start(c, 4));
  CHECK(strstr(message, "port 0 (net_fake): the driver cannot read back the RSS key and the indirection table") != NULL);
  plan.table_unread = true;
  CHECK(start(c, 4));
  CHECK(strstr(message, "cannot read back the RSS key, so it is not checked") != NULL);
  plan.key_unread = true;
  CHECK(start(c, 4));
  CHECK_EQ(message[0], '\0');
  usual_plan();
  c = USUAL, c.no_table_read_back = true;
  CHECK(start(c, 4));
  CHECK(strstr(message, "cannot read back the indirection table, so it is not checked") != NULL);
  /* Not to be told is not to be believed: what can be read is compared. */
  plan.key_unread = plan.table_unread = true;
  c = USUAL, c.ignores_key = true;
  refused(c, "key does not read back as set");
}

/* Nothing is asked of a card of another driver, whatever it would do with our key. */
static void cards_of_other_drivers(void) {
  static const char *const DRIVERS[] = {"net_ice", "net_cn9k"};
  usual_plan();
  plan.drivers = DRIVERS;
  plan.n_drivers = 2;
  struct card c = USUAL;
  c.driver = "net_ena", c.ignores_key = true, c.no_read_back = true;
  refused(c, "port 0 is a card of driver net_ena, but the plan for nic=card is for net_ice or net_cn9k: packets would");
  CHECK_EQ(state.n_configured, 0);
  c.driver = "net_ic";
  refused(c, "driver net_ic, ");
  c.driver = "net_ice_dcf";
  refused(c, "driver net_ice_dcf, ");
  plan.rss_hf = 0, plan.software_classes = 3; /* also where software steers: the program is for that card */
  refused(c, "driver net_ice_dcf, ");
  for (unsigned i = 0; i < 2; i++) {
    usual_plan();
    plan.drivers = DRIVERS;
    plan.n_drivers = 2;
    c = USUAL, c.driver = DRIVERS[i];
    CHECK(start(c, 4));
  }
  plan.n_drivers = 0; /* any card will do for software only */
  c.driver = "net_ena";
  refused(c, "port 0 is a card of driver net_ena, but the plan for nic=card is for no driver");
  plan.rss_hf = 0, plan.software_classes = 3;
  CHECK(start(c, 4));
}

/* Too many names for the message are cut; it still names the card's. */
static void many_drivers(void) {
  static const char *drivers[64];
  for (unsigned i = 0; i < 64; i++) drivers[i] = "net_a_driver_with_a_long_name";
  usual_plan();
  plan.drivers = drivers;
  plan.n_drivers = 64;
  struct card c = USUAL;
  c.driver = "net_ena";
  refused(c, "driver net_ena, but the plan for nic=card is for net_a_driver_with_a_long_name or ");
}

static void keys_may_be_taken_late(void) {
  usual_plan();
  struct card c = USUAL;
  c.needs_update = true;
  CHECK(start(c, 4));
  CHECK_EQ(state.n_updates, 1);
}

/* The NIC does not hash for the plan: it spreads what it can, and has as many queues as it has. */
static void hand_over(void) {
  usual_plan();
  plan.rss_hf = 0;
  plan.software_classes = 3;
  struct card c = USUAL;
  CHECK(start(c, 4));
  CHECK_EQ(state.types, TYPES | RTE_ETH_RSS_IPV4);
  CHECK_EQ(state.n_tables, 0);
  c.refuses_own_rss = true;
  CHECK(start(c, 4));
  CHECK_EQ(state.types, 0);
  CHECK_EQ(state.n_configured, 2);
  c = (struct card){.n_queues = 1};
  CHECK(start(c, 4));
  CHECK_EQ(program.ports[0].n_rx_queues, 1);
}

/* Classes that only an RSS rule hashes as planned; a symmetric function comes with it. */
static void rules(void) {
  static const struct maestro_rss_rule RULES[] = {
      {MAESTRO_TCP4, RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_L3_DST_ONLY},
      {MAESTRO_IPV6_OTHER, RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_L3_DST_ONLY}};
  usual_plan();
  plan.rules = RULES;
  plan.n_rules = 2;
  struct card c = USUAL;
  c.n_rules = 2;
  CHECK(start(c, 3));
  CHECK_EQ(state.n_rules, 2);
  CHECK_EQ(state.n_tables, 1);
  CHECK_EQ(state.rules[0].types, RULES[0].types);
  CHECK_EQ(state.rules[0].items[0], RTE_FLOW_ITEM_TYPE_ETH);
  CHECK_EQ(state.rules[0].items[1], RTE_FLOW_ITEM_TYPE_IPV4);
  CHECK_EQ(state.rules[0].items[2], RTE_FLOW_ITEM_TYPE_TCP);
  CHECK_EQ(state.rules[1].items[1], RTE_FLOW_ITEM_TYPE_IPV6);
  CHECK_EQ(state.rules[1].items[2], RTE_FLOW_ITEM_TYPE_END);
  CHECK_EQ(state.rules[0].function, RTE_ETH_HASH_FUNCTION_DEFAULT);
  plan.function = MAESTRO_TOEPLITZ_XOR;
  CHECK(start(c, 3));
  CHECK_EQ(state.rules[1].function, RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ);
  c.n_rules = 1;
  refused(c, "needs an RSS rule for types");
  CHECK(strstr(message, "which is refused: RSS type not supported") != NULL);
  CHECK_EQ(state.n_tables, 0);
}

static void functions_that_this_dpdk_has_not(void) {
  usual_plan();
  plan.function = MAESTRO_TOEPLITZ_XOR;
#if RTE_VERSION < RTE_VERSION_NUM(23, 11, 0, 0)
  refused(USUAL, "symmetric hash function that DPDK 22.11");
  CHECK_EQ(state.n_configured, 0);
#endif
}

/* A card that keeps its key: nothing is asked of it but to have the one that the plan knows. */
static void own_keys(void) {
  static uint8_t own[40];
  memset(own, 0xAB, sizeof own);
  usual_plan();
  plan.key = own;
  plan.key_fixed = true;
  CHECK(start(USUAL, 4));
  CHECK_EQ(state.n_updates, 0);
  own[39] = 0;
  refused(USUAL, "key does not read back as set");
  CHECK_EQ(state.n_updates, 0);
  own[39] = 0xAB;
  struct card c = USUAL;
  c.no_read_back = true;
  refused(c, "key cannot be read back");
}

/* A card that takes its key from behind, and whose hash starts with other bits: its table makes up for these. */
static void keys_and_hashes_of_another_kind(void) {
  static uint8_t given[40];
  usual_plan();
  for (unsigned i = 0; i < 40; i++) given[i] = plan.key[39 - i];
  plan.key_given = given;
  plan.initial_hash = 0xFFFFFF45;
  struct card c = USUAL;
  CHECK(start(c, 4));
  CHECK(memcmp(state.key, given, 40) == 0);
  for (unsigned i = 0; i < 128; i++) CHECK_EQ(state.table[i ^ 0x45], program.ports[0].table[i]);
  CHECK_EQ(state.table[0], 0x45 * 4 / 128);
  c.needs_update = true;
  CHECK(start(c, 4));
  CHECK(memcmp(state.key, given, 40) == 0);
}

/* ice: whether packets inside of GTP-U count depends on a file of firmware, and is known when the port runs. */
static void cards_that_look_into_tunnels(void) {
  static const uint32_t BLIND_TO[] = {RTE_PTYPE_TUNNEL_GTPC, RTE_PTYPE_TUNNEL_GTPU};
  const struct card os = {.ptypes = {RTE_PTYPE_L4_UDP, RTE_PTYPE_TUNNEL_GRENAT, RTE_PTYPE_TUNNEL_IP}};
  struct card c = USUAL;
  usual_plan();
  plan.blind_to = BLIND_TO;
  plan.n_blind_to = 2;
  memcpy(c.ptypes, os.ptypes, sizeof c.ptypes);
  CHECK(start(c, 4));
  CHECK_EQ(message[0], '\0');
  c.ptypes[3] = RTE_PTYPE_TUNNEL_GTPU;
  refused(c, "port 0 (net_fake) looks into tunnels that the plan for nic=card takes it to be blind to");
  CHECK_EQ(state.n_tables, 0);
  c.ptypes[3] = RTE_PTYPE_TUNNEL_GTPC | RTE_PTYPE_L4_UDP;
  refused(c, "looks into tunnels");
  refused(USUAL, "driver does not say into which tunnels it looks");
  plan.n_blind_to = 0; /* what nobody relies on */
  CHECK(start(c, 4));
  plan.n_blind_to = 2;
  plan.rss_hf = 0, plan.software_classes = 3;
  CHECK(start(USUAL, 4));
}

static void tables_of_a_size_of_ours(void) {
  usual_plan();
  plan.table_size = 512;
  plan.table_selectable = true;
  struct card c = USUAL;
  c.resizes_table = true;
  CHECK(start(c, 4));
  for (unsigned i = 0; i < 512; i++) CHECK_EQ(state.table[i], i * 4 / 512);
  plan.table_selectable = false;
  refused(c, "table of 128 entries");
}

/* Told twice: when configuring, and by itself; what is around IP counts where drivers know of frames only. */
static void larger_packets(void) {
  usual_plan();
  CHECK(start(USUAL, 4) && state.configured_mtu == 0 && state.mtu == 0);
  options = &(struct options){.mtu = 9000};
  CHECK(start(USUAL, 4) && state.configured_mtu == 9000 && state.mtu == 9000);
  struct card c = USUAL;
  c.max_frame = 9017;
  refused(c, "takes an MTU of up to 8999, not 9000 (--mtu)");
  options = NULL;
}

int main(void) {
  larger_packets();
  rules();
  functions_that_this_dpdk_has_not();
  own_keys();
  keys_and_hashes_of_another_kind();
  cards_that_look_into_tunnels();
  tables_of_a_size_of_ours();
  sets_up();
  larger_tables_repeat();
  sizes_known_late();
  refusals();
  what_cannot_be_read_back_is_said();
  cards_of_other_drivers();
  many_drivers();
  keys_may_be_taken_late();
  hand_over();
  free(program.ports[0].table);
  return 0;
}
