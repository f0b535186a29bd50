/* Sends packets to the interface that their destination's route says, with one hop less to live.
 *
 *     routes[PREFIX/BITS]: the interface */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct prefix {
  __u32 prefixlen;
  __be32 address;
};

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 100);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct prefix);
  __type(value, __u32);
} routes SEC(".maps");

SEC("xdp")
int wayside(struct xdp_md *ctx) {
  void *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = (void *)(long)ctx->data;
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP)) return XDP_DROP;
  if (ip->ttl <= 1) return XDP_PASS;
  struct prefix to = {32, ip->daddr};
  __u32 *interface = bpf_map_lookup_elem(&routes, &to);
  if (!interface) return XDP_DROP;
  ip->ttl--;
  __u32 check = ip->check + bpf_htons(0x0100);
  ip->check = (__u16)(check + (check >= 0xFFFF));
  return bpf_redirect(*interface, 0);
}

char _license[] SEC("license") = "GPL";
