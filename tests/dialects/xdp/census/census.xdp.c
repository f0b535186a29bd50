/* Counts packets and bytes of each IP protocol, and lets no protocol have more than so many packets.  Its maps are written
 * as they were before BTF. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct bpf_map_def {
  unsigned int type;
  unsigned int key_size;
  unsigned int value_size;
  unsigned int max_entries;
  unsigned int map_flags;
};

struct count {
  __u64 packets;
  __u64 bytes;
};

struct bpf_map_def SEC("maps") counts = {
    .type = BPF_MAP_TYPE_ARRAY,
    .key_size = sizeof(__u32),
    .value_size = sizeof(struct count),
    .max_entries = 256,
};

SEC("xdp")
int census(struct xdp_md *ctx) {
  void *end = (void *)(long)ctx->data_end;
  void *data = (void *)(long)ctx->data;
  struct ethhdr *eth = data;
  struct iphdr *ip = data + sizeof(*eth);
  if (data + sizeof(*eth) + sizeof(*ip) > end) return XDP_DROP;
  if (eth->h_proto != bpf_htons(ETH_P_IP)) return XDP_PASS;
  __u32 protocol = ip->protocol;
  struct count *count = bpf_map_lookup_elem(&counts, &protocol);
  if (!count) return XDP_ABORTED;
  count->packets += 1;
  count->bytes += end - data;
  return count->packets > 2500 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
