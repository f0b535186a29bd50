#include "masq_options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "nf-log.h"
#include "nf-parse.h"
#include "nf-util.h"

static _Noreturn void wrong(const char *what) {
  nf_config_usage();
  rte_exit(EXIT_FAILURE, "%s\n", what);
}

static uint16_t a_device(const char *text, uint16_t count) {
  uint16_t device;
  if (!nf_parse_device(text, &device) || device >= count) wrong("this is not the number of a device");
  return device;
}

void nf_config_init(int argc, char **argv) {
  uint16_t count = rte_eth_dev_count_avail();
  config.outside = 0;
  config.first_door = 0;
  config.lifetime_us = 60u * 1000 * 1000;
  config.max_channels = 65536;
  if (!nf_parse_ipv4addr("203.0.113.1", &config.outer_host)) wrong("the default address");
  config.ours = malloc(count * sizeof(struct rte_ether_addr));
  config.theirs = malloc(count * sizeof(struct rte_ether_addr));
  for (uint16_t n = 0; n < count; ++n) {
    if (rte_eth_macaddr_get(n, config.ours + n) != 0) wrong("a device has no address");
    for (int k = 0; k < RTE_ETHER_ADDR_LEN; ++k) config.theirs[n].addr_bytes[k] = k == 0 ? 2 : n;
  }

  static struct option names[] = { { "outside", required_argument, NULL, 'w' },
                                   { "address", required_argument, NULL, 'i' },
                                   { "expire", required_argument, NULL, 't' },
                                   { "max-channels", required_argument, NULL, 'c' },
                                   { "first-door", required_argument, NULL, 'd' },
                                   { "to", required_argument, NULL, 'm' },
                                   { NULL, 0, NULL, 0 } };
  for (int option; (option = getopt_long(argc, argv, "w:i:t:c:d:m:", names, NULL)) != -1;) {
    switch (option) {
      case 'w':
        config.outside = a_device(optarg, count);
        break;
      case 'i':
        if (!nf_parse_ipv4addr(optarg, &config.outer_host)) wrong("this is no IPv4 address");
        break;
      case 't':
        config.lifetime_us = nf_util_parse_int(optarg, "expire", 10, '\0');
        if (config.lifetime_us == 0) wrong("channels must live");
        break;
      case 'c':
        config.max_channels = nf_util_parse_int(optarg, "max-channels", 10, '\0');
        if (config.max_channels == 0 || config.max_channels > 65536) wrong("from 1 to 65536 channels");
        break;
      case 'd':
        config.first_door = nf_util_parse_int(optarg, "first-door", 10, '\0');
        break;
      case 'm': {
        uint16_t device = a_device((char[2]){ optarg[0], '\0' }, count);
        if (optarg[1] != ',' || !nf_parse_etheraddr(optarg + 2, &config.theirs[device])) wrong("to DEVICE,MAC");
        break;
      }
      default:
        wrong("there is no such option");
    }
  }
  optind = 1;
}

void nf_config_usage(void) {
  NF_INFO("options: --outside DEVICE --address ADDRESS --expire US --max-channels N --first-door PORT --to DEVICE,MAC");
}

void nf_config_print(void) {
  char *address = nf_rte_ipv4_to_str(config.outer_host);
  NF_INFO("%s is the address of device %" PRIu16, address, config.outside);
  free(address);
  for (uint16_t n = 0; n < rte_eth_dev_count_avail(); n++) {
    char *mac = nf_mac_to_str(config.theirs + n);
    NF_INFO("behind device %" PRIu16 ": %s", n, mac);
    free(mac);
  }
}
