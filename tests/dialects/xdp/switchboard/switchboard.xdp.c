/* Sends frames to the line of their destination's last two bits: out of a slot of a map of devices, or where the kernel
 * sends. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP);
  __uint(max_entries, 4);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(__u32));
} lines SEC(".maps");

SEC("xdp")
int switchboard(struct xdp_md *ctx) {
  void *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = (void *)(long)ctx->data;
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP)) return XDP_DROP;
  return bpf_redirect_map(&lines, bpf_ntohl(ip->daddr) & 3, XDP_PASS);
}

char _license[] SEC("license") = "GPL";
