/* The DPDK program around a generated NF: options, ports, workers, replay, statistics. */
#ifndef MAESTRO_PROGRAM_H
#define MAESTRO_PROGRAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_spinlock.h>

#include "maestro.h"
#include "placement.h"
#include "steering.h"

/* CACHED_BUFFERS: how many mbufs the pool keeps for each lcore; up to half as many again before they go back. */
enum { BURST = 32, RX_DESCRIPTORS = 512, TX_DESCRIPTORS = 512, RING_SIZE = 1024, CACHED_BUFFERS = 256 };

/* The command line, taken apart. */
struct options {
  unsigned n_workers;
  bool replay, unordered; /* unordered: workers are not kept in the order of the packets */
  bool help;
  bool poll; /* a worker without packets keeps its CPU */
  const char *stats; /* file to write, or NULL */
  unsigned mtu;      /* of cards; 0: as they have it */
  uint32_t longest;  /* bytes of a frame in the captures that are read */
  int memory;        /* which of eal_argv says how much memory is taken, if that is our own; else 0 */
  int eal_argc, nf_argc;
  char **eal_argv, **nf_argv;
};

struct counters {
  uint64_t rx;          /* packets that reached the worker from a port or the dispatcher */
  uint64_t processed;   /* by nf_process */
  uint64_t forwarded;   /* verdict: one port */
  uint64_t flooded;     /* verdict: all other ports */
  uint64_t dropped;     /* verdict: drop */
  uint64_t unsent;      /* not taken by the output port, freed (copies) */
  uint64_t handed_over; /* received by hardware RSS on this worker's queue, given to the owner */
  uint64_t lost;        /* could not be given to the owner: its ring was full */
  uint64_t misplaced;   /* compared, and belonged to another worker: freed, and the program ends */
  uint64_t too_long;    /* fits into no buffer, so nf_process cannot read it: freed */
  uint64_t full;        /* found no free index: a table, or the worker's share of it, was full */
  uint64_t counted;     /* a sketch said that its threshold is passed */
  struct maestro_sharing_counts sharing;
};

struct output {
  uint16_t n;
  uint16_t queue;
  struct rte_mbuf *packets[BURST];
};

struct worker {
  _Alignas(RTE_CACHE_LINE_SIZE) unsigned number;
  struct program *program;
  struct rte_ring *ring; /* packets from the dispatcher or from other workers; NULL: none */
  _Atomic uint64_t done; /* packets from the dispatcher that are handled */
  struct counters counters;
  struct output *outputs; /* one per port */
  struct placement **placements; /* one per port; NULL: the worker handles all that comes to its queue */
  unsigned idle;          /* polls without a packet */
};

struct port {
  const struct maestro_port *plan;
  struct maestro_steering steering;
  uint16_t *table; /* index -> worker */
  uint16_t n_rx_queues, n_tx_queues;
  rte_spinlock_t tx_lock; /* where workers share the queue */
  bool tx_shared;
  bool link_is_up;
  bool holds; /* what is not received yet waits in it, however long */
  struct rte_eth_stats stats; /* of the card, when the program ended */
  atomic_uint link_ups; /* how often the link has come up since the start */
  bool key_unread, table_unread; /* the driver does not read back what was set */
};

struct captures;

struct program {
  const struct maestro_nf *nf;
  const struct options *options;
  struct captures *captures;
  struct maestro_instance *instance;
  bool alone;      /* one worker, which reads all ports itself: a sequential program, or for nic=soft */
  bool dispatched; /* the main lcore reads the ports, and feeds the workers */
  bool ordered;                /* replay: a packet is handled when the one before it is, on whichever worker */
  unsigned n_workers;
  struct rte_mempool *pool;
  struct port ports[MAESTRO_MAX_PORTS];
  struct worker *workers;
  uint64_t unsteered;      /* packets that the dispatcher lost, because the ring was full */
  atomic_bool input_ended; /* no packet will be put into the rings any more */
  atomic_bool failed;
  atomic_bool misplaced; /* a card gave a packet to the wrong worker */
  int timestamp_offset; /* of the dynamic mbuf field */
  uint64_t timestamp_flag;
};

/* Set by SIGINT and SIGTERM. */
extern atomic_bool program_stopped;

/* Prints "<nf>: message" to stderr. */
__attribute__((format(printf, 2, 3))) void program_error(const struct maestro_nf *nf, const char *format, ...);

/* options.c: false after a message. */
bool program_options_parse(const struct maestro_nf *nf, int argc, char **argv, struct options *options);
void program_options_usage(const struct maestro_nf *nf);
/* Makes room for frames of so many bytes. */
void program_options_fit(const struct maestro_nf *nf, struct options *options, uint32_t longest);
/* Bytes of a packet buffer, with its headroom. */
uint16_t program_buffer_size(const struct options *options);
/* How many of them each lcore keeps for itself. */
unsigned program_buffer_cache(const struct options *options);
/* Mbufs for all queues, rings and workers of the program. */
unsigned program_pool_size(const struct maestro_nf *nf, const struct options *options);

/* ports.c: false after a message. */
bool program_ports_start(struct program *program);
/* Reads what cards have lost, before they stop. */
void program_ports_count(struct program *program);
void program_ports_stop(struct program *program);

/* workers.c */
bool program_workers_init(struct program *program);
int program_worker_run(void *worker);
void program_dispatcher_run(struct program *program);
void program_worker_handle(struct worker *worker, struct rte_mbuf **packets, uint16_t n);
/* Passes the time of one poll without a packet, the *idle-th of its row. */
void program_idle(const struct program *program, unsigned *idle);
/* Gives packets to a worker's ring; waits for room if `wait`.  Returns how many were freed for lack of room. */
unsigned program_ring_put(struct program *program, unsigned owner, struct rte_mbuf **packets, unsigned n, bool wait);
uint16_t program_steer(const struct port *port, const struct rte_mbuf *packet);

/* replay.c */
bool program_replay_init(struct program *program);
void program_replay_run(struct program *program);
int64_t program_replay_time(const struct program *program, const struct rte_mbuf *packet);

/* clock.c: monotonic, nanoseconds. */
void program_clock_start(void);
int64_t program_clock_now(void);

/* statistics.c */
void program_statistics_print(const struct program *program);
bool program_statistics_write(const struct program *program, const char *path);

#endif
