/* The packets of a capture, one after the other: their exact times, which net_pcap rounds, and whether all are whole. */
#ifndef MAESTRO_RECORDS_H
#define MAESTRO_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct record {
  int64_t time;      /* nanoseconds */
  uint32_t captured; /* bytes */
  uint32_t length;   /* of the frame */
};

/* A classic capture in memory. */
struct records {
  const uint8_t *bytes; /* NULL: none */
  size_t size, at;
  uint64_t n;       /* in all */
  uint64_t n_read;  /* by records_next */
  uint32_t longest; /* frame */
  uint32_t snap_length; /* that the header says */
  bool swapped, nanoseconds;
};

/* Maps the file and looks at all of it.  pcapng is converted: then `name` becomes that of a file that has it as a classic
 * capture (to be freed).  False, and the error says why, if it is damaged, or not all frames are whole Ethernet frames. */
bool records_open(struct records *records, const char *path, char **name, char *error, size_t error_size);
/* False at the end. */
bool records_next(struct records *records, struct record *record);
void records_rewind(struct records *records);
void records_close(struct records *records);

/* pcapng.c: writes the packets of pcapng as a classic capture with nanoseconds; false, and the error says why. */
bool pcapng_convert(const uint8_t *bytes, size_t size, FILE *classic, char *error, size_t error_size);

#define CLASSIC_NANOSECONDS UINT32_C(0xA1B23C4D)
#define CLASSIC_MICROSECONDS UINT32_C(0xA1B2C3D4)
enum { CLASSIC_FILE_HEADER = 24, CLASSIC_RECORD_HEADER = 16, LINK_ETHERNET = 1 };

#endif
