/* The captures that net_pcap ports read and write, as EAL's --vdev arguments name them. */
#ifndef MAESTRO_CAPTURES_H
#define MAESTRO_CAPTURES_H

#include "program.h"
#include "records.h"

struct capture {
  char *device; /* net_pcap0 */
  char *path;
  int argument; /* of EAL */
  bool output;
  bool checked;  /* output: a file whose size tells whether all was written */
  uint16_t port; /* of a checked one */
  struct records records; /* of one that is read */
};

struct captures {
  struct capture *all;
  unsigned n;
  unsigned n_inputs;  /* that are read */
  uint64_t n_packets; /* in these */
  uint32_t longest;   /* bytes of a packet in these */
  uint64_t written[MAESTRO_MAX_PORTS]; /* bytes that the files of each port must have in all */
};

/* Finds the captures, before EAL empties those that are written: false after a message if one that is read is damaged
 * or has frames that are not whole, or one that is written is also named elsewhere.  `stats`: another file that is
 * written, or NULL.  pcapng is converted, and named in argv as what it becomes. */
bool captures_init(struct captures *captures, const struct maestro_nf *nf, int argc, char **argv, const char *stats);
/* What the port's first queue reads; NULL if that is no capture. */
struct capture *captures_of_port(struct captures *captures, uint16_t id);
/* Before the ports are stopped: notes what was sent. */
void captures_note(struct captures *captures, const struct program *program);
/* After they are closed: false after a message if a capture has not all of it.  libpcap drops errors of writing. */
bool captures_complete(const struct captures *captures, const struct maestro_nf *nf);
void captures_destroy(struct captures *captures);

#endif
