/* Classic captures in memory.  Python reads captures by the same rules (maestro_tool/traffic). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "records.h"

static uint32_t word(const struct records *records, size_t at) {
  uint32_t value;
  memcpy(&value, records->bytes + at, sizeof value);
  return records->swapped ? __builtin_bswap32(value) : value;
}

/* NULL if there is a file header that all of it is true of; else what is wrong. */
static const char *check_header(struct records *records) {
  if (records->size == 0) return "it is empty (a capture without packets still has a header)";
  if (records->size >= 2 && memcmp(records->bytes, "\x1f\x8b", 2) == 0)
    return "it is packed by gzip: `maestro run` unpacks it, or gunzip";
  if (records->size < 4) return "it is not a capture";
  for (unsigned swapped = 0; swapped < 2; swapped++) {
    records->swapped = swapped;
    const uint32_t magic = word(records, 0);
    records->nanoseconds = magic == CLASSIC_NANOSECONDS;
    if (!records->nanoseconds && magic != CLASSIC_MICROSECONDS) continue;
    if (records->size < CLASSIC_FILE_HEADER) return "it ends within its header";
    const uint32_t version = word(records, 4), newest = records->swapped ? 2 << 16 | 4 : 4 << 16 | 2; /* two halves */
    if (version != newest) return "its pcap version is not 2.4: editcap -F pcap converts what Wireshark can read";
    const uint32_t snap_length = word(records, 16);
    records->snap_length = snap_length == 0 || snap_length > INT32_MAX ? UINT32_MAX : snap_length; /* as libpcap has it */
    /* Above are the length of a frame check sequence, and whether there is one. */
    if ((word(records, 20) & 0x03FFFFFF) != LINK_ETHERNET)
      return "its link type is not Ethernet: capture on an Ethernet interface, or convert it (tcprewrite --dlt=enet)";
    return NULL;
  }
  return "it is not a capture (unknown magic number): editcap -F pcap converts what Wireshark can read";
}

/* Like check_header, of all records; with the numbers in the error. */
static bool check_records(struct records *records, char *error, size_t size) {
  struct record record;
  while (records->at < records->size) {
    const uint64_t number = records->n + 1;
    if (records->size - records->at < CLASSIC_RECORD_HEADER) {
      snprintf(error, size, "it is truncated: it ends within the header of packet %" PRIu64, number);
      return false;
    }
    if (word(records, records->at + 8) > records->size - records->at - CLASSIC_RECORD_HEADER) {
      snprintf(error, size, "it is truncated: it ends within packet %" PRIu64, number);
      return false;
    }
    if (word(records, records->at + 4) >= (records->nanoseconds ? 1000000000 : 1000000)) {
      snprintf(error, size, "it is damaged: the fraction of packet %" PRIu64 "'s time is a second or more", number);
      return false;
    }
    (void)records_next(records, &record);
    if (record.captured > UINT16_MAX || record.length > UINT16_MAX) {
      snprintf(error, size, "frame %" PRIu64 " has %" PRIu32 " bytes, more than 65535: leave such frames out "
               "(tcpdump -r IN -w OUT less 65535)", number,
               record.length > record.captured ? record.length : record.captured);
      return false;
    }
    if (record.captured < record.length) {
      snprintf(error, size, "frame %" PRIu64 ": only %" PRIu32 " bytes of a frame of %" PRIu32 " were captured: "
               "capture whole frames (tcpdump -s 0)", number, record.captured, record.length);
      return false;
    }
    if (record.captured > records->snap_length) { /* libpcap would cut it */
      snprintf(error, size, "frame %" PRIu64 " has %" PRIu32 " bytes, more than the %" PRIu32 " that the file's header "
               "has as the longest: `maestro run` reads it, or editcap -F pcap converts it", number, record.captured,
               records->snap_length);
      return false;
    }
    records->n = number;
    if (record.captured > records->longest) records->longest = record.captured;
  }
  records_rewind(records);
  return true;
}

/* Maps a file; false, and errno says why. */
static bool map(struct records *records, int file) {
  struct stat status;
  if (fstat(file, &status) != 0) return false;
  if (!S_ISREG(status.st_mode)) {
    errno = S_ISDIR(status.st_mode) ? EISDIR : ESPIPE;
    return false;
  }
  records->size = (size_t)status.st_size;
  if (records->size == 0) return true; /* cannot be mapped */
  void *bytes = mmap(NULL, records->size, PROT_READ, MAP_PRIVATE, file, 0);
  if (bytes == MAP_FAILED) return false;
  records->bytes = bytes;
  return true;
}

/* Puts a classic capture in memory in the place of a pcapng.  Its file stays open as long as the program runs. */
static bool convert(struct records *records, char **name, char *error, size_t size) {
  const int file = memfd_create("capture", 0);
  FILE *classic = file < 0 ? NULL : fdopen(dup(file), "wb");
  bool good = classic != NULL;
  if (!good) snprintf(error, size, "no memory to convert it from pcapng: %m");
  good = good && pcapng_convert(records->bytes, records->size, classic, error, size);
  if (classic != NULL && fclose(classic) != 0 && good) {
    snprintf(error, size, "no memory to convert it from pcapng: %m");
    good = false;
  }
  records_close(records);
  if (good && (!map(records, file) || asprintf(name, "/proc/self/fd/%d", file) < 0)) {
    snprintf(error, size, "no memory to convert it from pcapng: %m");
    good = false;
  }
  return good;
}

bool records_open(struct records *records, const char *path, char **name, char *error, size_t size) {
  *records = (struct records){0};
  *name = NULL;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  const bool mapped = file >= 0 && map(records, file);
  if (!mapped) snprintf(error, size, "%m");
  if (file >= 0) close(file);
  if (!mapped) return false;
  if (records->size >= 4 && memcmp(records->bytes, "\n\r\r\n", 4) == 0 && !convert(records, name, error, size)) return false;
  const char *wrong = check_header(records);
  if (wrong != NULL) snprintf(error, size, "%s", wrong);
  if (wrong != NULL) return false;
  records_rewind(records);
  return check_records(records, error, size);
}

void records_rewind(struct records *records) {
  records->at = CLASSIC_FILE_HEADER;
  records->n_read = 0;
}

bool records_next(struct records *records, struct record *record) {
  if (records->at >= records->size) return false;
  const uint64_t seconds = word(records, records->at), fraction = word(records, records->at + 4);
  record->time = (int64_t)(seconds * 1000000000 + fraction * (records->nanoseconds ? 1 : 1000));
  record->captured = word(records, records->at + 8);
  record->length = word(records, records->at + 12);
  records->at += CLASSIC_RECORD_HEADER + (size_t)record->captured;
  records->n_read++;
  return true;
}

void records_close(struct records *records) {
  if (records->bytes != NULL) munmap((void *)(uintptr_t)records->bytes, records->size);
  *records = (struct records){0};
}
