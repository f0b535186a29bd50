/* Whether the packets that a plan leaves to a card come to the worker that it names: software hashes them again.
 *
 * The first packets of each class are compared before they are handled, on each queue, and again after the link has come
 * up, as some cards then forget what they were told; later one of each class in so many.  What was right for so long is
 * told by a few bytes: where all packets of a burst are of such a class, nothing else is looked at. */
#include "placement.h"

#include <stdio.h>
#include <string.h>

#include "program.h"

enum { VERSIONS = 2, N_PROTOCOLS = 256, HEADERS = 128 };

struct placement {
  uint32_t left[MAESTRO_N_CLASSES]; /* packets of the class that are compared from here on */
  uint32_t until;                   /* packets on this queue until one of each class is compared again */
  unsigned link;                    /* how often the link had come up */
  uint8_t version;                  /* that most packets have: a row of `KNOWN` */
  uint8_t pending[VERSIONS][N_PROTOCOLS]; /* by version and protocol: some are left */
  uint8_t class_of[VERSIONS][N_PROTOCOLS];
};

static uint32_t word(const uint8_t *bytes) {
  uint32_t value;
  memcpy(&value, bytes, sizeof value);
  return value;
}

/* Well-formed frames with these bytes, under the masks, have a class that the byte `protocol` tells. */
static const struct {
  uint8_t from_12[4], mask_12[4], mask_20[4], protocol;
} KNOWN[VERSIONS] = {
    {{0x08, 0x00, 0x45}, {0xFF, 0xFF, 0xFF}, {0x3F, 0xFF}, 23}, /* IPv4 with neither options nor fragments */
    {{0x86, 0xDD, 0x60}, {0xFF, 0xFF, 0xF0}, {0}, 20},
};

static void note_classes(struct placement *placement) {
  for (unsigned v = 0; v < VERSIONS; v++) {
    for (unsigned protocol = 0; protocol < N_PROTOCOLS; protocol++) {
      uint8_t frame[HEADERS] = {0};
      memcpy(frame + 12, KNOWN[v].from_12, 4);
      frame[KNOWN[v].protocol] = (uint8_t)protocol;
      frame[v == 0 ? 17 : 19] = HEADERS - 14 - (v == 0 ? 0 : 40); /* length: in IPv6 of what follows the header */
      frame[14 + 20 + 12] = frame[14 + 40 + 12] = 5 << 4;         /* of a TCP header, in words */
      placement->class_of[v][protocol] = (uint8_t)maestro_classify(frame, sizeof frame);
    }
  }
}

static void note_pending(struct placement *placement) {
  for (unsigned v = 0; v < VERSIONS; v++)
    for (unsigned protocol = 0; protocol < N_PROTOCOLS; protocol++)
      placement->pending[v][protocol] = placement->left[placement->class_of[v][protocol]] > 0;
}

static void compare_from_here(struct placement *placement, const struct maestro_port *port, uint32_t n) {
  for (unsigned i = 0; i < port->n_card_classes; i++) {
    uint32_t *left = &placement->left[port->card_classes[i].packets];
    if (*left < n) *left = n;
  }
  placement->until = PLACEMENT_SAMPLE;
  note_pending(placement);
}

size_t placement_size(void) { return sizeof(struct placement); }

void placement_init(struct placement *placement, const struct maestro_port *port) {
  memset(placement, 0, sizeof *placement);
  note_classes(placement);
  compare_from_here(placement, port, PLACEMENT_FIRST);
}

/* All packets are of a class of which enough were right. */
static bool all_known(const struct placement *placement, struct rte_mbuf **packets, uint16_t n) {
  const unsigned v = placement->version;
  const uint32_t from_12 = word(KNOWN[v].from_12), mask_12 = word(KNOWN[v].mask_12), mask_20 = word(KNOWN[v].mask_20);
  const uint8_t *pending = placement->pending[v];
  uint32_t unknown = 0;
  for (uint16_t i = 0; i < n; i++) {
    const uint8_t *frame = rte_pktmbuf_mtod(packets[i], const uint8_t *); /* buffers are longer than 24 bytes */
    unknown |= (word(frame + 12) ^ from_12) & mask_12;
    unknown |= word(frame + 20) & mask_20;
    unknown |= pending[frame[KNOWN[v].protocol]];
  }
  return unknown == 0;
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

uint16_t placement_check(struct worker *worker, uint16_t id, struct rte_mbuf **packets, uint16_t n) {
  struct program *program = worker->program;
  struct port *port = &program->ports[id];
  struct placement *placement = worker->placements[id];
  const unsigned link = atomic_load_explicit(&port->link_ups, memory_order_relaxed);
  if (unlikely(placement->link != link)) {
    placement->link = link;
    compare_from_here(placement, port->plan, PLACEMENT_FIRST);
  }
  if (unlikely(placement->until < n)) compare_from_here(placement, port->plan, 1);
  placement->until -= n;
  if (likely(all_known(placement, packets, n))) return n;
  bool compared = false;
  for (uint16_t i = 0; i < n; i++) {
    const uint8_t *frame = rte_pktmbuf_mtod(packets[i], const uint8_t *);
    const uint32_t length = rte_pktmbuf_data_len(packets[i]);
    const enum maestro_class packets_class = maestro_classify(frame, length);
    placement->version = length > 12 && frame[12] == KNOWN[1].from_12[0];
    if (placement->left[packets_class] == 0) continue;
    const struct maestro_card_class *class = class_of(port->plan, packets_class);
    unsigned expected;
    if (!is_right(port, class, frame, length, worker->number, &expected)) {
      report(worker, id, class, frame, length, expected);
      worker->counters.misplaced++;
      atomic_store(&program->misplaced, true);
      atomic_store(&program_stopped, true);
      rte_pktmbuf_free_bulk(packets + i, n - i);
      return i;
    }
    placement->left[packets_class]--;
    compared = true;
  }
  if (compared) note_pending(placement);
  return n;
}
