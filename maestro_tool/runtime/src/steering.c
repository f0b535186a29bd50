/* Which packet goes to which worker: packet classes, the Toeplitz hash, the indirection table. */
#include "steering.h"

#include <string.h>

static uint16_t be16(const uint8_t *bytes) { return (uint16_t)(bytes[0] << 8 | bytes[1]); }

static uint32_t be32(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

enum { TCP = 6, UDP = 17, SCTP = 132, IPV6_FRAGMENT_HEADER = 44 };
enum { ETHERNET = 14, IPV4_MINIMUM = 20, IPV6_HEADER = 40 };

/* Shortest L4 header of the protocols that have classes. */
static uint32_t l4_minimum(uint8_t protocol) {
  return protocol == TCP ? 20 : protocol == UDP ? 8 : protocol == SCTP ? 12 : 0;
}

/* Whole packets over IPv4, by what follows the header. */
static enum maestro_class whole_ipv4(uint8_t protocol, bool options) {
  switch (protocol) {
    case TCP: return options ? MAESTRO_TCP4_OPTIONS : MAESTRO_TCP4;
    case UDP: return options ? MAESTRO_UDP4_OPTIONS : MAESTRO_UDP4;
    case SCTP: return options ? MAESTRO_SCTP4_OPTIONS : MAESTRO_SCTP4;
    default: return options ? MAESTRO_IPV4_OPTIONS_OTHER : MAESTRO_IPV4_OTHER;
  }
}

static enum maestro_class whole_ipv6(uint8_t next) {
  switch (next) {
    case TCP: return MAESTRO_TCP6;
    case UDP: return MAESTRO_UDP6;
    case SCTP: return MAESTRO_SCTP6;
    default: return MAESTRO_IPV6_OTHER;
  }
}

static enum maestro_class classify_ipv4(const uint8_t *frame, uint32_t length) {
  if (length < ETHERNET + IPV4_MINIMUM) return MAESTRO_MALFORMED;
  const uint8_t *ip = frame + ETHERNET;
  const uint32_t header = 4u * (ip[0] & 0x0F), total = be16(ip + 2);
  if (ip[0] >> 4 != 4 || header < IPV4_MINIMUM || total < header || ETHERNET + total > length) return MAESTRO_MALFORMED;
  if ((be16(ip + 6) & 0x3FFF) != 0) return MAESTRO_IPV4_FRAGMENT; /* more fragments, or an offset */
  const uint8_t protocol = ip[9];
  if (total < header + l4_minimum(protocol)) return MAESTRO_MALFORMED;
  return whole_ipv4(protocol, header > IPV4_MINIMUM);
}

static enum maestro_class classify_ipv6(const uint8_t *frame, uint32_t length) {
  if (length < ETHERNET + IPV6_HEADER) return MAESTRO_MALFORMED;
  const uint8_t *ip = frame + ETHERNET;
  const uint32_t payload = be16(ip + 4);
  if (ip[0] >> 4 != 6 || ETHERNET + IPV6_HEADER + payload > length) return MAESTRO_MALFORMED;
  const uint8_t next = ip[6];
  if (next == IPV6_FRAGMENT_HEADER) return MAESTRO_IPV6_FRAGMENT;
  if (payload < l4_minimum(next)) return MAESTRO_MALFORMED;
  return whole_ipv6(next);
}

enum maestro_class maestro_classify(const uint8_t *frame, uint32_t length) {
  if (length < ETHERNET) return MAESTRO_MALFORMED;
  switch (be16(frame + 12)) {
    case 0x8100: /* 802.1Q */
    case 0x88A8: /* 802.1ad */
    case 0x9100: return MAESTRO_VLAN; /* the QinQ of before */
    case 0x0800: return classify_ipv4(frame, length);
    case 0x86DD: return classify_ipv6(frame, length);
    default: return MAESTRO_NON_IP;
  }
}

const char *maestro_class_name(enum maestro_class packets) {
  static const char *const NAMES[MAESTRO_N_CLASSES] = {MAESTRO_CLASS_NAMES};
  return NAMES[packets];
}

/* Bit by bit, as Microsoft defines it ("RSS hashing functions"): the result is the XOR, over the input bits that are
 * set, of the 32 key bits that start at the bit's position.  Reads length + 4 key bytes. */
uint32_t maestro_toeplitz(const uint8_t *key, const uint8_t *input, uint32_t length) {
  uint32_t hash = 0;
  for (uint32_t i = 0; i < length; i++) {
    const uint64_t window = (uint64_t)be32(key + i) << 8 | key[i + 4];
    for (unsigned bit = 0; bit < 8; bit++)
      if (input[i] & (0x80 >> bit)) hash ^= (uint32_t)(window >> (8 - bit));
  }
  return hash;
}

/* The hash input of the frame, by the NF's view; NULL if it has none. */
static const struct maestro_hash_input *view(const struct maestro_port *port, const uint8_t *frame, uint32_t length) {
  if (length < ETHERNET + IPV4_MINIMUM) return NULL;
  const uint16_t ether_type = be16(frame + 12);
  const bool ipv6 = ether_type == 0x86DD;
  const uint32_t l4 = ETHERNET + (ipv6 ? IPV6_HEADER : IPV4_MINIMUM);
  if ((!ipv6 && ether_type != 0x0800) || length < l4) return NULL;
  const uint8_t protocol = frame[ipv6 ? 20 : 23];
  if (length >= l4 + 4 && (protocol == TCP || protocol == UDP)) return ipv6 ? &port->l4v6 : &port->l4;
  return ipv6 ? &port->l3v6 : &port->l3;
}

/* Source and destination of `length` bytes each, one after the other, as a symmetric function takes them. */
static void mix(enum maestro_function function, uint8_t *source, uint32_t length) {
  uint8_t *destination = source + length;
  if (function == MAESTRO_TOEPLITZ_SORT && memcmp(source, destination, length) <= 0) return;
  for (uint32_t i = 0; i < length; i++) {
    const uint8_t s = source[i], d = destination[i];
    source[i] = function == MAESTRO_TOEPLITZ_XOR ? s ^ d : d;
    destination[i] = function == MAESTRO_TOEPLITZ_XOR ? s ^ d : s;
  }
}

/* Returns how many bytes are hashed.  Under a symmetric function fields come in pairs: addresses, then ports. */
static uint32_t gather(const struct maestro_port *port, const struct maestro_hash_input *input, const uint8_t *frame,
                       uint8_t *bytes) {
  uint32_t n = 0;
  for (unsigned i = 0; i < input->n_fields; i++) {
    const uint32_t length = input->fields[i].length;
    memcpy(bytes + n, frame + input->fields[i].offset, length);
    n += length;
    if (i % 2 == 1 && port->function != MAESTRO_TOEPLITZ) mix(port->function, bytes + n - 2 * length, length);
  }
  return n;
}

/* A frame that is long enough has all bytes that it is asked for. */
static bool fits(const struct maestro_byte_input *bytes, const uint8_t *frame, uint32_t length) {
  if (length < bytes->length) return false;
  for (unsigned i = 0; i < bytes->tests.n; i++)
    if ((frame[bytes->tests.bytes[i].offset] & bytes->tests.bytes[i].mask) != bytes->tests.bytes[i].value) return false;
  return true;
}

/* The bytes that are hashed of the frame, by its class and what it says; NULL if it goes by views. */
static const struct maestro_hash_input *bytes_of_class(const struct maestro_port *port, const uint8_t *frame,
                                                       uint32_t length) {
  if (port->n_byte_inputs == 0) return NULL;
  const enum maestro_class packets = maestro_classify(frame, length);
  for (unsigned i = 0; i < port->n_byte_inputs; i++) {
    const struct maestro_byte_input *bytes = &port->byte_inputs[i];
    if (bytes->packets == packets && fits(bytes, frame, length)) return bytes->input.n_fields > 0 ? &bytes->input : NULL;
  }
  return NULL;
}

static uint16_t index_of_bytes(const struct maestro_port *port, const struct maestro_hash_input *input,
                               const uint8_t *frame, uint32_t length) {
  uint8_t bytes[8 * UINT8_MAX];
  uint32_t n = 0;
  for (unsigned i = 0; i < input->n_fields; i++)
    for (uint32_t j = 0, at = input->fields[i].offset; j < input->fields[i].length; j++, at++)
      bytes[n++] = at < length ? frame[at] : 0;
  return (uint16_t)(maestro_toeplitz(port->key, bytes, n) & (port->table_size - 1u));
}

uint16_t maestro_index(const struct maestro_port *port, const uint8_t *frame, uint32_t length) {
  const struct maestro_hash_input *by_bytes = bytes_of_class(port, frame, length);
  if (by_bytes != NULL) return index_of_bytes(port, by_bytes, frame, length);
  const struct maestro_hash_input *input = view(port, frame, length);
  if (input == NULL) return 0;
  uint8_t bytes[8 * UINT8_MAX];
  const uint32_t n = gather(port, input, frame, bytes);
  if (n == 0) return 0;
  return (uint16_t)(maestro_toeplitz(port->key, bytes, n) & (port->table_size - 1u));
}

static uint32_t input_length(const struct maestro_hash_input *input) {
  uint32_t n = 0;
  for (unsigned i = 0; i < input->n_fields; i++) n += input->fields[i].length;
  return n;
}

void maestro_steering_init(struct maestro_steering *steering, const struct maestro_port *port) {
  *steering = (struct maestro_steering){.port = port};
  const struct maestro_hash_input *inputs[] = {&port->l4, &port->l3, &port->l4v6, &port->l3v6};
  uint32_t longest = 0;
  for (unsigned i = 0; i < sizeof inputs / sizeof *inputs; i++) {
    const uint32_t length = input_length(inputs[i]);
    if (length > longest) longest = length;
  }
  for (unsigned i = 0; i < port->n_byte_inputs; i++) {
    const uint32_t length = input_length(&port->byte_inputs[i].input);
    if (length > longest) longest = length;
  }
  for (uint32_t i = 0; i < longest && i < MAESTRO_HASHER_BYTES; i++) {
    for (unsigned value = 0; value < 16; value++) {
      const uint8_t high = (uint8_t)(value << 4), low = (uint8_t)value;
      steering->hasher.nibbles[2 * i][value] = maestro_toeplitz(port->key + i, &high, 1);
      steering->hasher.nibbles[2 * i + 1][value] = maestro_toeplitz(port->key + i, &low, 1);
    }
  }
}

static uint16_t prepared_index_of_bytes(const struct maestro_steering *steering, const struct maestro_hash_input *input,
                                        const uint8_t *frame, uint32_t length) {
  const uint32_t(*row)[16] = steering->hasher.nibbles;
  uint32_t hash = 0;
  for (unsigned i = 0; i < input->n_fields; i++)
    for (uint32_t j = 0, at = input->fields[i].offset; j < input->fields[i].length; j++, at++, row += 2)
      if (at < length) hash ^= row[0][frame[at] >> 4] ^ row[1][frame[at] & 15];
  return (uint16_t)(hash & (steering->port->table_size - 1u));
}

uint16_t maestro_steering_index(const struct maestro_steering *steering, const uint8_t *frame, uint32_t length) {
  const struct maestro_port *port = steering->port;
  const struct maestro_hash_input *by_bytes = bytes_of_class(port, frame, length);
  if (by_bytes != NULL)
    return input_length(by_bytes) > MAESTRO_HASHER_BYTES ? index_of_bytes(port, by_bytes, frame, length)
                                                         : prepared_index_of_bytes(steering, by_bytes, frame, length);
  const struct maestro_hash_input *input = view(port, frame, length);
  if (input == NULL || input->n_fields == 0) return 0;
  if (port->function != MAESTRO_TOEPLITZ || input_length(input) > MAESTRO_HASHER_BYTES)
    return maestro_index(port, frame, length);
  const uint32_t(*row)[16] = steering->hasher.nibbles;
  uint32_t hash = 0;
  for (unsigned i = 0; i < input->n_fields; i++) {
    const uint8_t *bytes = frame + input->fields[i].offset;
    for (unsigned j = 0; j < input->fields[i].length; j++, row += 2)
      hash ^= row[0][bytes[j] >> 4] ^ row[1][bytes[j] & 15];
  }
  return (uint16_t)(hash & (port->table_size - 1u));
}

/* A NIC follows the header's length; what is behind the frame's end counts as zeros. */
void maestro_card_field(const struct maestro_card_input *input, unsigned field, const uint8_t *frame, uint32_t length,
                        uint8_t *bytes) {
  const unsigned n = input->fields[field].length;
  memset(bytes, 0, n);
  if (input->fields[field].base == MAESTRO_ZEROS) return;
  uint32_t start = input->fields[field].offset;
  if (input->fields[field].base == MAESTRO_FROM_L4) {
    const bool ipv6 = length > ETHERNET && be16(frame + 12) == 0x86DD;
    start += ETHERNET + (ipv6 ? IPV6_HEADER : length > ETHERNET ? 4u * (frame[ETHERNET] & 15u) : IPV4_MINIMUM);
  }
  for (unsigned i = 0; i < n && start + i < length; i++) bytes[i] = frame[start + i];
}

unsigned maestro_card_indices(const struct maestro_port *port, const struct maestro_card_class *class,
                              const uint8_t *frame, uint32_t length, uint16_t indices[2]) {
  for (unsigned k = 0; k < class->n_inputs; k++) {
    const struct maestro_card_input *input = &class->inputs[k];
    uint8_t bytes[8 * UINT8_MAX];
    uint32_t n = 0;
    for (unsigned i = 0; i < input->n_fields; i++) {
      maestro_card_field(input, i, frame, length, bytes + n);
      n += input->fields[i].length;
      if (i > 0 && input->fields[i - 1].mixed)
        mix(port->function, bytes + n - 2 * input->fields[i].length, input->fields[i].length);
    }
    indices[k] = (uint16_t)(maestro_toeplitz(port->key, bytes, n) & (port->table_size - 1u));
  }
  return class->n_inputs;
}
