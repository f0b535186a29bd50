/* Samples flows for a monitor behind the other port: the first packets of each host pass as they are, later ones are cut
 * to their headers, and of those that are short already only padding goes. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define WHOLE 3   /* packets of a host */
#define KEPT 54   /* bytes of the others */

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16384);
  __type(key, __be32);
  __type(value, __u32);
} seen SEC(".maps");

static __always_inline int first(__be32 host) {
  __u32 one = 1, *packets = bpf_map_lookup_elem(&seen, &host);
  if (!packets) {
    bpf_map_update_elem(&seen, &host, &one, BPF_ANY);
    return 1;
  }
  return ++*packets <= WHOLE;
}

SEC("xdp")
int curt(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP)) return XDP_PASS;
  const int there = (int)(end - data), length = (int)sizeof *eth + bpf_ntohs(ip->tot_len);
  if (first(ip->saddr)) return XDP_PASS;
  if (there > KEPT) {
    if (bpf_xdp_adjust_tail(ctx, KEPT - there)) return XDP_ABORTED;
    data = (void *)(long)ctx->data;
    if (data + KEPT > (void *)(long)ctx->data_end) return XDP_ABORTED;
    *((__u8 *)data + KEPT - 1) = 0xff; /* the mark of a frame that was cut */
  } else if (length < there && bpf_xdp_adjust_tail(ctx, length - there)) {
    return XDP_DROP; /* it would have less than a header */
  }
  return XDP_PASS;
}
