/* Which of the packets that came to a worker's queue it handles, and whether the others' queue is the right one.
 *
 * Packets of classes that the plan leaves to a card should be at the worker that it names: software hashes some of them
 * again.  The first packets of each class are compared before they are handled, on each queue, and again after the link
 * has come up, as some cards then forget what they were told; later one of each class in so many.  Packets of classes
 * that software steers go to their owners.
 *
 * Both ask for the class of each packet, and once: `due` has the classes of which anything has to be done, so that a
 * comparison that is not due costs nothing beside steering.
 *
 * Where software steers none, packets are asked until each class has had its first comparisons.  Then chance picks one of
 * each block, whose class is asked for, and which is compared if that is due.  A class of which m packets came since it
 * was due is then uncompared with a chance below exp(-m / PLACEMENT_BLOCK), however rare it is, and whatever pattern its
 * packets come in. */
#include "placement.h"

#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>

#include "program.h"

enum { N_PROTOCOLS = 256, TCP = 6, UDP = 17, ETHERNET = 14, IPV4 = 20, NEVER = UINT16_MAX };

_Static_assert(MAESTRO_N_CLASSES <= 32, "classes are bits of 32");

struct placement {
  uint32_t due;      /* bit per class: software steers it, or some are compared from here on */
  uint32_t asked;    /* bit per class: each of its packets has to be found; software steers it, or its first are due */
  uint32_t until;    /* packets on this queue until one of each class is due again */
  uint32_t software; /* bit per class: software steers it */
  uint32_t look;     /* if no class is asked for: packets before the one that is picked */
  uint32_t block;    /* packets of its block that follow it */
  uint64_t random;
  unsigned link;     /* how often the link had come up */
  uint32_t left[MAESTRO_N_CLASSES]; /* packets of the class that are compared from here on */
  uint16_t shortest[N_PROTOCOLS];   /* see `is_settled`; NEVER if the class is due */
};

/* Lengths count only where software steers malformed packets: no card class has any. */
static uint16_t shortest(const struct placement *placement, enum maestro_class class, uint16_t length) {
  if (placement->due >> class & 1) return NEVER;
  return placement->software == 0 ? 0 : length;
}

static void set_due(struct placement *placement, uint32_t due) {
  placement->due = due;
  placement->shortest[TCP] = shortest(placement, MAESTRO_TCP4, IPV4 + 20);
  placement->shortest[UDP] = shortest(placement, MAESTRO_UDP4, IPV4 + 8);
}

__attribute__((noinline)) static void compare_from_here(struct placement *placement, const struct maestro_port *port,
                                                        uint32_t n) {
  uint32_t due = placement->due;
  for (unsigned i = 0; i < port->n_card_classes; i++) {
    const enum maestro_class packets = port->card_classes[i].packets;
    if (placement->left[packets] < n) placement->left[packets] = n;
    due |= 1u << packets;
  }
  if (n == PLACEMENT_FIRST) {
    placement->asked |= due;
    placement->block = 0;
  }
  set_due(placement, due);
  placement->until = PLACEMENT_SAMPLE;
}

/* Returns how many packets come before the one that chance picks of the next block. */
static unsigned choose(struct placement *placement, const struct maestro_port *port) {
  placement->random = placement->random * 6364136223846793005 + 1442695040888963407; /* Knuth's */
  const unsigned at = (unsigned)(placement->random >> 32) % PLACEMENT_BLOCK, before = placement->block + at;
  placement->block = PLACEMENT_BLOCK - 1 - at;
  if (unlikely(placement->until <= before)) {
    compare_from_here(placement, port, 1);
    placement->until = PLACEMENT_SAMPLE_PICKED;
  }
  placement->until -= before + 1;
  return before;
}

size_t placement_size(void) { return sizeof(struct placement); }

void placement_init(struct placement *placement, const struct maestro_port *port) {
  *placement = (struct placement){.due = port->software_classes,
                                  .asked = port->software_classes,
                                  .software = port->software_classes,
                                  .random = rte_rdtsc() ^ (uintptr_t)placement};
  memset(placement->shortest, UINT8_MAX, sizeof placement->shortest);
  compare_from_here(placement, port, PLACEMENT_FIRST);
}

/* Whether it is a frame of IPv4 without options, of TCP or UDP (as maestro_classify has it), for which nothing has to be
 * done: most are.  `whole`: only if it is not cut short.  False says nothing. */
static inline __attribute__((always_inline)) bool is_settled(const struct placement *placement,
                                                             const struct rte_mbuf *packet, bool whole) {
  /* Buffers are longer than what is read here, if the frame is not. */
  const uint8_t *frame = rte_pktmbuf_mtod(packet, const uint8_t *);
  uint32_t start; /* EtherType, version and header's length */
  uint16_t total, fragment;
  if (unlikely(packet->nb_segs != 1)) return false;
  memcpy(&start, frame + 12, sizeof start);
  if (unlikely((start & RTE_BE32(0xFFFFFF00)) != RTE_BE32(0x08004500))) return false;
  memcpy(&fragment, frame + ETHERNET + 6, sizeof fragment);
  if (unlikely((fragment & RTE_BE16(0x3FFF)) != 0)) return false;
  const uint16_t shortest = placement->shortest[frame[ETHERNET + 9]];
  if (!whole) return likely(shortest == 0);
  memcpy(&total, frame + ETHERNET + 2, sizeof total);
  const uint16_t length = rte_be_to_cpu_16(total);
  return likely(length >= shortest) && likely(ETHERNET + (uint32_t)length <= rte_pktmbuf_data_len(packet));
}

static const struct maestro_card_class *class_of(const struct maestro_port *port, enum maestro_class packets) {
  for (unsigned i = 0; i < port->n_card_classes; i++)
    if (port->card_classes[i].packets == packets) return &port->card_classes[i];
  return NULL;
}

/* Whether the frame may come to the worker; else where it should have come to. */
static bool is_right(const struct port *port, const struct maestro_card_class *class, const uint8_t *frame,
                     uint32_t length, unsigned worker, unsigned *expected) {
  uint16_t indices[2];
  const unsigned n = maestro_card_indices(port->plan, class, frame, length, indices);
  for (unsigned i = 0; i < n; i++)
    if (port->table[indices[i]] == worker) return true;
  *expected = port->table[indices[0]];
  return false;
}

static void report(struct worker *worker, uint16_t id, const struct maestro_card_class *class, const uint8_t *frame,
                   uint32_t length, unsigned expected) {
  static atomic_flag reported = ATOMIC_FLAG_INIT;
  if (atomic_flag_test_and_set(&reported)) return; /* others find the same */
  const struct maestro_nf *nf = worker->program->nf;
  const struct maestro_card_input *input = &class->inputs[0];
  char text[160] = "";
  for (unsigned i = 0, end = 0; i < input->n_fields; i++) {
    uint8_t bytes[UINT8_MAX];
    maestro_card_field(input, i, frame, length, bytes);
    for (unsigned k = 0; k < input->fields[i].length && end + 5 < sizeof text; k++)
      end += (unsigned)snprintf(text + end, sizeof text - end, "%s%02x", k == 0 && i > 0 ? ", " : "", bytes[k]);
  }
  program_error(nf,
                "port %u: a packet of class %s with (%s) = (%s) came to worker %u, but by the plan for nic=%s it belongs "
                "to worker %u: the card does not hash as its profile says, or has lost its key or table; the program "
                "ends, because packets would meet the wrong worker",
                id, maestro_class_name(class->packets), class->fields, text, worker->number, nf->nic, expected);
}

/* Whether the packet is where it belongs, after one more comparison. */
static bool compare(struct worker *worker, uint16_t id, struct placement *placement, enum maestro_class packets,
                    const uint8_t *frame, uint32_t length) {
  const struct port *port = &worker->program->ports[id];
  const struct maestro_card_class *class = class_of(port->plan, packets);
  unsigned expected;
  if (!is_right(port, class, frame, length, worker->number, &expected)) {
    report(worker, id, class, frame, length, expected);
    return false;
  }
  if (--placement->left[packets] > 0) return true;
  placement->asked &= ~(1u << packets);
  set_due(placement, placement->due & ~(1u << packets));
  return true;
}

/* Moves the packet to where all of it fits, with less headroom. */
static bool fits_without_headroom(struct rte_mbuf *packet) {
  if (packet->pkt_len > packet->buf_len || !RTE_MBUF_DIRECT(packet) || rte_mbuf_refcnt_read(packet) != 1) return false;
  const uint16_t offset = (uint16_t)(packet->buf_len - packet->pkt_len);
  memmove((char *)packet->buf_addr + offset, rte_pktmbuf_mtod(packet, char *), packet->data_len);
  packet->data_off = offset;
  return rte_pktmbuf_linearize(packet) == 0;
}

/* NFs read one contiguous buffer.  Of packets that fit into none they would see only the beginning. */
static bool is_contiguous(struct worker *worker, struct rte_mbuf *packet) {
  if (likely(packet->nb_segs == 1) || rte_pktmbuf_linearize(packet) == 0) return true;
  if (fits_without_headroom(packet)) return true;
  worker->counters.too_long++;
  rte_pktmbuf_free(packet);
  return false;
}

__attribute__((noinline)) static uint16_t keep_contiguous_from(struct worker *worker, struct rte_mbuf **packets,
                                                               uint16_t kept, uint16_t n) {
  for (uint16_t i = kept; i < n; i++)
    if (is_contiguous(worker, packets[i])) packets[kept++] = packets[i];
  return kept;
}

uint16_t placement_keep_contiguous(struct worker *worker, struct rte_mbuf **packets, uint16_t n) {
  uint16_t others = 0;
  for (uint16_t i = 0; i < n; i++) others |= packets[i]->nb_segs ^ 1;
  return likely(others == 0) ? n : keep_contiguous_from(worker, packets, 0, n);
}

enum outcome { KEPT, GONE, MISPLACED };

/* What has to be done for any packet. */
__attribute__((noinline)) static enum outcome settle(struct worker *worker, uint16_t id, struct rte_mbuf *packet) {
  struct program *program = worker->program;
  struct placement *placement = worker->placements[id];
  if (!is_contiguous(worker, packet)) return GONE;
  const uint8_t *frame = rte_pktmbuf_mtod(packet, const uint8_t *);
  const uint32_t length = rte_pktmbuf_data_len(packet);
  const enum maestro_class class = maestro_classify(frame, length);
  if (placement->software >> class & 1) {
    const unsigned owner = program_steer(&program->ports[id], packet);
    if (owner == worker->number) return KEPT;
    worker->counters.handed_over++;
    worker->counters.lost += program_ring_put(program, owner, &packet, 1, false);
    return GONE;
  }
  if (placement->left[class] == 0 || compare(worker, id, placement, class, frame, length)) return KEPT;
  worker->counters.misplaced++;
  atomic_store(&program->misplaced, true);
  atomic_store(&program_stopped, true);
  return MISPLACED;
}

static inline __attribute__((always_inline)) uint16_t ask_each(struct worker *worker, uint16_t id,
                                                               struct rte_mbuf **packets, uint16_t n, bool whole) {
  const struct placement *placement = worker->placements[id];
  uint16_t i = 0;
  while (i < n && likely(is_settled(placement, packets[i], whole))) i++; /* mostly all */
  struct rte_mbuf **kept = packets + i;
  for (; i < n; i++) {
    struct rte_mbuf *packet = packets[i];
    *kept = packet;
    if (likely(is_settled(placement, packet, whole))) {
      kept++;
      continue;
    }
    const enum outcome outcome = settle(worker, id, packet);
    if (outcome == KEPT) kept++;
    if (outcome != MISPLACED) continue;
    rte_pktmbuf_free_bulk(packets + i, n - i);
    break;
  }
  return (uint16_t)(kept - packets);
}

/* Of those that chance has picked; others only have to be contiguous. */
__attribute__((noinline)) static uint16_t ask_some(struct worker *worker, uint16_t id, struct rte_mbuf **packets, uint16_t n) {
  struct placement *placement = worker->placements[id];
  unsigned at = placement->look;
  while (at < n) {
    const enum outcome outcome = is_settled(placement, packets[at], false) ? KEPT : settle(worker, id, packets[at]);
    if (unlikely(outcome == MISPLACED)) {
      rte_pktmbuf_free_bulk(packets + at, n - at);
      n = (uint16_t)at;
      break;
    }
    if (likely(outcome == KEPT)) {
      at++;
    } else {
      n--;
      memmove(packets + at, packets + at + 1, (n - at) * sizeof *packets);
    }
    at += choose(placement, worker->program->ports[id].plan);
  }
  placement->look = at - n;
  return placement_keep_contiguous(worker, packets, n);
}

__attribute__((noinline)) static uint16_t ask_all(struct worker *worker, uint16_t id, struct rte_mbuf **packets,
                                                  uint16_t n) {
  struct placement *placement = worker->placements[id];
  const struct maestro_port *plan = worker->program->ports[id].plan;
  if (placement->until < n) compare_from_here(placement, plan, 1);
  placement->until -= n;
  if (placement->software != 0) return ask_each(worker, id, packets, n, true);
  n = ask_each(worker, id, packets, n, false);
  if (placement->asked == 0) placement->look = choose(placement, plan);
  return n;
}

uint16_t placement_sort(struct worker *worker, uint16_t id, struct rte_mbuf **packets, uint16_t n) {
  struct placement *placement = worker->placements[id];
  if (placement != NULL) {
    const struct port *port = &worker->program->ports[id];
    const unsigned link = atomic_load_explicit(&port->link_ups, memory_order_relaxed);
    if (unlikely(placement->link != link)) {
      placement->link = link;
      compare_from_here(placement, port->plan, PLACEMENT_FIRST);
    }
    if (placement->asked != 0) return ask_all(worker, id, packets, n);
    if (placement->look < n) return ask_some(worker, id, packets, n);
    placement->look -= n;
  }
  return placement_keep_contiguous(worker, packets, n);
}
