/* Sends requests of UDP port 7 back to where they came from, over IPv4 and IPv6; all else goes its way. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

static __always_inline void swap(unsigned char *a, unsigned char *b, int size) {
#pragma unroll
  for (int i = 0; i < size; i++) {
    unsigned char kept = a[i];
    a[i] = b[i];
    b[i] = kept;
  }
}

static __always_inline int answer(struct ethhdr *eth, struct udphdr *udp, void *end) {
  if ((void *)(udp + 1) > end || udp->dest != bpf_htons(7)) return 0;
  swap(eth->h_source, eth->h_dest, ETH_ALEN);
  udp->dest = udp->source;
  udp->source = bpf_htons(7);
  return 1;
}

SEC("xdp/parrot")
int parrot(struct xdp_md *ctx) {
  void *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = (void *)(long)ctx->data;
  if ((void *)(eth + 1) > end) return XDP_DROP;
  switch (bpf_ntohs(eth->h_proto)) {
    case ETH_P_IP: {
      struct iphdr *ip = (void *)(eth + 1);
      if ((void *)(ip + 1) > end || ip->ihl != 5 || ip->protocol != IPPROTO_UDP) return XDP_PASS;
      if (!answer(eth, (void *)(ip + 1), end)) return XDP_PASS;
      swap((void *)&ip->saddr, (void *)&ip->daddr, sizeof(ip->saddr));
      return XDP_TX;
    }
    case ETH_P_IPV6: {
      struct ipv6hdr *ip = (void *)(eth + 1);
      if ((void *)(ip + 1) > end || ip->nexthdr != IPPROTO_UDP) return XDP_PASS;
      if (!answer(eth, (void *)(ip + 1), end)) return XDP_PASS;
      swap(ip->saddr.s6_addr, ip->daddr.s6_addr, sizeof(ip->saddr));
      return XDP_TX;
    }
  }
  return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
