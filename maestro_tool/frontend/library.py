"""What functions do that the NF calls but does not define, as far as an order of evaluation could show it.

Functions that perform operations on state do what their rows say (`operations`).  All others that our headers declare
are in one table here; what is in neither may do anything.  An effect that is left out would accept programs whose
result the compiler decides, so in doubt there is one too many.

Places are names: ``*`` for memory that pointers lead to; those in parentheses for what is behind functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from maestro_tool.operations import OPERATIONS, Operation
from maestro_tool.operations.row import Arguments, Effect

MEMORY: Final = "*"
OBJECTS: Final = "(objects)"  # maps, vectors ...: which there are, and what is in them
_CURSOR: Final = "(cursor)"  # how much of the frame was borrowed
_FILES: Final = "(files)"  # what was read and written so far, in which order
_HEAP: Final = "(heap)"
_RANDOM: Final = "(random)"
_CLOCK: Final = "(clock)"  # two looks at it differ
ERRNO: Final = "(errno)"

PLACES: Final = frozenset({MEMORY, OBJECTS, _CURSOR, _FILES, _HEAP, _RANDOM, _CLOCK, ERRNO})

#: Functions of the NF whose address is known, that a call may run: those that return something (the key functions of a
#: map, a comparison), or all of them.
Calls = Literal["none", "answering", "any"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """``reads``, ``writes``: what these arguments (counted from 0) point to.  ``keeps``: it stores or returns one of
    them.  ``uses``, ``changes``: other places; what is changed counts as used."""

    reads: tuple[int, ...] = ()
    writes: tuple[int, ...] = ()
    keeps: bool = False
    uses: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    calls: Calls = "none"


def behaviour(name: str) -> Behaviour | None:
    """What the function does; None: anything."""
    plain = name.removeprefix("__builtin_")
    found = _FUNCTIONS.get(plain)
    if found is None and plain != name:
        return _CALCULATES  # other built-in functions are instructions
    return found


#: Kinds of objects that call none of the NF's functions, and those of which nothing lies where the NF has pointers to.
_WITHOUT_FUNCTIONS: Final = frozenset({"vector", "dchain", "lpm", "global"})
_OUT_OF_REACH: Final = frozenset({"dchain", "sketch", "lpm", "dmap"})


def _performs(op: Operation, arguments: Arguments) -> Behaviour:
    """What a function does that performs an operation.

    One that lends memory does nothing to the object itself: the operation is what the NF does there, and that is seen.
    """
    calls: Calls = "none"
    uses, changes = frozenset[str](), frozenset[str]()
    if not arguments.lends:
        uses = frozenset({OBJECTS})
        changes = uses if op.writes else changes
        kinds = {o.kind for o in op.objects} if op.effect is not Effect.SIZE else set()
        if not kinds <= _OUT_OF_REACH:
            uses |= {MEMORY}
        if any(o.writes and o.kind == "vector" for o in op.objects):
            changes |= {MEMORY}
        if not kinds <= _WITHOUT_FUNCTIONS:
            # Double maps also copy and destroy values by functions that return nothing; to look up, they only compare.
            calls = "any" if "dmap" in kinds and op.effect is not Effect.GET else "answering"
    return Behaviour(arguments.reads, arguments.writes, arguments.keeps, uses, changes, calls)


def _does(
    names: str,
    reads: Iterable[int] = (),
    writes: Iterable[int] = (),
    *,
    keeps: bool = False,
    uses: Iterable[str] = (),
    changes: Iterable[str] = (),
    calls: Calls = "none",
) -> dict[str, Behaviour]:
    found = Behaviour(tuple(reads), tuple(writes), keeps, frozenset(uses), frozenset(changes), calls)
    return dict.fromkeys(names.split(), found)


_CALCULATES: Final = Behaviour()
_MOST_ARGUMENTS: Final = 127  # C11 5.2.4.1


def _from(first: int) -> range:
    """All arguments from ``first`` on."""
    return range(first, _MOST_ARGUMENTS)


_STREAM: Final = (_FILES, ERRNO)

_LIBRARY: Final[Mapping[str, Behaviour]] = {
    # ----------------------------------------------------------------- numbers
    **_does(
        "abs labs llabs htons htonl ntohs ntohl toupper tolower isdigit isspace isalpha isalnum isupper islower "
        "isxdigit isprint ispunct isgraph isblank iscntrl "
        "rte_bswap16 rte_bswap32 rte_bswap64 rte_cpu_to_be_16 rte_cpu_to_be_32 rte_cpu_to_be_64 "
        "rte_be_to_cpu_16 rte_be_to_cpu_32 rte_be_to_cpu_64 rte_cpu_to_le_16 rte_cpu_to_le_32 rte_cpu_to_le_64 "
        "rte_le_to_cpu_16 rte_le_to_cpu_32 rte_le_to_cpu_64"
    ),
    # Of calculations that set-up does, errno says nothing: their models do not fail (`symex.models.library`).
    **_does("ceil floor round trunc sqrt fabs exp log log2 log10 pow fmin fmax fmod"),
    **_does("rand random srand srandom", changes=(_RANDOM,)),
    **_does("rte_jhash rte_jhash_32b rte_hash_crc", (0,)),
    **_does(
        "rte_jhash_1word rte_jhash_2words rte_jhash_3words "
        "rte_hash_crc_1byte rte_hash_crc_2byte rte_hash_crc_4byte rte_hash_crc_8byte"
    ),
    # ----------------------------------------------------------------- memory
    **_does("memcpy memmove rte_memcpy", (1,), (0,), keeps=True),  # the result is the first argument
    **_does("memset", (), (0,), keeps=True),
    **_does("bzero", (), (0,)),
    **_does("memcmp bcmp", (0, 1)),
    **_does("memchr strchr strrchr", (0,), keeps=True),
    **_does("malloc calloc rte_malloc rte_zmalloc", changes=(_HEAP, ERRNO)),
    # What was there must not be used afterwards.
    **_does("realloc", (0,), (0,), keeps=True, changes=(_HEAP, MEMORY, ERRNO)),
    **_does("free rte_free", (), (0,), changes=(_HEAP, MEMORY)),
    **_does("qsort", (0,), (0,), calls="answering"),
    # ----------------------------------------------------------------- text
    **_does("strlen strnlen", (0,)),
    **_does("strcmp strncmp strcasecmp strncasecmp strspn strcspn", (0, 1)),
    **_does("strstr strpbrk", (0, 1), keeps=True),
    **_does("strcpy strncpy", (1,), (0,), keeps=True),
    **_does("strcat strncat", (0, 1), (0,), keeps=True),
    **_does("strdup", (0,), changes=(_HEAP, ERRNO)),
    # They remember where they were in the text, and write there.
    **_does("strtok strtok_r", (0, 1, 2), (0, 2), keeps=True, changes=(MEMORY,)),
    **_does("strerror"),
    **_does("atoi atol atoll atof", (0,), changes=(ERRNO,)),
    **_does(
        "strtol strtoul strtoll strtoull strtoimax strtoumax strtod", (0,), (1,), keeps=True, changes=(ERRNO,)
    ),
    **_does("sprintf snprintf", _from(0), (0,), changes=(ERRNO,)),
    **_does("vsprintf", (0, 1, 2), (0, 2), uses=(MEMORY,), changes=(ERRNO,)),
    **_does("vsnprintf", (0, 2, 3), (0, 3), uses=(MEMORY,), changes=(ERRNO,)),
    **_does("sscanf", (0, 1), _from(2), changes=(ERRNO,)),
    **_does("inet_pton", (1,), (2,), changes=(ERRNO,)),
    **_does("inet_aton", (0,), (1,)),
    **_does("inet_addr", (0,)),
    **_does("nf_parse_etheraddr nf_parse_ipv4addr nf_parse_port nf_parse_proto nf_parse_device", (0,), (1,),
            changes=(ERRNO,)),
    **_does("nf_util_parse_int", (0, 1), changes=(_FILES, ERRNO), calls="any"),  # may end the program
    **_does("nf_mac_to_str", (0,), changes=(ERRNO,)),  # each text is memory of its own
    **_does("nf_rte_ipv4_to_str", changes=(ERRNO,)),
    # ----------------------------------------------------------------- files, output and the environment
    **_does("printf rte_log puts putchar fputs fputc fwrite fprintf fflush", _from(0), changes=_STREAM),
    **_does("vprintf", (0, 1), (1,), uses=(MEMORY,), changes=_STREAM),  # the list goes on
    **_does("vfprintf", (0, 1, 2), (2,), uses=(MEMORY,), changes=_STREAM),
    **_does("perror", (0,), changes=_STREAM),
    **_does("nf_log_pkt", (0, 1, 2), changes=_STREAM),
    **_does("fopen", (0, 1), changes=(*_STREAM, _HEAP)),
    **_does("fclose", (0,), (0,), changes=(*_STREAM, _HEAP)),
    **_does("fgetc getc ungetc feof ferror rewind fseek ftell", changes=_STREAM),
    **_does("fgets", (), (0,), keeps=True, changes=_STREAM),
    **_does("fread", (), (0,), changes=_STREAM),
    **_does("getline", (0, 1), (0, 1), changes=(*_STREAM, _HEAP, MEMORY)),  # into the memory that the first leads to
    **_does("fscanf", (1,), _from(2), changes=_STREAM),
    **_does("getenv", (0,)),
    # Also optarg, optind ..., and flags that the options name.
    **_does("getopt getopt_long", (1, 2, 3, 4), (1, 4), keeps=True, changes=(*_STREAM, MEMORY)),
    # ----------------------------------------------------------------- the process
    # Nothing is behind the end, but functions that `atexit` was given, and what was printed before.
    **_does("exit _exit rte_exit", _from(1), changes=(_FILES,), calls="any"),
    # Which condition failed first is all that is left to tell.
    **_does("abort rte_panic maestro_assert_failed __assert_fail __assert"),
    **_does("atexit", keeps=True, changes=(_FILES,)),
    # ----------------------------------------------------------------- time
    **_does("current_time recent_time rte_get_tsc_hz"),  # they stand still while a packet is handled
    **_does("rte_get_tsc_cycles", changes=(_CLOCK,)),
    **_does("time", (), (0,), changes=(_CLOCK,)),
    **_does("clock_gettime", (), (1,), changes=(_CLOCK, ERRNO)),
    **_does("gettimeofday", (), (0, 1), changes=(_CLOCK, ERRNO)),
    **_does("sleep usleep", changes=(_CLOCK, ERRNO)),
    # ----------------------------------------------------------------- the machine
    **_does("rte_eth_dev_count_avail rte_eth_dev_is_valid_port rte_socket_id rte_eth_dev_socket_id rte_lcore_id"),
    **_does("rte_eth_macaddr_get", (), (1,)),
    **_does("rte_prefetch0 rte_prefetch1 rte_prefetch2 rte_prefetch_non_temporal __sync_synchronize vigor_note"),
    **_does("concretize_devices", (0,), (0,)),
    # ----------------------------------------------------------------- the packet
    **_does("packet_state_total_length", (1,), keeps=True, changes=(_CURSOR,)),
    **_does("packet_get_unread_length packet_get_chunk_length nf_get_borrowed_chunk", uses=(_CURSOR,)),
    **_does("packet_borrow_next_chunk", (), (2,), changes=(_CURSOR,)),
    **_does("packet_return_chunk nf_return_chunk nf_return_all_chunks", changes=(_CURSOR,)),
    **_does("nf_borrow_next_chunk nf_then_get_rte_ether_header", changes=(_CURSOR,)),
    **_does(
        "nf_then_get_rte_ipv4_header nf_then_get_tcpudp_header nf_then_get_tcp_header nf_then_get_udp_header",
        (0,), changes=(_CURSOR,),
    ),
    **_does("nf_then_get_rte_ipv4_header_with_options", (0,), (2,), uses=(MEMORY,), changes=(_CURSOR,)),
    **_does("nf_has_rte_ipv4_header nf_has_tcpudp_header nf_has_tcp_header nf_has_udp_header", (0,)),
    # The frame moves, and pointers into it with it.
    **_does("nf_shrink_chunk nf_insert_new_chunk", (0, 2), (0, 2), changes=(_CURSOR, MEMORY)),
    **_does("packet_shrink_chunk", (0, 2, 4), (0, 2, 4), changes=(_CURSOR, MEMORY)),
    **_does("packet_insert_new_chunk", (0, 2, 3, 4), (0, 2, 3, 4), changes=(_CURSOR, MEMORY)),
    **_does("maestro_mbuf_data", (0,), keeps=True),
    **_does("rte_pktmbuf_adj rte_pktmbuf_prepend", (0,), (0,), keeps=True, changes=(MEMORY,)),
    **_does("rte_pktmbuf_trim", (0,), (0,), changes=(MEMORY,)),
    # Whose members helpers of XDP read and write.
    **_does("maestro_xdp_begins", keeps=True, changes=(MEMORY,)),
    **_does("maestro_xdp_context", uses=(MEMORY,)),
    **_does("rte_ipv4_cksum rte_raw_cksum", (0,)),
    **_does("rte_ipv4_udptcp_cksum", (0, 1), uses=(MEMORY,)),
    **_does("nf_set_rte_ipv4_udptcp_checksum", (0, 1), (0, 1), uses=(MEMORY, _CURSOR)),
    # ----------------------------------------------------------------- objects, where set-up makes them
    **_does("map_allocate sketch_allocate", (), (3,), changes=(OBJECTS,)),
    **_does("vector_allocate", (), (3,), changes=(OBJECTS, MEMORY), calls="any"),
    **_does("dchain_allocate", (), (1,), changes=(OBJECTS,)),
    **_does("dmap_allocate", (), (11,), changes=(OBJECTS,)),
    **_does("lpm_allocate", (), (0,), changes=(OBJECTS,)),
    **_does("cht_fill_cht", changes=(OBJECTS, MEMORY)),
    **_does("lpm_free", changes=(OBJECTS,)),
}  # fmt: skip

_FUNCTIONS: Final[Mapping[str, Behaviour]] = {
    **_LIBRARY,
    **{name: _performs(op, arguments) for op in OPERATIONS.values() for name, arguments in op.functions.items()},
}
