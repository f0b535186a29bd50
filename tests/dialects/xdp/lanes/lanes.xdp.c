/* Bytes of each flow, in maps with a part for each CPU.  Only what every card hashes reaches them: whole packets of TCP
 * and UDP over IPv4 without options.  Flows that have had too much are dropped, all else is left to the kernel. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FRAGMENT 0x3fff /* more of them follow, or an offset */
#define ENOUGH 6000

struct lane {
  __u32 from, to;
  __u16 ports[2];
  __u32 protocol;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 16384);
  __type(key, struct lane);
  __type(value, __u64);
} bytes SEC(".maps");

/* The header of a packet that all cards hash alike; NULL: it is another. */
static __always_inline struct iphdr *plain(void *data, void *data_end) {
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP)) return 0;
  const __u32 length = bpf_ntohs(ip->tot_len), there = (__u32)(data_end - (void *)ip);
  if (ip->version != 4 || ip->ihl != 5 || length > there) return 0;
  if (ip->frag_off & bpf_htons(FRAGMENT)) return 0;
  if (ip->protocol == IPPROTO_TCP) return length >= sizeof *ip + sizeof(struct tcphdr) ? ip : 0;
  if (ip->protocol == IPPROTO_UDP) return length >= sizeof *ip + sizeof(struct udphdr) ? ip : 0;
  return 0;
}

SEC("xdp")
int lanes(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
  struct iphdr *ip = plain(data, data_end);
  if (!ip) return XDP_PASS;
  struct udphdr *ports = (void *)(ip + 1); /* they are where TCP's are */
  if ((void *)(ports + 1) > data_end) return XDP_PASS;
  struct lane lane = {ip->saddr, ip->daddr, {ports->source, ports->dest}, ip->protocol};
  const __u64 length = (__u64)(data_end - data);
  __u64 *before = bpf_map_lookup_elem(&bytes, &lane);
  if (!before) {
    bpf_map_update_elem(&bytes, &lane, &length, BPF_NOEXIST);
    return XDP_PASS;
  }
  if (*before > ENOUGH) return XDP_DROP;
  *before += length;
  return XDP_PASS;
}
