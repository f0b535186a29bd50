/* Each source may send so many packets in a window of time; what is more is dropped.  A source that is silent for long
 * begins anew: its entry is as old as its last packet.
 *
 *     limits[0]: packets in a window */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define WINDOW 50000000ULL /* ns */
#define SILENT (4 * WINDOW)

struct guest {
  __u64 since;
  __u64 last;
  __u32 packets;
  __u32 refused;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, __be32);
  __type(value, struct guest);
  __uint(max_entries, 65536);
} guests SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(__u32));
} limits SEC(".maps");

static __always_inline int welcome(__be32 source, __u64 now) {
  struct guest guest = {.since = now, .last = now, .packets = 1};
  return bpf_map_update_elem(&guests, &source, &guest, BPF_ANY) == 0 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int doorman(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (struct iphdr *)(eth + 1);
  __u32 zero = 0;
  if ((void *)(eth + 1) > end) return XDP_ABORTED;
  if (eth->h_proto != bpf_htons(ETH_P_IP)) return XDP_PASS;
  if ((void *)(ip + 1) > end) return XDP_ABORTED;

  __be32 source = ip->saddr;
  __u64 now = bpf_ktime_get_ns();
  __u32 *limit = bpf_map_lookup_elem(&limits, &zero);
  struct guest *guest = bpf_map_lookup_elem(&guests, &source);
  if (!limit) return XDP_ABORTED;
  if (!guest) return welcome(source, now);
  if (now - guest->last > SILENT) {
    bpf_map_delete_elem(&guests, &source);
    return welcome(source, now);
  }
  guest->last = now;
  if (now - guest->since > WINDOW) {
    guest->since = now;
    guest->packets = 0;
  }
  if (guest->packets >= *limit) {
    guest->refused++;
    return XDP_DROP;
  }
  guest->packets++;
  return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
