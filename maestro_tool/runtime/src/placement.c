/* Which of the packets that came to a worker's queue it handles, and whether the others' queue is the right one.
 *
 * Packets of classes that the plan leaves to a card should be at the worker that it names: software hashes some of them
 * again.  The first packets of each class are compared before they are handled, on each queue, and again after the link
 * has come up, as some cards then forget what they were told; later one of each class in so many.  Packets of classes
 * that software steers go to their owners.
 *
 * Both ask for the class of each packet, and once: `due` has the classes of which anything has to be done, so that a
 * comparison that is not due costs nothing beside steering. */
#include "placement.h"

#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>

#include "program.h"

enum { N_PROTOCOLS = 256, TCP = 6, UDP = 17, ETHERNET = 14, IPV4 = 20, NEVER = UINT16_MAX };

_Static_assert(MAESTRO_N_CLASSES <= 32, "classes are bits of 32");

struct placement {
  uint32_t due;      /* bit per class: software steers it, or some are compared from here on */
  uint32_t until;    /* packets on this queue until one of each class is compared again */
  uint32_t software; /* bit per class: software steers it */
  unsigned link;     /* how often the link had come up */
  uint32_t left[MAESTRO_N_CLASSES]; /* packets of the class that are compared from here on */
  uint16_t shortest[N_PROTOCOLS];   /* see `is_settled`; NEVER if the class is due */
};

static void set_due(struct placement *placement, uint32_t due) {
  placement->due = due;
  placement->shortest[TCP] = due >> MAESTRO_TCP4 & 1 ? NEVER : IPV4 + 20;
  placement->shortest[UDP] = due >> MAESTRO_UDP4 & 1 ? NEVER : IPV4 + 8;
}

static void compare_from_here(struct placement *placement, const struct maestro_port *port, uint32_t n) {
  uint32_t due = placement->due;
  for (unsigned i = 0; i < port->n_card_classes; i++) {
    const enum maestro_class packets = port->card_classes[i].packets;
    if (placement->left[packets] < n) placement->left[packets] = n;
    due |= 1u << packets;
  }
  set_due(placement, due);
  placement->until = PLACEMENT_SAMPLE;
}

size_t placement_size(void) { return sizeof(struct placement); }

void placement_init(struct placement *placement, const struct maestro_port *port) {
  *placement = (struct placement){.due = port->software_classes, .software = port->software_classes};
  memset(placement->shortest, UINT8_MAX, sizeof placement->shortest);
  compare_from_here(placement, port, PLACEMENT_FIRST);
}

/* Whole frames of IPv4 without options, of TCP or UDP (as maestro_classify has it), if nothing has to be done for them:
 * most.  False says nothing. */
static inline bool is_settled(const struct placement *placement, const uint8_t *frame, uint32_t length) {
  /* Buffers are longer than what is read here, if the frame is not. */
  uint32_t start; /* EtherType, version and header's length */
  uint16_t total, fragment;
  memcpy(&start, frame + 12, sizeof start);
  memcpy(&total, frame + ETHERNET + 2, sizeof total);
  memcpy(&fragment, frame + ETHERNET + 6, sizeof fragment);
  return (start & RTE_BE32(0xFFFFFF00)) == RTE_BE32(0x08004500) && (fragment & RTE_BE16(0x3FFF)) == 0 &&
         rte_be_to_cpu_16(total) >= placement->shortest[frame[ETHERNET + 9]] &&
         ETHERNET + (uint32_t)rte_be_to_cpu_16(total) <= length;
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
  if (--placement->left[packets] == 0) set_due(placement, placement->due & ~(1u << packets));
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

uint16_t placement_keep_contiguous(struct worker *worker, struct rte_mbuf **packets, uint16_t n) {
  uint16_t kept = 0;
  for (uint16_t i = 0; i < n; i++)
    if (is_contiguous(worker, packets[i])) packets[kept++] = packets[i];
  return kept;
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

uint16_t placement_sort(struct worker *worker, uint16_t id, struct rte_mbuf **packets, uint16_t n) {
  const struct port *port = &worker->program->ports[id];
  struct placement *placement = worker->placements[id];
  if (placement == NULL) return placement_keep_contiguous(worker, packets, n);
  const unsigned link = atomic_load_explicit(&port->link_ups, memory_order_relaxed);
  if (unlikely(placement->link != link)) {
    placement->link = link;
    compare_from_here(placement, port->plan, PLACEMENT_FIRST);
  }
  if (unlikely(placement->until < n)) compare_from_here(placement, port->plan, 1);
  placement->until -= n;
  struct rte_mbuf **kept = packets;
  for (uint16_t i = 0; i < n; i++) {
    struct rte_mbuf *packet = packets[i];
    const uint8_t *frame = rte_pktmbuf_mtod(packet, const uint8_t *);
    *kept = packet;
    if (likely(packet->nb_segs == 1 && is_settled(placement, frame, rte_pktmbuf_data_len(packet)))) {
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
