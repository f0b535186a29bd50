/* For NFs in XDP's dialect; everywhere else, the system's own. */
#ifndef MAESTRO_XDP
#include_next <linux/bpf.h>
#elif !defined(MAESTRO_LINUX_BPF_H)
#define MAESTRO_LINUX_BPF_H

#include <linux/types.h>
#include <maestro_linux_names.h>

#include "nf.h"

enum bpf_map_type {
  BPF_MAP_TYPE_UNSPEC,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_PROG_ARRAY,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_STACK_TRACE,
  BPF_MAP_TYPE_CGROUP_ARRAY,
  BPF_MAP_TYPE_LRU_HASH,
  BPF_MAP_TYPE_LRU_PERCPU_HASH,
  BPF_MAP_TYPE_LPM_TRIE,
  BPF_MAP_TYPE_ARRAY_OF_MAPS,
  BPF_MAP_TYPE_HASH_OF_MAPS,
  BPF_MAP_TYPE_DEVMAP,
  BPF_MAP_TYPE_SOCKMAP,
  BPF_MAP_TYPE_CPUMAP,
  BPF_MAP_TYPE_XSKMAP,
  BPF_MAP_TYPE_SOCKHASH,
  BPF_MAP_TYPE_CGROUP_STORAGE,
  BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
  BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
  BPF_MAP_TYPE_QUEUE,
  BPF_MAP_TYPE_STACK,
  BPF_MAP_TYPE_SK_STORAGE,
  BPF_MAP_TYPE_DEVMAP_HASH,
  BPF_MAP_TYPE_STRUCT_OPS,
  BPF_MAP_TYPE_RINGBUF,
  BPF_MAP_TYPE_INODE_STORAGE,
  BPF_MAP_TYPE_TASK_STORAGE,
  BPF_MAP_TYPE_BLOOM_FILTER,
};

/* Flags of updates. */
enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_EXIST = 2, BPF_F_LOCK = 4 };

/* Flags of maps. */
enum { BPF_F_NO_PREALLOC = 1, BPF_F_NO_COMMON_LRU = 2, BPF_F_RDONLY_PROG = 128, BPF_F_WRONLY_PROG = 256 };

/* Flags of bpf_redirect_map; the lower two bits are what it gives for an empty slot. */
enum { BPF_F_BROADCAST = 8, BPF_F_EXCLUDE_INGRESS = 16 };

struct bpf_lpm_trie_key {
  __u32 prefixlen;
  __u8 data[0];
};

struct bpf_devmap_val {
  __u32 ifindex;
  union {
    int fd;
    __u32 id;
  } bpf_prog;
};

enum xdp_action { XDP_ABORTED = 0, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT };

/* Where the frame lies is a pointer here, and 32 bits in the kernel, which programs cast to pointers.  ingress_ifindex has
 * a value where nf.yaml gives the port an interface. */
struct xdp_md {
  void *data;
  void *data_end;
  __u32 ingress_ifindex;
  __u32 maestro_ifindex; /* of the last bpf_redirect */
  struct rte_mbuf *maestro_mbuf;
};

/* Bytes that may be put before a frame (XDP_PACKET_HEADROOM, less what the kernel keeps there), that a frame has at
 * least, and that bpf_csum_diff takes at most. */
enum { MAESTRO_XDP_HEADROOM = 216, MAESTRO_XDP_HEADER = 14, MAESTRO_XDP_STACK = 512 };

/* Where the frame is now. */
static inline void maestro_xdp_frame(struct xdp_md *context, struct rte_mbuf *mbuf) {
  context->data = rte_pktmbuf_mtod(mbuf, void *);
  context->data_end = rte_pktmbuf_mtod_offset(mbuf, void *, rte_pktmbuf_data_len(mbuf));
}

#endif
