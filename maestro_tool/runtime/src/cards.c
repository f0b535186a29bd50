/* Whether the ports that DPDK has are the cards that the plan was made for, by the names of their drivers and by
 * what they look into. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_ethdev.h>

#include "maestro.h"

/* Ports that hash are those of some card: a plan without names was not made by this tool. */
static bool any_will_do(const struct maestro_port *plan) { return plan->n_drivers == 0 && plan->rss_hf == 0; }

static bool is_planned(const struct maestro_port *plan, const char *driver) {
  for (unsigned i = 0; i < plan->n_drivers; i++)
    if (strcmp(plan->drivers[i], driver) == 0) return true;
  return false;
}

/* "net_cn9k or net_cn10k"; cut where it does not fit. */
static void join(const struct maestro_port *plan, char *text, size_t size) {
  size_t used = 0;
  text[0] = '\0';
  for (unsigned i = 0; i < plan->n_drivers && used < size; i++)
    used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? " or " : "", plan->drivers[i]);
}

/* Whether the port looks into a tunnel that its plan takes it to be blind to.  Some drivers know only when it has started. */
static bool looks_deeper(const struct maestro_port *plan, uint16_t id) {
  uint32_t tunnels[RTE_PTYPE_TUNNEL_MASK / RTE_PTYPE_TUNNEL_IP + 1]; /* as many as have numbers */
  if (plan->n_blind_to == 0) return false;
  const int n = rte_eth_dev_get_supported_ptypes(id, RTE_PTYPE_TUNNEL_MASK, tunnels, RTE_DIM(tunnels));
  for (int i = 0; i < RTE_MIN(n, (int)RTE_DIM(tunnels)); i++)
    for (unsigned k = 0; k < plan->n_blind_to; k++)
      if ((tunnels[i] & RTE_PTYPE_TUNNEL_MASK) == plan->blind_to[k]) return true;
  return false;
}

int maestro_check_cards(const struct maestro_nf *nf, char *error, size_t error_size) {
  for (uint16_t id = 0; nf->ports != NULL && id < nf->n_ports; id++) {
    const struct maestro_port *plan = &nf->ports[id];
    /* A program that embeds an NF may have its packets from elsewhere. */
    if (any_will_do(plan) || !rte_eth_dev_is_valid_port(id)) continue;
    struct rte_eth_dev_info info;
    const int status = rte_eth_dev_info_get(id, &info);
    if (status != 0) {
      snprintf(error, error_size, "port %u: no information about it: %s", id, rte_strerror(-status));
      return -ENODEV;
    }
    const char *driver = info.driver_name != NULL ? info.driver_name : "(no name)";
    if (is_planned(plan, driver) && !looks_deeper(plan, id)) continue;
    if (is_planned(plan, driver)) {
      snprintf(error, error_size,
               "port %u (%s) looks into tunnels that the plan for nic=%s takes it to be blind to, and hashes what is "
               "inside: packets would meet the wrong worker; the profile (maestro profile NAME) says what to do",
               id, driver, nf->nic);
      return -ENODEV;
    }
    char planned[96];
    join(plan, planned, sizeof planned);
    if (plan->n_drivers == 0) snprintf(planned, sizeof planned, "no driver");
    snprintf(error, error_size,
             "port %u is a card of driver %s, but the plan for nic=%s is for %s: packets would meet the wrong worker; "
             "build for the card that is there",
             id, driver, nf->nic, planned);
    return -ENODEV;
  }
  return 0;
}
