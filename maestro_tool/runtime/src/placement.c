/* Whether the packets that a plan leaves to a card come to the worker that it names: software hashes them again.
 *
 * The first packets of each class are compared before they are handled, on each queue, and again after the link has come
 * up, as some cards then forget what they were told; later one of each class in so many.  What was right for so long is
 * told by a few bytes: where all packets of a burst have those of such classes, nothing else is looked at. */
#include "placement.h"

#include <stdio.h>
#include <string.h>

#include "program.h"

enum { VERSIONS = 2, N_PROTOCOLS = 256, HEADERS = 128, START = 12 };

/* Bytes 12 to 27 of a frame: EtherType, version and IHL, fragments and protocol of IPv4, next header of IPv6. */
typedef uint8_t bytes_t __attribute__((vector_size(16)));
typedef int8_t equal_t __attribute__((vector_size(16)));

struct placement {
  uint32_t left[MAESTRO_N_CLASSES]; /* packets of the class that are compared from here on */
  uint32_t until;                   /* packets on this queue until one of each class is compared again */
  unsigned link;                    /* how often the link had come up */
  uint8_t class_of[VERSIONS][N_PROTOCOLS];
  /* What most frames begin with: each byte under the mask is that of one or of the other. */
  bytes_t one, other, mask;
  uint8_t version, common[2]; /* a row of KNOWN, two protocols */
};

/* Well-formed frames with these bytes from START on, under the mask, have a class that the byte `protocol` tells.  Bits
 * of `either` may be set. */
static const struct {
  bytes_t bytes, either, mask;
  uint8_t protocol;
} KNOWN[VERSIONS] = {
    /* IPv4 with neither options nor fragments; "don't fragment" or not */
    {{0x08, 0x00, 0x45}, {0, 0, 0, 0, 0, 0, 0, 0, 0x40}, {255, 255, 255, 0, 0, 0, 0, 0, 255, 255, 0, 255}, 11},
    {{0x86, 0xDD, 0x60}, {0}, {255, 255, 255, 0, 0, 0, 0, 0, 255}, 8},
};

static void note_classes(struct placement *placement) {
  for (unsigned v = 0; v < VERSIONS; v++) {
    for (unsigned protocol = 0; protocol < N_PROTOCOLS; protocol++) {
      uint8_t frame[HEADERS] = {0};
      memcpy(frame + START, &KNOWN[v].bytes, sizeof KNOWN[v].bytes);
      frame[START + KNOWN[v].protocol] = (uint8_t)protocol;
      frame[v == 0 ? 17 : 19] = HEADERS - 14 - (v == 0 ? 0 : 40); /* length: in IPv6 of what follows the header */
      frame[14 + 20 + 12] = frame[14 + 40 + 12] = 5 << 4;         /* of a TCP header, in words */
      placement->class_of[v][protocol] = (uint8_t)maestro_classify(frame, sizeof frame);
    }
  }
}

/* Of the two protocols that come most, those of which nothing is left to compare; if there are none, no frame is known. */
static void note_known(struct placement *placement) {
  const unsigned v = placement->version, at = KNOWN[v].protocol;
  uint8_t known[2];
  unsigned n = 0;
  for (unsigned i = 0; i < 2; i++)
    if (placement->left[placement->class_of[v][placement->common[i]]] == 0) known[n++] = placement->common[i];
  placement->mask = KNOWN[v].mask;
  placement->one = KNOWN[v].bytes;
  placement->other = KNOWN[v].bytes | KNOWN[v].either;
  placement->one[at] = n > 0 ? known[0] : 0;
  placement->other[at] = n > 0 ? known[n - 1] : 0;
  if (n == 0) placement->one[0] = placement->other[0] = 0xFF; /* no EtherType that there is */
}

static void compare_from_here(struct placement *placement, const struct maestro_port *port, uint32_t n) {
  for (unsigned i = 0; i < port->n_card_classes; i++) {
    uint32_t *left = &placement->left[port->card_classes[i].packets];
    if (*left < n) *left = n;
  }
  placement->until = PLACEMENT_SAMPLE;
  note_known(placement);
}

size_t placement_size(void) { return sizeof(struct placement); }

void placement_init(struct placement *placement, const struct maestro_port *port) {
  memset(placement, 0, sizeof *placement);
  note_classes(placement);
  compare_from_here(placement, port, PLACEMENT_FIRST);
}

/* All packets are of classes of which nothing is left to compare. */
static bool all_known(const struct placement *placement, struct rte_mbuf **packets, uint16_t n) {
  const bytes_t one = placement->one, other = placement->other;
  equal_t known = (equal_t){0} == 0;
  for (uint16_t i = 0; i < n; i++) {
    bytes_t bytes; /* buffers are longer than that, if the frame is not */
    memcpy(&bytes, rte_pktmbuf_mtod_offset(packets[i], const uint8_t *, START), sizeof bytes);
    known &= (equal_t)(bytes == one) | (equal_t)(bytes == other);
  }
  const bytes_t unknown = (bytes_t)~known & placement->mask;
  uint64_t halves[2];
  memcpy(halves, &unknown, sizeof halves);
  return (halves[0] | halves[1]) == 0;
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

/* What came in a burst is what will come: its version of IP, and its two protocols. */
static void expect_more(struct placement *placement, struct rte_mbuf **packets, uint16_t n) {
  for (uint16_t i = 0; i < n; i++) {
    const uint8_t *frame = rte_pktmbuf_mtod(packets[i], const uint8_t *);
    if (rte_pktmbuf_data_len(packets[i]) < START + sizeof(bytes_t)) continue;
    const uint8_t version = frame[START] == KNOWN[1].bytes[0];
    const uint8_t protocol = frame[START + KNOWN[version].protocol];
    if (version == placement->version && (protocol == placement->common[0] || protocol == placement->common[1]))
      continue;
    placement->version = version;
    placement->common[1] = placement->common[0];
    placement->common[0] = protocol;
  }
  note_known(placement);
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
  for (uint16_t i = 0; i < n; i++) {
    const uint8_t *frame = rte_pktmbuf_mtod(packets[i], const uint8_t *);
    const uint32_t length = rte_pktmbuf_data_len(packets[i]);
    const enum maestro_class packets_class = maestro_classify(frame, length);
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
  }
  expect_more(placement, packets, n);
  return n;
}
