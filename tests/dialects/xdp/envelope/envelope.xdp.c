/* Puts packets of interface 3 into packets of an own protocol between two ends of a tunnel, out of interface 4; what comes
 * in there from the other end is taken out of its envelope. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TUNNEL 253
#define HERE bpf_htonl(0xc0000201)
#define THERE bpf_htonl(0xc0000202)

static __always_inline __u16 folded(__u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (__u16)~sum;
}

static __always_inline int seal(struct xdp_md *ctx, struct ethhdr *eth) {
  struct ethhdr outer;
  struct iphdr head;
  __builtin_memcpy(&outer, eth, sizeof(outer));
  __builtin_memset(&head, 0, sizeof(head));
  if (bpf_xdp_adjust_head(ctx, -(int)sizeof(head))) return XDP_DROP;
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (data + sizeof(outer) + sizeof(head) > end) return XDP_DROP;
  head.version = 4;
  head.ihl = 5;
  head.ttl = 64;
  head.protocol = TUNNEL;
  head.tot_len = bpf_htons((__u16)(end - data - sizeof(outer)));
  head.saddr = HERE;
  head.daddr = THERE;
  head.check = folded((__u32)bpf_csum_diff(0, 0, (__be32 *)&head, sizeof(head), 0));
  outer.h_proto = bpf_htons(ETH_P_IP);
  __builtin_memcpy(data, &outer, sizeof(outer));
  __builtin_memcpy(data + sizeof(outer), &head, sizeof(head));
  return bpf_redirect(4, 0);
}

static __always_inline int open(struct xdp_md *ctx, struct ethhdr *eth, void *end) {
  struct iphdr *head = (void *)(eth + 1);
  struct ethhdr outer;
  if ((void *)(head + 1) > end || head->ihl != 5 || head->protocol != TUNNEL) return XDP_DROP;
  if (head->saddr != THERE || head->daddr != HERE) return XDP_DROP;
  __builtin_memcpy(&outer, eth, sizeof(outer));
  if (bpf_xdp_adjust_head(ctx, sizeof(*head))) return XDP_DROP;
  void *data = (void *)(long)ctx->data;
  if (data + sizeof(outer) > (void *)(long)ctx->data_end) return XDP_DROP;
  __builtin_memcpy(data, &outer, sizeof(outer));
  return bpf_redirect(3, 0);
}

SEC("xdp")
int envelope(struct xdp_md *ctx) {
  void *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = (void *)(long)ctx->data;
  if ((void *)(eth + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP)) return XDP_DROP;
  return ctx->ingress_ifindex == 3 ? seal(ctx, eth) : open(ctx, eth, end);
}

char _license[] SEC("license") = "GPL";
