/* Hosts of a list may send: to the interface that the list says, or, with 0, where the kernel sends.
 *
 *     guests[ADDRESS]: the interface
 *
 * The map is one of libbpf's older kind, with the struct that bpf_helpers.h had then. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct bpf_map_def SEC("maps") guests = {
    .type = BPF_MAP_TYPE_HASH,
    .key_size = sizeof(__be32),
    .value_size = sizeof(__u32),
    .max_entries = 100,
};

SEC("xdp")
int guestlist(struct xdp_md *ctx) {
  void *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = (void *)(long)ctx->data;
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP)) return XDP_DROP;
  __u32 *interface = bpf_map_lookup_elem(&guests, &ip->saddr);
  if (!interface) return XDP_DROP;
  return *interface == 0 ? XDP_PASS : bpf_redirect(*interface, 0);
}

char _license[] SEC("license") = "GPL";
