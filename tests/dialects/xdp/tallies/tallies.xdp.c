/* Counts packets and bytes of each protocol, a part for each CPU, and those of each host; lets no host send more
 * than nine packets. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct sum {
  __u64 packets;
  __u64 bytes;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 256);
  __type(key, __u32);
  __type(value, struct sum);
} of_protocol SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, __u64);
} by_length SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 16384);
  __type(key, __be32);
  __type(value, __u32);
} of_host SEC(".maps");

SEC("xdp")
int tallies(struct xdp_md *ctx) {
  void *end = (void *)(long)ctx->data_end;
  void *data = (void *)(long)ctx->data;
  struct ethhdr *eth = data;
  struct iphdr *ip = data + sizeof(*eth);
  if (data + sizeof(*eth) + sizeof(*ip) > end) return XDP_DROP;
  if (eth->h_proto != bpf_htons(ETH_P_IP)) return XDP_PASS;
  __u32 protocol = ip->protocol, length = (__u32)(end - data) / 32;
  struct sum *sum = bpf_map_lookup_elem(&of_protocol, &protocol);
  if (sum) {
    sum->packets++;
    sum->bytes += end - data;
  }
  if (length > 63) length = 63;
  __u64 *count = bpf_map_lookup_elem(&by_length, &length);
  if (count) __sync_fetch_and_add(count, 1);
  __be32 host = ip->saddr;
  __u32 *packets = bpf_map_lookup_elem(&of_host, &host), one = 1;
  if (!packets) {
    bpf_map_update_elem(&of_host, &host, &one, BPF_NOEXIST);
    return XDP_PASS;
  }
  return __sync_add_and_fetch(packets, 1) > 9 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
