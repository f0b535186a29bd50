/* Configuring and starting ports; what a card must agree to before a plan may rely on it. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_flow.h>
#include <rte_version.h>

#include "program.h"

#define NEVER_STARTED "the program does not start, because packets would meet the wrong worker"

static const char *reason(int status) { return rte_strerror(-status); }

/* rss_conf.algorithm and functions that sort are younger than the oldest DPDK that programs are built with. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 7, 0, 0)
static const enum rte_eth_hash_function FUNCTIONS[] = {RTE_ETH_HASH_FUNCTION_DEFAULT,
                                                       RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ,
                                                       RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ_SORT};
#else
static const enum rte_eth_hash_function FUNCTIONS[] = {RTE_ETH_HASH_FUNCTION_DEFAULT,
                                                       RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ};
#endif

static const uint8_t *key_given(const struct maestro_port *plan) {
  return plan->key_given != NULL ? plan->key_given : plan->key;
}

static struct rte_eth_rss_conf rss_conf(const struct maestro_port *plan) {
  struct rte_eth_rss_conf conf = {.rss_hf = plan->rss_hf};
  if (!plan->key_fixed) {
    conf.rss_key = (uint8_t *)(uintptr_t)key_given(plan);
    conf.rss_key_len = plan->key_length_passed;
  }
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
  if (plan->n_rules == 0 && plan->function != MAESTRO_TOEPLITZ) conf.algorithm = FUNCTIONS[plan->function];
#endif
  return conf;
}

/* The plan's hash function can be asked for with this DPDK. */
static bool check_function(const struct program *program, uint16_t id) {
  const struct maestro_port *plan = program->ports[id].plan;
  bool known = plan->function < RTE_DIM(FUNCTIONS);
#if RTE_VERSION < RTE_VERSION_NUM(23, 11, 0, 0)
  known = known && (plan->function == MAESTRO_TOEPLITZ || plan->n_rules > 0);
#endif
  if (known) return true;
  program_error(program->nf,
                "port %u: the plan for nic=%s needs a symmetric hash function that %s cannot ask for: build with a "
                "newer DPDK, or with strategy=handoff",
                id, program->nf->nic, rte_version());
  return false;
}

static bool check_rss(const struct program *program, uint16_t id, const struct rte_eth_dev_info *info) {
  const struct maestro_nf *nf = program->nf;
  const struct maestro_port *plan = program->ports[id].plan;
  if (!check_function(program, id)) return false;
  if (plan->key_length_passed != info->hash_key_size) {
    program_error(nf, "port %u (%s) takes RSS keys of %u bytes, but the plan's key for nic=%s has %u: " NEVER_STARTED,
                  id, info->driver_name, info->hash_key_size, nf->nic, plan->key_length_passed);
    return false;
  }
  const uint64_t missing = plan->rss_hf & ~info->flow_type_rss_offloads;
  if (missing != 0) {
    program_error(nf,
                  "port %u (%s) cannot hash what the plan for nic=%s needs: RSS types 0x%" PRIx64
                  " are missing: " NEVER_STARTED,
                  id, info->driver_name, nf->nic, missing);
    return false;
  }
  if (plan->max_queues != 0 && program->n_workers > plan->max_queues) {
    program_error(nf, "port %u (%s): RSS of nic=%s spreads over %u queues, fewer than %u workers", id,
                  info->driver_name, nf->nic, plan->max_queues, program->n_workers);
    return false;
  }
  return true;
}

/* Size of the table to set, 0 if none will do.  The NIC's may be larger than the plan's, which it then repeats: the
 * index is the low bits of the hash. */
static unsigned table_size(const struct program *program, uint16_t id, const struct rte_eth_dev_info *info) {
  const struct maestro_port *plan = program->ports[id].plan;
  const unsigned planned = plan->table_size, size = info->reta_size;
  if (size >= planned && (size & (size - 1)) == 0) return size;
  if (plan->table_selectable) return planned;
  program_error(program->nf,
                "port %u (%s) has an indirection table of %u entries, but the plan for nic=%s assumes a power of two "
                "of at least %u: " NEVER_STARTED,
                id, info->driver_name, size, program->nf->nic, planned);
  return 0;
}

/* Who has entry i of the card's table; n entries are planned, a power of two. */
static uint16_t owner(const struct port *port, unsigned i) {
  return port->table[(i ^ port->plan->initial_hash) % port->plan->table_size];
}

static bool set_table(struct program *program, uint16_t id, unsigned size) {
  struct port *port = &program->ports[id];
  const unsigned n_groups = (size + RTE_ETH_RETA_GROUP_SIZE - 1) / RTE_ETH_RETA_GROUP_SIZE;
  struct rte_eth_rss_reta_entry64 table[n_groups], read[n_groups];
  memset(table, 0, sizeof table);
  memset(read, 0, sizeof read);
  for (unsigned i = 0; i < size; i++) {
    const unsigned group = i / RTE_ETH_RETA_GROUP_SIZE, entry = i % RTE_ETH_RETA_GROUP_SIZE;
    table[group].mask |= UINT64_C(1) << entry;
    read[group].mask |= UINT64_C(1) << entry;
    table[group].reta[entry] = owner(port, i);
  }
  int status = rte_eth_dev_rss_reta_update(id, table, (uint16_t)size);
  if (status != 0) {
    program_error(program->nf, "port %u: the indirection table cannot be set: %s", id, reason(status));
    return false;
  }
  status = rte_eth_dev_rss_reta_query(id, read, (uint16_t)size);
  port->table_unread = status == -ENOTSUP;
  if (port->table_unread) return true;
  for (unsigned i = 0; i < size; i++) {
    const unsigned group = i / RTE_ETH_RETA_GROUP_SIZE, entry = i % RTE_ETH_RETA_GROUP_SIZE;
    if (status == 0 && read[group].reta[entry] == owner(port, i)) continue;
    program_error(program->nf, "port %u: the indirection table does not read back as set: " NEVER_STARTED, id);
    return false;
  }
  return true;
}

/* What a rule matches: the headers of a class. */
static void pattern_of(enum maestro_class class, struct rte_flow_item *items) {
  static const struct { uint8_t ip, protocol; } HEADERS[MAESTRO_N_CLASSES] = {MAESTRO_CLASS_HEADERS};
  const bool ipv6 = HEADERS[class].ip == 6;
  *items++ = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_ETH};
  *items++ = (struct rte_flow_item){.type = ipv6 ? RTE_FLOW_ITEM_TYPE_IPV6 : RTE_FLOW_ITEM_TYPE_IPV4};
  switch (HEADERS[class].protocol) {
    case IPPROTO_TCP: *items++ = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_TCP}; break;
    case IPPROTO_UDP: *items++ = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_UDP}; break;
    case IPPROTO_SCTP: *items++ = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_SCTP}; break;
  }
  *items = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_END};
}

/* Rules have neither key nor queues: they use the port's (ice and iavf refuse others). */
static bool set_rules(const struct program *program, uint16_t id) {
  const struct maestro_port *plan = program->ports[id].plan;
  for (unsigned i = 0; i < plan->n_rules; i++) {
    const struct rte_flow_attr attributes = {.ingress = 1};
    const struct rte_flow_action_rss rss = {.func = FUNCTIONS[plan->function], .types = plan->rules[i].types};
    const struct rte_flow_action actions[] = {{.type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &rss},
                                              {.type = RTE_FLOW_ACTION_TYPE_END}};
    struct rte_flow_item pattern[4];
    pattern_of(plan->rules[i].packets, pattern);
    struct rte_flow_error error = {0};
    if (rte_flow_create(id, &attributes, pattern, actions, &error) != NULL) continue;
    program_error(program->nf,
                  "port %u: the plan for nic=%s needs an RSS rule for types 0x%" PRIx64 ", which is refused: %s: "
                  NEVER_STARTED,
                  id, program->nf->nic, plan->rules[i].types, error.message != NULL ? error.message : "no reason given");
    return false;
  }
  return true;
}

/* -ENOTSUP if the driver cannot say. */
static int read_back(const struct maestro_port *plan, uint16_t id, bool *key_is_ours, uint64_t *missing) {
  uint8_t key[UINT8_MAX] = {0};
  struct rte_eth_rss_conf conf = {.rss_key = key, .rss_key_len = plan->key_length};
  const int status = rte_eth_dev_rss_hash_conf_get(id, &conf);
  *key_is_ours = memcmp(key, key_given(plan), plan->key_length) == 0;
  *missing = plan->rss_hf & ~conf.rss_hf; /* more may be on: virtio switches fragments with whole packets */
  return status;
}

static bool check_key(struct program *program, uint16_t id) {
  const struct maestro_port *plan = program->ports[id].plan;
  bool key_is_ours;
  uint64_t missing;
  int status = read_back(plan, id, &key_is_ours, &missing);
  if (status == 0 && !key_is_ours && !plan->key_fixed) {
    /* Some drivers take a key only while the port runs. */
    struct rte_eth_rss_conf conf = rss_conf(plan);
    if (rte_eth_dev_rss_hash_update(id, &conf) == 0) status = read_back(plan, id, &key_is_ours, &missing);
  }
  program->ports[id].key_unread = status == -ENOTSUP;
  if (status == -ENOTSUP && !plan->key_fixed) return true;
  if (status == 0 && key_is_ours && missing == 0) return true;
  if (status != 0)
    program_error(program->nf, "port %u: the RSS key cannot be read back (%s): " NEVER_STARTED, id, reason(status));
  else if (!key_is_ours)
    program_error(program->nf, "port %u: the RSS key does not read back as set: " NEVER_STARTED, id);
  else
    program_error(program->nf, "port %u: RSS types 0x%" PRIx64 " do not read back as set: " NEVER_STARTED, id, missing);
  return false;
}

/* What was given to the card and cannot be compared with what it has; but for what the profile says beforehand. */
static void say_unread(const struct program *program, uint16_t id, const struct rte_eth_dev_info *info) {
  const struct port *port = &program->ports[id];
  const bool key = port->key_unread && !port->plan->key_unread, table = port->table_unread && !port->plan->table_unread;
  if (!key && !table) return;
  program_error(program->nf,
                "port %u (%s): the driver cannot read back %s%s%s, so it is not checked whether the card has what was "
                "set (rss.read_back in the profile of nic=%s says so beforehand)",
                id, info->driver_name, key ? "the RSS key" : "", key && table ? " and " : "",
                table ? "the indirection table" : "", program->nf->nic);
}

static bool setup_queues(struct program *program, uint16_t id, const struct rte_eth_dev_info *info) {
  struct port *port = &program->ports[id];
  uint16_t n_rx = RX_DESCRIPTORS, n_tx = TX_DESCRIPTORS;
  int status = rte_eth_dev_adjust_nb_rx_tx_desc(id, &n_rx, &n_tx);
  const int socket = rte_eth_dev_socket_id(id);
  const unsigned node = socket < 0 ? (unsigned)SOCKET_ID_ANY : (unsigned)socket;
  for (uint16_t q = 0; status == 0 && q < port->n_rx_queues; q++)
    status = rte_eth_rx_queue_setup(id, q, n_rx, node, NULL, program->pool);
  struct rte_eth_txconf tx = info->default_txconf;
  /* One mbuf may be on several ports (flood): each must count down its references. */
  tx.offloads &= ~(uint64_t)RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  for (uint16_t q = 0; status == 0 && q < port->n_tx_queues; q++)
    status = rte_eth_tx_queue_setup(id, q, n_tx, node, &tx);
  if (status != 0)
    program_error(program->nf, "port %u (%s): its queues cannot be set up: %s", id, info->driver_name, reason(status));
  return status == 0;
}

/* Negative errno.  Where software steers, the NIC spreads what it can with a key of its own, to share the receiving. */
static int configure(const struct port *port, uint16_t id, const struct rte_eth_dev_info *info, bool hashes,
                     unsigned mtu) {
  struct rte_eth_conf conf = {.rxmode.mtu = mtu}; /* 0: Ethernet's */
  if (hashes) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf = rss_conf(port->plan);
  } else if (port->n_rx_queues > 1) {
    conf.rx_adv_conf.rss_conf.rss_hf =
        info->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
    if (conf.rx_adv_conf.rss_conf.rss_hf != 0) conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  }
  const int status = rte_eth_dev_configure(id, port->n_rx_queues, port->n_tx_queues, &conf);
  if (status == 0 || hashes || conf.rxmode.mq_mode == RTE_ETH_MQ_RX_NONE) return status;
  const struct rte_eth_conf plain = {.rxmode.mtu = mtu};
  return rte_eth_dev_configure(id, port->n_rx_queues, port->n_tx_queues, &plain);
}

static void share_tx(struct port *port) {
  port->tx_shared = true;
  port->n_tx_queues = 1;
}

/* Negative errno.  A card that does not give each worker a queue to send on gets one for all, behind a lock. */
static int configure_queues(struct port *port, uint16_t id, const struct rte_eth_dev_info *info, bool hashes,
                            unsigned mtu) {
  /* net_tap wants as many queues to send on as to receive from, and complains to the user otherwise. */
  if (strcmp(info->driver_name, "net_tap") == 0 && port->n_tx_queues != port->n_rx_queues) share_tx(port);
  const int status = configure(port, id, info, hashes, mtu);
  if (status == 0 || port->n_tx_queues == 1) return status;
  share_tx(port);
  return configure(port, id, info, hashes, mtu);
}

/* Drivers may tell of frames only, with what is around IP in them. */
static unsigned most_mtu(const struct rte_eth_dev_info *info) {
  const uint32_t around = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
  return RTE_MIN((uint32_t)info->max_mtu, RTE_MAX(info->max_rx_pktlen, around) - around);
}

/* Of a file, a ring in memory and what is made up, nothing gets lost while nobody reads it; a card's descriptors run out,
 * and so does the room of the kernel's devices. */
static bool holds(const struct rte_eth_dev_info *info) {
  static const char *const HOLDING[] = {"net_pcap", "net_ring", "net_null", "net_memif"};
  for (unsigned i = 0; i < RTE_DIM(HOLDING); i++)
    if (strcmp(info->driver_name, HOLDING[i]) == 0) return true;
  return false;
}

/* The ports are cards that the plan was made for. */
static bool check_cards(const struct program *program) {
  char error[512];
  if (maestro_check_cards(program->nf, error, sizeof error) == 0) return true;
  program_error(program->nf, "%s", error);
  return false;
}

/* A port that runs says which packets it tells apart, where its plan depends on that. */
static bool says_what_it_knows(const struct program *program, uint16_t id, const struct rte_eth_dev_info *info) {
  if (program->ports[id].plan->n_blind_to == 0) return true;
  if (rte_eth_dev_get_supported_ptypes(id, RTE_PTYPE_ALL_MASK, NULL, 0) > 0) return check_cards(program);
  program_error(program->nf, "port %u (%s): its driver does not say into which tunnels it looks: " NEVER_STARTED, id,
                info->driver_name);
  return false;
}

static bool start_port(struct program *program, uint16_t id) {
  struct port *port = &program->ports[id];
  struct rte_eth_dev_info info;
  int status = rte_eth_dev_info_get(id, &info);
  if (status != 0) {
    program_error(program->nf, "port %u: no information about it: %s", id, reason(status));
    return false;
  }
  const unsigned mtu = program->options != NULL ? program->options->mtu : 0;
  const bool hardware = !program->dispatched && !program->alone;
  const bool hashes = hardware && port->plan->rss_hf != 0;
  if (hashes && !check_rss(program, id, &info)) return false;
  port->n_rx_queues = hardware ? (uint16_t)program->n_workers : 1;
  if (hashes && port->plan->power_of_two_queues) port->n_rx_queues = (uint16_t)rte_align32pow2(program->n_workers);
  /* Where software steers, any worker may receive. */
  if (!hashes && port->n_rx_queues > info.max_rx_queues) port->n_rx_queues = RTE_MAX(info.max_rx_queues, 1);
  if (port->n_rx_queues > info.max_rx_queues) {
    program_error(program->nf, "port %u (%s) has %u receive queues, fewer than %u workers", id, info.driver_name,
                  info.max_rx_queues, program->n_workers);
    return false;
  }
  port->holds = holds(&info);
  port->n_tx_queues = (uint16_t)program->n_workers;
  if (info.max_tx_queues < program->n_workers) share_tx(port);
  rte_spinlock_init(&port->tx_lock);

  if (mtu > most_mtu(&info)) {
    program_error(program->nf, "port %u (%s) takes an MTU of up to %u, not %u (--mtu)", id, info.driver_name,
                  most_mtu(&info), mtu);
    return false;
  }
  status = configure_queues(port, id, &info, hashes, mtu);
  if (status != 0) {
    program_error(program->nf, "port %u (%s) cannot be configured: %s", id, info.driver_name, reason(status));
    return false;
  }
  /* Some drivers look at what configuring said, others (net_tap) have to be told. */
  status = mtu == 0 ? 0 : rte_eth_dev_set_mtu(id, (uint16_t)mtu);
  if (status != 0 && status != -ENOTSUP) {
    program_error(program->nf, "port %u (%s): its MTU cannot be %u (--mtu): %s", id, info.driver_name, mtu,
                  reason(status));
    return false;
  }
  if (!setup_queues(program, id, &info)) return false;
  status = rte_eth_dev_start(id);
  if (status != 0) {
    program_error(program->nf, "port %u (%s) does not start: %s", id, info.driver_name, reason(status));
    return false;
  }
  status = rte_eth_promiscuous_enable(id);
  if (status != 0 && status != -ENOTSUP) {
    program_error(program->nf, "port %u (%s): no promiscuous mode: %s", id, info.driver_name, reason(status));
    return false;
  }
  /* After each start: some drivers (igb) then forget a table that was set before. */
  if (!hashes) return true;
  if (!says_what_it_knows(program, id, &info)) return false;
  /* vmxnet3 knows the size of its table only now; mlx5 then shows the one in use, which may grow. */
  if (info.reta_size == 0 && (status = rte_eth_dev_info_get(id, &info)) != 0) {
    program_error(program->nf, "port %u (%s) cannot be asked for its table: %s", id, info.driver_name, reason(status));
    return false;
  }
  const unsigned size = table_size(program, id, &info);
  if (size == 0 || !set_rules(program, id) || !set_table(program, id, size) || !check_key(program, id)) return false;
  say_unread(program, id, &info);
  return true;
}

/* The NF's devices are the ports 0 .. n-1. */
static bool check_number(const struct program *program) {
  const struct maestro_nf *nf = program->nf;
  const unsigned n = rte_eth_dev_count_avail();
  if (n == 0 && nf->software_rss)
    program_error(nf,
                  "no ports: give %u with --vdev=..., for example --vdev=net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap, "
                  "or bind network cards with dpdk-devbind.py",
                  nf->n_ports);
  else if (n == 0)
    program_error(
        nf,
        "no ports: this program was built for nic=%s, and DPDK found no such card. Bind %u of its ports to vfio-pci "
        "(dpdk-devbind.py --bind=vfio-pci <address>), or build with nic=soft to run without the card",
        nf->nic, nf->n_ports);
  else if (n != nf->n_ports)
    program_error(nf, "%u ports found, but the analysis assumed %u (nic=%s): choose them with -a <address> or --vdev",
                  n, nf->n_ports, nf->nic);
  if (n != nf->n_ports) return false;
  for (uint16_t id = 0; id < n; id++) {
    if (rte_eth_dev_is_valid_port(id)) continue;
    program_error(nf, "the ports are not numbered 0 to %u", n - 1);
    return false;
  }
  return true;
}

bool program_ports_start(struct program *program) {
  if (!check_number(program) || !check_cards(program)) return false;
  for (uint16_t id = 0; id < program->nf->n_ports; id++) {
    struct port *port = &program->ports[id];
    port->plan = program->nf->ports == NULL ? NULL : &program->nf->ports[id];
    if (program->alone) continue;
    maestro_steering_init(&port->steering, port->plan);
    port->table = calloc(port->plan->table_size, sizeof *port->table);
    if (port->table == NULL) return false;
    maestro_fill_table(port->plan, program->n_workers, port->table);
  }
  for (uint16_t id = 0; id < program->nf->n_ports; id++)
    if (!start_port(program, id)) return false;
  return true;
}

void program_ports_count(struct program *program) {
  for (uint16_t id = 0; id < program->nf->n_ports; id++) {
    struct port *port = &program->ports[id];
    struct rte_eth_link link;
    if (rte_eth_stats_get(id, &port->stats) != 0) memset(&port->stats, 0, sizeof port->stats);
    if (rte_eth_link_get_nowait(id, &link) == 0) port->link_is_up = link.link_status == RTE_ETH_LINK_UP;
  }
}

void program_ports_stop(struct program *program) {
  uint16_t id;
  RTE_ETH_FOREACH_DEV(id) {
    (void)rte_eth_dev_stop(id);
    (void)rte_eth_dev_close(id);
  }
  for (unsigned i = 0; i < program->nf->n_ports; i++) free(program->ports[i].table);
}
