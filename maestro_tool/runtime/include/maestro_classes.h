/* Packet classes, written by tests/vocabulary/tables.py from maestro_tool/packet/classes.py: do not edit. */
#ifndef MAESTRO_CLASSES_H
#define MAESTRO_CLASSES_H

/* Numbered for bit masks; see docs/architecture.md. */
enum maestro_class {
  MAESTRO_TCP4,               /* IPv4 without options (IHL = 5) with TCP */
  MAESTRO_UDP4,               /* the same with UDP */
  MAESTRO_SCTP4,              /* the same with SCTP */
  MAESTRO_IPV4_OTHER,         /* the same with any other protocol */
  MAESTRO_TCP4_OPTIONS,       /* IPv4 with options (IHL > 5) and TCP */
  MAESTRO_UDP4_OPTIONS,       /* the same with UDP */
  MAESTRO_SCTP4_OPTIONS,      /* the same with SCTP */
  MAESTRO_IPV4_OPTIONS_OTHER, /* the same with any other protocol */
  MAESTRO_IPV4_FRAGMENT,      /* IPv4 with more fragments to come, or an offset */
  MAESTRO_TCP6,               /* IPv6 with TCP behind the fixed header */
  MAESTRO_UDP6,               /* the same with UDP */
  MAESTRO_SCTP6,              /* the same with SCTP */
  MAESTRO_IPV6_OTHER,         /* the same with any other next header */
  MAESTRO_IPV6_FRAGMENT,      /* IPv6 with a fragment header behind the fixed one */
  MAESTRO_VLAN,               /* a tag of 802.1Q, 802.1ad or QinQ, whatever follows */
  MAESTRO_NON_IP,             /* any other EtherType */
  MAESTRO_MALFORMED,          /* all else: cut short (L4 headers, too), or IP with a wrong version, IHL or length */
  MAESTRO_N_CLASSES
};

/* Initialisers of an array by class: {version of IP, number of the protocol above it}; 0: not told by the class. */
#define MAESTRO_CLASS_HEADERS \
  [MAESTRO_TCP4] = {4, 6}, \
  [MAESTRO_UDP4] = {4, 17}, \
  [MAESTRO_SCTP4] = {4, 132}, \
  [MAESTRO_IPV4_OTHER] = {4, 0}, \
  [MAESTRO_TCP4_OPTIONS] = {4, 6}, \
  [MAESTRO_UDP4_OPTIONS] = {4, 17}, \
  [MAESTRO_SCTP4_OPTIONS] = {4, 132}, \
  [MAESTRO_IPV4_OPTIONS_OTHER] = {4, 0}, \
  [MAESTRO_IPV4_FRAGMENT] = {4, 0}, \
  [MAESTRO_TCP6] = {6, 6}, \
  [MAESTRO_UDP6] = {6, 17}, \
  [MAESTRO_SCTP6] = {6, 132}, \
  [MAESTRO_IPV6_OTHER] = {6, 0}, \
  [MAESTRO_IPV6_FRAGMENT] = {6, 0}, \
  [MAESTRO_VLAN] = {0, 0}, \
  [MAESTRO_NON_IP] = {0, 0}, \
  [MAESTRO_MALFORMED] = {0, 0}

/* The same of their names in plan.json. */
#define MAESTRO_CLASS_NAMES \
  [MAESTRO_TCP4] = "tcp4", \
  [MAESTRO_UDP4] = "udp4", \
  [MAESTRO_SCTP4] = "sctp4", \
  [MAESTRO_IPV4_OTHER] = "ipv4_other", \
  [MAESTRO_TCP4_OPTIONS] = "tcp4_options", \
  [MAESTRO_UDP4_OPTIONS] = "udp4_options", \
  [MAESTRO_SCTP4_OPTIONS] = "sctp4_options", \
  [MAESTRO_IPV4_OPTIONS_OTHER] = "ipv4_options_other", \
  [MAESTRO_IPV4_FRAGMENT] = "ipv4_fragment", \
  [MAESTRO_TCP6] = "tcp6", \
  [MAESTRO_UDP6] = "udp6", \
  [MAESTRO_SCTP6] = "sctp6", \
  [MAESTRO_IPV6_OTHER] = "ipv6_other", \
  [MAESTRO_IPV6_FRAGMENT] = "ipv6_fragment", \
  [MAESTRO_VLAN] = "vlan", \
  [MAESTRO_NON_IP] = "non_ip", \
  [MAESTRO_MALFORMED] = "malformed"

#endif
