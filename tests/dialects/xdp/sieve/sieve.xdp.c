/* Lets a host pass whose packets came often of late: few are remembered, and the one that was silent longest goes. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 24);
  __type(key, __be32);
  __type(value, __u32);
} recent SEC(".maps");

SEC("xdp")
int sieve(struct xdp_md *ctx) {
  void *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = (void *)(long)ctx->data;
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP)) return XDP_DROP;
  __be32 host = ip->saddr;
  __u32 one = 1;
  __u32 *times = bpf_map_lookup_elem(&recent, &host);
  if (!times) {
    bpf_map_update_elem(&recent, &host, &one, BPF_ANY);
    return XDP_DROP;
  }
  *times += 1;
  return *times > 2 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
