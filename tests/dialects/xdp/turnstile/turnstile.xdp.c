/* A firewall between two interfaces: what comes from inside opens a flow, what comes from outside needs one that is open.
 *
 *     settings[0]: ns after which a silent flow is closed */

#include "parse.h"

enum { IDLE, SETTINGS };

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SETTINGS);
  __type(key, __u32);
  __type(value, __u64);
} settings SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16384);
  __type(key, struct flow);
  __type(value, __u64);
} last_seen SEC(".maps");

static __always_inline __u64 setting(__u32 which) {
  __u64 *found = bpf_map_lookup_elem(&settings, &which);
  return found ? *found : 0;
}

SEC("xdp")
int turnstile(struct xdp_md *ctx) {
  struct cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
  int out = ctx->ingress_ifindex == 3;
  struct flow flow;
  __builtin_memset(&flow, 0, sizeof(flow));
  if (!parse(&c, out, &flow)) return XDP_DROP;
  __u64 now = bpf_ktime_get_ns();
  if (out) {
    if (bpf_map_update_elem(&last_seen, &flow, &now, BPF_ANY)) return XDP_DROP;
    return bpf_redirect(4, 0);
  }
  __u64 idle = setting(IDLE);
  __u64 *seen = bpf_map_lookup_elem(&last_seen, &flow);
  if (!seen) return XDP_DROP;
  if (now - *seen > idle) {
    bpf_map_delete_elem(&last_seen, &flow);
    return XDP_DROP;
  }
  *seen = now;
  return bpf_redirect(3, 0);
}

char _license[] SEC("license") = "GPL";
