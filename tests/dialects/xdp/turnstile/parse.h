#ifndef PARSE_H
#define PARSE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flow.h"

struct cursor {
  void *at;
  void *end;
};

/* The next `size` bytes; NULL if the frame ends before. */
static __always_inline void *take(struct cursor *c, __u64 size) {
  void *taken = c->at;
  if (taken + size > c->end) return NULL;
  c->at = taken + size;
  return taken;
}

/* Whether the frame is of a flow; `out`: it comes from inside. */
static __always_inline int parse(struct cursor *c, int out, struct flow *flow) {
  struct ethhdr *eth = take(c, sizeof(*eth));
  if (!eth || eth->h_proto != bpf_htons(ETH_P_IP)) return 0;
  struct iphdr *ip = take(c, sizeof(*ip));
  if (!ip || ip->ihl != 5) return 0;
  __be16 source, dest;
  if (ip->protocol == IPPROTO_TCP) {
    struct tcphdr *tcp = take(c, sizeof(*tcp));
    if (!tcp) return 0;
    source = tcp->source;
    dest = tcp->dest;
  } else if (ip->protocol == IPPROTO_UDP) {
    struct udphdr *udp = take(c, sizeof(*udp));
    if (!udp) return 0;
    source = udp->source;
    dest = udp->dest;
  } else {
    return 0;
  }
  flow->inside = out ? ip->saddr : ip->daddr;
  flow->outside = out ? ip->daddr : ip->saddr;
  flow->inner = out ? source : dest;
  flow->outer = out ? dest : source;
  flow->protocol = ip->protocol;
  return 1;
}

#endif
