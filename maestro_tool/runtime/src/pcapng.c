/* pcapng (draft-ietf-opsawg-pcapng) as a classic capture.  libpcap, which net_pcap reads by, refuses files whose
 * interfaces differ, and then net_pcap says nothing; simple blocks have no time there.  The rules are those of
 * maestro_tool/traffic/pcapng.py. */
#include <inttypes.h>
#include <string.h>

#include "records.h"

enum { INTERFACE = 1, OBSOLETE = 2, SIMPLE = 3, ENHANCED = 6, MAX_INTERFACES = 4096 };
enum { OPTION_RESOLUTION = 9, OPTION_OFFSET = 14 };
#define SECTION UINT32_C(0x0A0D0D0A)
#define BYTE_ORDER_MAGIC UINT32_C(0x1A2B3C4D)
#define SECOND INT64_C(1000000000)

struct interface {
  uint32_t snap_length; /* 0: none */
  int64_t offset;       /* seconds */
  uint16_t link;
  uint8_t resolution; /* as the option has it */
};

struct reader {
  const uint8_t *bytes;
  FILE *classic;
  char *error;
  size_t error_size;
  int64_t time; /* of the packet before */
  uint64_t n_packets;
  unsigned n_interfaces;
  bool swapped;
  struct interface interfaces[MAX_INTERFACES]; /* of the section */
};

#define FAIL(reader, ...) (snprintf((reader)->error, (reader)->error_size, __VA_ARGS__), false)

static uint32_t word(const struct reader *reader, size_t at) {
  uint32_t value;
  memcpy(&value, reader->bytes + at, sizeof value);
  return reader->swapped ? __builtin_bswap32(value) : value;
}

static uint16_t half(const struct reader *reader, size_t at) {
  uint16_t value;
  memcpy(&value, reader->bytes + at, sizeof value);
  return reader->swapped ? __builtin_bswap16(value) : value;
}

/* False if it is not a time that classic captures have: 1970 to 2106. */
static bool to_nanoseconds(const struct interface *interface, uint64_t ticks, int64_t *time) {
  unsigned __int128 value = (unsigned __int128)ticks * SECOND;
  if ((interface->resolution & 0x80) != 0) {
    value >>= interface->resolution & 0x7F;
  } else {
    for (unsigned i = 0; i < interface->resolution && value > 0; i++) value /= 10;
  }
  const __int128 result = (__int128)value + (__int128)interface->offset * SECOND;
  if (result < 0 || result >= ((__int128)SECOND << 32)) return false;
  *time = (int64_t)result;
  return true;
}

static bool described(struct reader *reader, size_t body, size_t end) {
  if (reader->n_interfaces == MAX_INTERFACES) return FAIL(reader, "it has more than %d interfaces", MAX_INTERFACES);
  struct interface *interface = &reader->interfaces[reader->n_interfaces++];
  *interface = (struct interface){.link = half(reader, body), .snap_length = word(reader, body + 4), .resolution = 6};
  for (size_t at = body + 8; at + 4 <= end;) {
    const uint16_t code = half(reader, at), length = half(reader, at + 2);
    at += 4;
    if (code == 0) break;
    if (length > end - at) return FAIL(reader, "option %u of an interface is cut", code);
    if (code == OPTION_RESOLUTION && length == 1) interface->resolution = reader->bytes[at];
    if (code == OPTION_OFFSET && length == 8) {
      const uint64_t first = word(reader, at), second = word(reader, at + 4);
      /* Words are swapped where they are; which is the low one depends on the file's byte order. */
      const bool big = reader->swapped == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
      interface->offset = (int64_t)(big ? first << 32 | second : second << 32 | first);
    }
    at += (length + 3u) / 4 * 4;
  }
  return true;
}

static bool packet(struct reader *reader, uint32_t number, bool timed, uint64_t ticks, uint32_t captured,
                   uint32_t length, size_t start, size_t end) {
  const uint64_t frame = ++reader->n_packets;
  if (number >= reader->n_interfaces)
    return FAIL(reader, "frame %" PRIu64 " is of interface %" PRIu32 ", which the section does not describe before it",
                frame, number);
  const struct interface *interface = &reader->interfaces[number];
  if (captured > end - start) return FAIL(reader, "it is damaged: frame %" PRIu64 " is longer than its block", frame);
  if (interface->link != LINK_ETHERNET)
    return FAIL(reader, "frame %" PRIu64 " (interface %" PRIu32 "): its link type %u is not Ethernet (1): leave such "
                "frames out (tshark -r IN -Y 'frame.interface_id != %" PRIu32 "' -F pcap -w OUT)",
                frame, number, interface->link, number);
  if (timed && !to_nanoseconds(interface, ticks, &reader->time))
    return FAIL(reader, "frame %" PRIu64 ": its time is not between 1970 and 2106", frame);
  /* Without a time, it came after the one before it. */
  const uint32_t header[] = {(uint32_t)(reader->time / SECOND), (uint32_t)(reader->time % SECOND), captured, length};
  fwrite(header, sizeof header, 1, reader->classic);
  fwrite(reader->bytes + start, 1, captured, reader->classic);
  return true;
}

/* The byte order of a section, from the magic in its header. */
static bool enter_section(struct reader *reader, size_t at, size_t left) {
  if (left < 28) return FAIL(reader, "it is truncated: it ends within a section header");
  reader->n_interfaces = 0;
  reader->swapped = false;
  if (word(reader, at + 8) != BYTE_ORDER_MAGIC) reader->swapped = true;
  if (word(reader, at + 8) != BYTE_ORDER_MAGIC)
    return FAIL(reader, "it is damaged: a section header has no byte-order magic");
  if (half(reader, at + 12) != 1) return FAIL(reader, "its pcapng version %u is not known, only 1 is", half(reader, at + 12));
  return true;
}

static bool block(struct reader *reader, uint32_t kind, size_t body, size_t end) {
  static const uint8_t NEEDED[] = {[INTERFACE] = 8, [OBSOLETE] = 20, [SIMPLE] = 4, [ENHANCED] = 20};
  if (kind == SECTION) return true;
  if (kind < sizeof NEEDED && end - body < NEEDED[kind])
    return FAIL(reader, "it is damaged: a block of type %" PRIu32 " has no room for its fields", kind);
  if (kind == INTERFACE) return described(reader, body, end);
  if (kind == SIMPLE) {
    const uint32_t length = word(reader, body);
    const uint32_t most = reader->n_interfaces > 0 ? reader->interfaces[0].snap_length : 0;
    return packet(reader, 0, false, 0, most != 0 && most < length ? most : length, length, body + 4, end);
  }
  if (kind != ENHANCED && kind != OBSOLETE) return true;
  const uint32_t number = kind == ENHANCED ? word(reader, body) : half(reader, body);
  const uint64_t ticks = (uint64_t)word(reader, body + 4) << 32 | word(reader, body + 8);
  return packet(reader, number, true, ticks, word(reader, body + 12), word(reader, body + 16), body + 20, end);
}

static bool blocks(struct reader *reader, size_t size) {
  for (size_t at = 0; at < size;) {
    const size_t left = size - at;
    if (left < 12) return FAIL(reader, "it is truncated: it ends within the header of a block");
    const uint32_t kind = word(reader, at);
    if (kind == SECTION && !enter_section(reader, at, left)) return false;
    const uint32_t length = word(reader, at + 4);
    if (length < (kind == SECTION ? 28 : 12) || length % 4 != 0)
      return FAIL(reader, "it is damaged: %" PRIu32 " at byte %zu is no length of a block", length, at + 4);
    if (length > left) return FAIL(reader, "it is truncated: the block at byte %zu has %zu of %" PRIu32 " bytes", at, left, length);
    if (word(reader, at + length - 4) != length)
      return FAIL(reader, "it is damaged: the block at byte %zu has two lengths", at);
    if (!block(reader, kind, at + 8, at + length - 4)) return false;
    at += length;
  }
  return true;
}

bool pcapng_convert(const uint8_t *bytes, size_t size, FILE *classic, char *error, size_t error_size) {
  static struct reader reader; /* large; captures are opened one after the other */
  reader = (struct reader){.bytes = bytes, .classic = classic, .error = error, .error_size = error_size};
  const struct {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, figures, snap_length, link;
  } header = {CLASSIC_NANOSECONDS, 2, 4, 0, 0, UINT16_MAX, LINK_ETHERNET};
  _Static_assert(sizeof header == CLASSIC_FILE_HEADER, "no padding");
  fwrite(&header, sizeof header, 1, classic);
  if (!blocks(&reader, size)) return false;
  if (!ferror(classic)) return true;
  snprintf(error, error_size, "no memory to convert it from pcapng");
  return false;
}
