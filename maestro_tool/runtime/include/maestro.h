/* Public interface of a generated network function: create workers, process bursts.
 *
 * A program that embeds an NF links lib<nf>.a and includes <nf>.h, which declares `<nf>_nf`.
 * One worker must be used by one thread at a time; different workers run in parallel.
 */
#ifndef MAESTRO_H
#define MAESTRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "maestro_classes.h"

struct rte_mbuf;

/* Verdicts: an output port, or one of these. */
#define MAESTRO_FLOOD 0xFFFF /* to all ports but the input one */
#define MAESTRO_DROP 0xFFFE

#define MAESTRO_MAX_WORKERS 128
#define MAESTRO_MAX_PORTS 32

enum maestro_object_kind { MAESTRO_MAP = 1, MAESTRO_VECTOR, MAESTRO_DCHAIN, MAESTRO_SKETCH, MAESTRO_CHT, MAESTRO_LPM, MAESTRO_DMAP };
enum maestro_treatment { MAESTRO_READ_ONLY, MAESTRO_SHARDED, MAESTRO_SHARED, MAESTRO_PER_CORE };

/* The n-th allocation of nf_init() (map_allocate, vector_allocate, ... in order of the calls). */
struct maestro_object {
  const char *name; /* as the report names it */
  enum maestro_object_kind kind;
  enum maestro_treatment treatment;
  bool split;            /* dchain: the range is divided over the workers */
  bool ranged;           /* dchain: no two workers hand out the same index */
  /* Where workers share state (docs/strategies.md): packets must be writers to change the object; of a vector: they
   * change elements that they borrowed when they were readers. */
  bool guarded;
  bool ages_per_worker; /* shared dchain: each worker notes for itself when it used an index */
  uint32_t element_size; /* vector: bytes that elements must have; 0: any */
  uint32_t min_capacity; /* that the plan needs; 0: any */
  uint32_t max_capacity; /* that the plan allows; 0: any */
  uint16_t dchain;       /* vector, dmap: the number of the dchain whose indices lead to its elements */
  uint32_t per_index;    /* elements that each of those indices must have; 0: any number */
  uint32_t filled; /* entries of a map, indices of a dchain, buckets of a sketch that nf_init leaves; what packets only
                      read: 0 or not */
};

/* What a hash makes of source and destination (rss/symmetric.py says whose names these are). */
enum maestro_function {
  MAESTRO_TOEPLITZ,
  MAESTRO_TOEPLITZ_XOR,  /* both become source ^ destination */
  MAESTRO_TOEPLITZ_SORT, /* the smaller comes first */
};

/* An rte_flow RSS rule for the packets of a class, with the port's key and table. */
struct maestro_rss_rule {
  enum maestro_class packets;
  uint64_t types; /* RTE_ETH_RSS_* */
};

/* Bytes that are hashed, in order: offsets from the start of the frame, lengths in bytes. */
struct maestro_hash_input {
  uint8_t n_fields;
  struct { uint8_t offset, length; } fields[8];
};

/* What software hashes of the frames of a class that have at least `length` bytes, with these values behind these masks
 * at these offsets, whatever view they have: no field, but bytes, which no function mixes.  Those beyond the end of a frame count as zeros.
 * The first that a frame fits counts; it goes by its view if that has no input, or if it fits none. */
struct maestro_byte_input {
  enum maestro_class packets;
  uint16_t length;
  struct { uint8_t n; struct { uint8_t offset, value, mask; } bytes[16]; } tests;
  struct maestro_hash_input input;
};

/* What a NIC hashes of a class, in order: where it finds the bytes, by the headers.  `mixed`: the field and the next one
 * are mixed by the port's function. */
enum maestro_base { MAESTRO_FROM_FRAME, MAESTRO_FROM_L4, MAESTRO_ZEROS };
struct maestro_card_input {
  uint8_t n_fields;
  struct { uint8_t base, offset, length; bool mixed; } fields[8];
};

/* A class that is left to the NIC.  Where its driver does not say which of two inputs it hashes, either is right. */
struct maestro_card_class {
  enum maestro_class packets;
  const char *fields; /* their names, for messages */
  uint8_t n_inputs;
  struct maestro_card_input inputs[2];
};

struct maestro_port {
  const uint8_t *key;          /* Toeplitz key, key_length bytes */
  uint8_t key_length;          /* of the key array; 40, 48, 52 */
  uint8_t key_length_passed;   /* rss_key_len given to ethdev (0 for vmxnet3) */
  bool key_fixed;              /* the NIC has this key by itself, and takes no other */
  const uint8_t *key_given;    /* the same key as the driver takes it and reads it back; NULL: as it is */
  uint32_t initial_hash;       /* the NIC's hash is XORed with it, so its table is, too: entry i ^ initial_hash is that
                                  of index i */
  enum maestro_function function; /* of the NIC and of the software that steers beside it */
  uint64_t rss_hf;             /* RTE_ETH_RSS_* to ask for; 0: this port does not hash */
  const struct maestro_rss_rule *rules; /* n_rules that say how classes are hashed; none: rss_hf says it all */
  uint8_t n_rules;
  uint16_t table_size;         /* entries; a power of two.  A NIC's larger table repeats them. */
  bool table_selectable;       /* the NIC takes a table of table_size whatever it had before */
  const uint32_t *weights;     /* table_size packets per index, of measured traffic; NULL: none was */
  const uint16_t *groups;      /* table_size groups, 0 on: indices of one have one worker; NULL: each is its own */
  uint16_t max_queues;         /* that RSS of this NIC spreads over; 0: no bound is known */
  bool power_of_two_queues;    /* the card has 1, 2, 4, 8 ... of them */
  const char *const *drivers;  /* n_drivers names, one of which the card's driver must have; none, where
                                  the port does not hash: any card will do */
  uint8_t n_drivers;
  const uint32_t *blind_to;    /* n_blind_to RTE_PTYPE_TUNNEL_*: a card that looks into these hashes otherwise */
  uint8_t n_blind_to;
  /* The driver is known not to read back the key and the RSS types, or the table: nothing is said of it at start. */
  bool key_unread, table_unread;
  const struct maestro_card_class *card_classes; /* n_card_classes: those that are left to the NIC */
  uint8_t n_card_classes;
  uint32_t software_classes;   /* bit per enum maestro_class: steered in software */
  struct maestro_hash_input l4, l3; /* software hash input for frames with the L4 (only L3) view */
  struct maestro_hash_input l4v6, l3v6; /* the same for IPv6 */
  const struct maestro_byte_input *byte_inputs; /* n_byte_inputs: of these classes, in place of the four */
  uint8_t n_byte_inputs;
};

/* Which variables of the NF workers have for themselves, and how often nf_init runs. */
enum maestro_sharing {
  MAESTRO_SHARE_NOTHING, /* each worker has all, by its own nf_init */
  MAESTRO_SHARE_SOME,    /* the same; but objects that are MAESTRO_SHARED are those of worker 0 */
  MAESTRO_SHARE_ALL,     /* they exist once in the process, by one nf_init */
};

/* A file that the NF's set-up read when it was analysed. */
struct maestro_file {
  const char *name;
  const char *digest; /* SHA-256 in hexadecimal; NULL: there was no such file */
};

/* An object in which bursts look ahead (maestro_stages.h), by the number of its allocation.  They do only if all of these
 * are what they were for the analysis. */
struct maestro_staged {
  uint16_t object;
  uint16_t known_hash, known_second; /* map, double map: numbers of hash functions; 0: any */
  uint32_t bytes;      /* vector: that elements must have */
  enum maestro_object_kind kind;
};

/* A vector and a dchain, by the numbers of their allocations, that may lie side by side (objects.c). */
struct maestro_joined {
  uint16_t vector, dchain;
};

/* How many objects this thread has made that are laid out for large tables: dchains whose cells are among elements, maps
 * whose slots are small. */
struct maestro_laid_out {
  uint32_t joined, packed;
};
extern _Thread_local struct maestro_laid_out maestro_laid_out;

/* Tests treat small objects as large ones, too. */
#ifndef MAESTRO_LARGE_FROM
#define MAESTRO_LARGE_FROM 0
#endif

/* What code generation says about one NF.  Filled in <nf>_parallel.c. */
struct maestro_nf {
  const char *name, *nic, *strategy;
  uint16_t n_ports;
  enum maestro_sharing sharing;
  bool transactions; /* packets run as hardware transactions, if the CPU has them */
  bool always_write; /* every packet runs as a writer: some change shared memory that no object of the API holds */
  bool restore_variables; /* packets change variables of their worker, which must not happen twice */
  bool software_rss; /* profile `soft`: ports have no RSS; one dispatcher feeds all workers */
  const struct maestro_port *ports; /* n_ports */
  const struct maestro_object *objects;
  uint16_t n_objects;
  const struct maestro_file *files;
  uint16_t n_files;
  size_t globals_size; /* bytes of the NF's per-worker variables */
  void (*globals_save)(void *block);
  void (*globals_load)(const void *block);
  /* True if pinned numbers and object pointers are as analysed; else writes why into text. */
  bool (*check)(char *text, size_t size);
  const struct maestro_staged *staged; /* n_staged */
  uint16_t n_staged;
  uint16_t n_joined;
  const struct maestro_joined *joined; /* n_joined; no object is there twice */
  uint32_t large_from; /* objects of so many entries are packed and joined; 0: far more than fit into a core's cache */
  bool (*as_analysed)(void);           /* without which nothing is joined; NULL: `check` says that, or nothing is assumed */
  void (*know_keys)(void); /* says which functions of keys are inlined (lib/verified/map.h); NULL: none */
  bool all_keys_known;     /* no map may have others */
  void (*config_init)(int argc, char **argv);
  void (*config_print)(void);
  bool (*init)(void);
  /* Runs nf_process on each packet (input port = mbuf->port); the worker's variables are loaded. */
  void (*process_burst)(struct rte_mbuf **packets, uint16_t n, int64_t now, uint16_t *verdicts);
};

/* As plan.json calls it. */
const char *maestro_class_name(enum maestro_class packets);

struct maestro_instance;

/* Compares the drivers of DPDK's ports 0 .. n_ports-1, those of them that exist, with those that the plan was made for
 * (`drivers` of the NIC's profile).  Returns 0, or -ENODEV with a message that names both in error (at least 256 bytes).
 * maestro_create does so, and the first burst of each worker again, for ports that came later. */
int maestro_check_cards(const struct maestro_nf *nf, char *error, size_t error_size);

/* Parses the NF's arguments, runs nf_init once per worker, checks the cards and the assumptions of the analysis.
 * Returns 0, or a negative errno with a message in error (at least 256 bytes). */
int maestro_create(const struct maestro_nf *nf, unsigned n_workers, int argc, char **argv,
                   struct maestro_instance **instance, char *error, size_t error_size);
void maestro_destroy(struct maestro_instance *instance);

/* Processes n packets on worker `worker` at time `now` (nanoseconds, not decreasing per worker).
 * verdicts[i] is an output port, MAESTRO_DROP or MAESTRO_FLOOD; packets are not freed or sent.
 * The calling thread becomes the worker's thread: attaching is automatic, a worker that is attached to
 * another thread must be detached there first.  Returns 0; -EBUSY; or -ENODEV before the worker's first packet, if a
 * port is another card than the plan was made for (maestro_check_cards says which). */
int maestro_process_burst(struct maestro_instance *instance, unsigned worker, struct rte_mbuf **packets,
                          uint16_t n, int64_t now, uint16_t *verdicts);
/* Stores the calling thread's worker away, so that another thread may run it (or this one end). */
void maestro_detach(struct maestro_instance *instance);

/* What sharing state has cost a worker so far; all 0 where nothing is shared.  Not to be called while it runs. */
struct maestro_sharing_counts {
  uint64_t write_locks;  /* how often it took the lock as the writer */
  uint64_t restarts;     /* packets that ran again as the writer */
  uint64_t transactions; /* that succeeded */
  uint64_t aborts;       /* transactions that did not */
};
struct maestro_sharing_counts maestro_sharing_counts(const struct maestro_instance *instance, unsigned worker);
/* Whether packets run as hardware transactions in this process. */
bool maestro_uses_transactions(const struct maestro_instance *instance);

/* The software model of steering, exactly what the program uses. */
enum maestro_class maestro_classify(const uint8_t *frame, uint32_t length);
uint32_t maestro_toeplitz(const uint8_t *key, const uint8_t *input, uint32_t length);
/* Index of a frame into the port's table, over the NF's view, or the bytes of its class; 0 for frames without either. */
uint16_t maestro_index(const struct maestro_port *port, const uint8_t *frame, uint32_t length);
/* Entries of the port's table to which the card may have put a frame of the class (one of port->card_classes, by
 * maestro_classify), as its profile says: returns how many, one or two. */
unsigned maestro_card_indices(const struct maestro_port *port, const struct maestro_card_class *class,
                              const uint8_t *frame, uint32_t length, uint16_t indices[2]);
/* Fills the port's table: table[i] = worker.  Each worker has consecutive entries, or what balances the groups or the
 * weights (why: rss/table.py). */
void maestro_fill_table(const struct maestro_port *port, unsigned n_workers, uint16_t *table);

#endif
