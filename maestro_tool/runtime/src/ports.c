/* Configuring and starting ports; what a card must agree to before a plan may rely on it. */
#include <stdlib.h>
#include <string.h>

#include "program.h"

#define NEVER_STARTED "the program does not start, because packets would meet the wrong worker"

static const char *reason(int status) { return rte_strerror(-status); }

static bool check_rss(const struct program *program, uint16_t id, const struct rte_eth_dev_info *info) {
  const struct maestro_nf *nf = program->nf;
  const struct maestro_port *plan = program->ports[id].plan;
  if (plan->key_length_passed != info->hash_key_size) {
    program_error(nf, "port %u (%s) takes RSS keys of %u bytes, but the plan's key for nic=%s has %u: " NEVER_STARTED,
                  id, info->driver_name, info->hash_key_size, nf->nic, plan->key_length_passed);
    return false;
  }
  if (info->reta_size != plan->table_size) {
    program_error(
        nf, "port %u (%s) has an indirection table of %u entries, but the plan for nic=%s assumes %u: " NEVER_STARTED,
        id, info->driver_name, info->reta_size, nf->nic, plan->table_size);
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
  return true;
}

static bool set_table(const struct program *program, uint16_t id) {
  const struct port *port = &program->ports[id];
  const unsigned size = port->plan->table_size;
  const unsigned n_groups = (size + RTE_ETH_RETA_GROUP_SIZE - 1) / RTE_ETH_RETA_GROUP_SIZE;
  struct rte_eth_rss_reta_entry64 table[n_groups], read[n_groups];
  memset(table, 0, sizeof table);
  memset(read, 0, sizeof read);
  for (unsigned i = 0; i < size; i++) {
    const unsigned group = i / RTE_ETH_RETA_GROUP_SIZE, entry = i % RTE_ETH_RETA_GROUP_SIZE;
    table[group].mask |= UINT64_C(1) << entry;
    read[group].mask |= UINT64_C(1) << entry;
    table[group].reta[entry] = port->table[i];
  }
  int status = rte_eth_dev_rss_reta_update(id, table, (uint16_t)size);
  if (status != 0) {
    program_error(program->nf, "port %u: the indirection table cannot be set: %s", id, reason(status));
    return false;
  }
  status = rte_eth_dev_rss_reta_query(id, read, (uint16_t)size);
  if (status == -ENOTSUP) return true;
  for (unsigned i = 0; i < size; i++) {
    const unsigned group = i / RTE_ETH_RETA_GROUP_SIZE, entry = i % RTE_ETH_RETA_GROUP_SIZE;
    if (status == 0 && read[group].reta[entry] == port->table[i]) continue;
    program_error(program->nf, "port %u: the indirection table does not read back as set: " NEVER_STARTED, id);
    return false;
  }
  return true;
}

static bool check_key(const struct program *program, uint16_t id) {
  const struct maestro_port *plan = program->ports[id].plan;
  uint8_t key[UINT8_MAX] = {0};
  struct rte_eth_rss_conf conf = {.rss_key = key, .rss_key_len = plan->key_length};
  const int status = rte_eth_dev_rss_hash_conf_get(id, &conf);
  if (status == -ENOTSUP) return true;
  if (status == 0 && memcmp(key, plan->key, plan->key_length) == 0) return true;
  program_error(program->nf, "port %u: the RSS key does not read back as set: " NEVER_STARTED, id);
  return false;
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

static bool start_port(struct program *program, uint16_t id) {
  struct port *port = &program->ports[id];
  struct rte_eth_dev_info info;
  int status = rte_eth_dev_info_get(id, &info);
  if (status != 0) {
    program_error(program->nf, "port %u: no information about it: %s", id, reason(status));
    return false;
  }
  const bool hardware = !program->dispatched && !program->sequential;
  const bool hashes = hardware && port->plan->rss_hf != 0;
  if (hashes && !check_rss(program, id, &info)) return false;
  port->n_rx_queues = hardware ? (uint16_t)program->n_workers : 1;
  if (port->n_rx_queues > info.max_rx_queues) {
    program_error(program->nf, "port %u (%s) has %u receive queues, fewer than %u workers", id, info.driver_name,
                  info.max_rx_queues, program->n_workers);
    return false;
  }
  port->tx_shared = info.max_tx_queues < program->n_workers;
  port->n_tx_queues = port->tx_shared ? 1 : (uint16_t)program->n_workers;
  rte_spinlock_init(&port->tx_lock);

  struct rte_eth_conf conf = {0};
  if (hashes) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf = (struct rte_eth_rss_conf){.rss_key = (uint8_t *)(uintptr_t)port->plan->key,
                                                          .rss_key_len = port->plan->key_length_passed,
                                                          .rss_hf = port->plan->rss_hf};
  }
  status = rte_eth_dev_configure(id, port->n_rx_queues, port->n_tx_queues, &conf);
  if (status != 0) {
    program_error(program->nf, "port %u (%s) cannot be configured: %s", id, info.driver_name, reason(status));
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
  return !hashes || (set_table(program, id) && check_key(program, id));
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
  if (!check_number(program)) return false;
  for (uint16_t id = 0; id < program->nf->n_ports; id++) {
    struct port *port = &program->ports[id];
    port->plan = program->nf->ports == NULL ? NULL : &program->nf->ports[id];
    if (program->sequential) continue;
    maestro_steering_init(&port->steering, port->plan);
    port->table = calloc(port->plan->table_size, sizeof *port->table);
    if (port->table == NULL) return false;
    maestro_fill_table(port->plan, program->n_workers, port->table);
  }
  for (uint16_t id = 0; id < program->nf->n_ports; id++)
    if (!start_port(program, id)) return false;
  return true;
}

void program_ports_stop(struct program *program) {
  uint16_t id;
  RTE_ETH_FOREACH_DEV(id) {
    (void)rte_eth_dev_stop(id);
    (void)rte_eth_dev_close(id);
  }
  for (unsigned i = 0; i < program->nf->n_ports; i++) free(program->ports[i].table);
}
