/* A host's TCP packets pass once it has knocked: UDP packets to an even port, then to an odd one, then to an even one. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { OPEN = 3 };

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 32768);
  __type(key, __be32);
  __type(value, __u8);
} knocks SEC(".maps");

static __always_inline int knocked(__be32 host, int odd) {
  __u8 first = 1;
  __u8 *heard = bpf_map_lookup_elem(&knocks, &host);
  if (!heard) {
    if (!odd) bpf_map_update_elem(&knocks, &host, &first, BPF_NOEXIST);
    return XDP_DROP;
  }
  if (*heard == OPEN) return XDP_DROP;
  if ((*heard & 1) == odd) {
    __u8 next = *heard + 1;
    bpf_map_update_elem(&knocks, &host, &next, BPF_EXIST);
  } else {
    bpf_map_delete_elem(&knocks, &host);
  }
  return XDP_DROP;
}

SEC("xdp")
int knock(struct xdp_md *ctx) {
  void *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = (void *)(long)ctx->data;
  struct iphdr *ip = (void *)(eth + 1);
  struct udphdr *udp = (void *)(ip + 1);
  if ((void *)(ip + 1) > end) return XDP_DROP;
  if (eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5) return XDP_DROP;
  __be32 host = ip->saddr;
  if (ip->protocol == IPPROTO_UDP && (void *)(udp + 1) <= end) return knocked(host, bpf_ntohs(udp->dest) & 1);
  if (ip->protocol != IPPROTO_TCP) return XDP_DROP;
  __u8 *heard = bpf_map_lookup_elem(&knocks, &host);
  return heard && *heard == OPEN ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
