/* Steering, prepared for speed: the Toeplitz hash of a port by table look-up. */
#ifndef MAESTRO_STEERING_H
#define MAESTRO_STEERING_H

#include "maestro.h"

#define MAESTRO_HASHER_BYTES 36 /* longest input that is prepared: addresses and ports of IPv6 */

/* For each half byte of the input: what each of its values adds (by XOR) to the hash.  Stays in the L1 cache: 1.5 KB are
 * used of IPv4 addresses and ports, 4.5 KB of those of IPv6. */
struct maestro_hasher {
  uint32_t nibbles[2 * MAESTRO_HASHER_BYTES][16];
};

struct maestro_steering {
  const struct maestro_port *port;
  struct maestro_hasher hasher;
};

void maestro_steering_init(struct maestro_steering *steering, const struct maestro_port *port);
/* The same as maestro_index(steering->port, frame, length). */
uint16_t maestro_steering_index(const struct maestro_steering *steering, const uint8_t *frame, uint32_t length);

/* The bytes of a field of what a card hashes (maestro_card_indices), as many as it has. */
void maestro_card_field(const struct maestro_card_input *input, unsigned field, const uint8_t *frame, uint32_t length,
                        uint8_t *bytes);

#endif
