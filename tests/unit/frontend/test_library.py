"""What functions without a body do: each one that the headers declare is known, and no effect is too small."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from maestro_tool import frontend
from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.frontend import Compilation, effects, load_program
from maestro_tool.frontend.generated import units
from maestro_tool.frontend.library import ERRNO, MEMORY, OBJECTS, behaviour
from maestro_tool.frontend.parse import c_ast
from maestro_tool.operations import OPERATIONS
from maestro_tool.symex.models import MBUFS, PACKET, SETUP

HEADERS = Path(frontend.__file__).parent / "headers"


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Declaration of every function of the headers that they do not define."""
    headers = sorted(p.relative_to(HEADERS).as_posix() for p in HEADERS.rglob("*.h"))
    text = "".join((HEADERS / h).read_text(encoding="utf-8") for h in headers)
    names = sorted(set(re.findall(r"^(?!typedef|static|return)\w[\w *]*?[ *](\w+)\(", text, re.MULTILINE)))
    source = tmp_path_factory.mktemp("all") / "all.c"
    includes = "".join(f'#include "{h}"\n' for h in headers)
    # Those that no text names are pruned.
    source.write_text(includes + "void *all[] = {" + ", ".join(f"({n})" for n in names) + "};\n", encoding="utf-8")
    (unit,) = units([source], Compilation()).units
    nodes = unit.tree.ext
    return {n.name: n for n in nodes if isinstance(n, c_ast.Decl) and isinstance(n.type, c_ast.FuncDecl)}


def test_each_declared_function_is_known(declared: dict[str, Any]) -> None:
    assert len(declared) > 200
    unknown = {n for n in declared if behaviour(n) is None}
    defined = {"nf_init", "nf_config_init", "nf_config_usage", "nf_config_print"}  # by the NF
    assert unknown == defined | _not_offered()


def _not_offered() -> set[str]:
    """Functions of mbufs and of XDP that are only declared, so that their use is told by name."""
    parts = [
        (HEADERS / f"maestro_{name}.h").read_text().partition("/* Not supported") for name in ("mbuf", "xdp_context")
    ]
    found = {name for _, _, text in parts for name in re.findall(r"^\w.*?((?:rte|bpf)_\w+)\(.*;", text, re.MULTILINE)}
    assert len(found) > 10
    return found


def test_each_function_that_is_modelled_is_known() -> None:
    assert {n for n in MBUFS.keys() | PACKET.keys() | SETUP.keys() if behaviour(n) is None} == set()


#: Parameters that are not followed: prefetched, printed by a program that ends, or by a model that reads no memory.
NOT_FOLLOWED = {"rte_prefetch0", "rte_prefetch1", "rte_prefetch2", "rte_prefetch_non_temporal", "maestro_assert_failed"}


def test_the_effects_are_those_that_the_prototypes_allow(declared: dict[str, Any]) -> None:
    """What points to constants is read and never written; all arguments that are named are pointers."""
    followed = 0
    for name, node in declared.items():
        found = behaviour(name)
        params = node.type.args.params if node.type.args is not None else []
        if found is None:
            continue
        variadic = any(isinstance(p, c_ast.EllipsisParam) for p in params)
        for i, param in enumerate(params):
            pointer = isinstance(getattr(param, "type", None), c_ast.PtrDecl | c_ast.ArrayDecl)
            if pointer and isinstance(param.type.type, c_ast.TypeDecl) and "const" in param.type.type.quals:
                assert i not in found.writes, (name, i)
                assert i in found.reads or name in NOT_FOLLOWED | {"rte_malloc", "rte_zmalloc", "rte_exit"}, (name, i)
                followed += 1
            listed = isinstance(param, c_ast.EllipsisParam) or "va_list" in getattr(
                getattr(getattr(param, "type", None), "type", None), "names", ()
            )
            if not (pointer or listed or variadic or len(found.reads) > 50):
                assert i not in found.reads and i not in found.writes, (name, i)
    assert followed > 60


#: Pointers to what is not constant, and is read all the same; ``-``: not even read, as the frame, which the cursor has.
NOT_WRITTEN = """
    maestro_xdp_begins -0
    dmap_get_a 1  dmap_get_b 1  dmap_put 1  map_erase 1  map_get 1  map_put 1  sketch_compute_hashes 1
    nf_has_rte_ipv4_header 0  nf_has_tcp_header 0  nf_has_tcpudp_header 0  nf_has_udp_header 0  nf_mac_to_str 0
    nf_log_pkt 0  nf_log_pkt 1  nf_log_pkt 2  nf_then_get_rte_ipv4_header 0  nf_then_get_rte_ipv4_header_with_options 0
    nf_then_get_tcp_header 0  nf_then_get_tcpudp_header 0  nf_then_get_udp_header 0  packet_state_total_length 1
    nf_borrow_next_chunk -0  nf_return_all_chunks -0  nf_return_chunk -0  nf_set_rte_ipv4_udptcp_checksum -2
    nf_then_get_rte_ether_header -0  nf_then_get_rte_ipv4_header -1  nf_then_get_rte_ipv4_header_with_options -1
    nf_then_get_tcp_header -1  nf_then_get_tcpudp_header -1  nf_then_get_udp_header -1  packet_borrow_next_chunk -0
    packet_get_chunk_length -0  packet_get_chunk_length -1  packet_get_unread_length -0  packet_return_chunk -0
    packet_return_chunk -1  packet_state_total_length -0  vector_return -2
"""
#: Of opaque objects; what is done to them is no matter of memory.
HANDLES = {"Map", "Vector", "DoubleChain", "DoubleMap", "Sketch", "lpm", "rte_mbuf", "FILE"}


def test_other_pointers_are_written_through(declared: dict[str, Any]) -> None:
    found = set()
    for name, node in declared.items():
        effect = behaviour(name)
        for i, param in enumerate(node.type.args.params if effect and node.type.args is not None else []):
            pointer = getattr(param, "type", None)
            pointee = getattr(pointer, "type", None)
            if not isinstance(pointer, c_ast.PtrDecl | c_ast.ArrayDecl) or isinstance(pointee, c_ast.FuncDecl):
                continue
            if isinstance(pointee, c_ast.TypeDecl):
                type_ = getattr(pointee.type, "names", None) or [pointee.type.name]
                function = re.search("equality|hash|init_elem|copy|destr|keys", type_[0])
                if "const" in pointee.quals or type_[0] in HANDLES or function:
                    continue
            if effect is not None and i not in effect.writes:
                found.add(f"{name} {i}" if i in effect.reads else f"{name} -{i}")
    assert found == {" ".join(words) for words in re.findall(r"(\w+) (-?\d)", NOT_WRITTEN)}


#: Two calls may stand in any order; all others change an object, the cursor, a file, the heap, a clock ...
COMMUTE = """
    abort abs atof atoi atol atoll bzero ceil cht_find_preferred_available_backend concretize_devices current_time
    dchain_is_index_allocated dmap_get_a dmap_get_b dmap_get_value dmap_size exp fabs floor fmax fmin fmod getenv
    inet_addr inet_aton inet_pton isalnum isalpha isblank iscntrl isdigit isgraph islower isprint ispunct isspace isupper
    isxdigit labs llabs log log10 log2 lpm_lookup_elem maestro_assert_failed maestro_mbuf_data maestro_xdp_context map_get map_size memchr memcmp memcpy
    memmove memset nf_get_borrowed_chunk nf_has_rte_ipv4_header nf_has_tcp_header nf_has_tcpudp_header nf_has_udp_header
    nf_mac_to_str nf_parse_device nf_parse_etheraddr nf_parse_ipv4addr nf_parse_port nf_parse_proto nf_rte_ipv4_to_str
    nf_set_rte_ipv4_udptcp_checksum packet_get_chunk_length packet_get_unread_length pow qsort recent_time round
    rte_eth_dev_count_avail rte_eth_dev_is_valid_port rte_eth_macaddr_get rte_get_tsc_hz rte_hash_crc rte_hash_crc_1byte
    rte_hash_crc_2byte rte_hash_crc_4byte rte_hash_crc_8byte rte_ipv4_cksum rte_jhash rte_jhash_1word rte_jhash_2words
    rte_jhash_32b rte_jhash_3words rte_ipv4_udptcp_cksum rte_lcore_id rte_memcpy rte_prefetch0 rte_prefetch1 rte_prefetch2 rte_prefetch_non_temporal
    rte_raw_cksum rte_socket_id snprintf sprintf sqrt sscanf strcasecmp strcat strchr strcmp strcpy strcspn strerror
    strlen strncasecmp strncat strncmp strncpy strnlen strpbrk strrchr strspn strstr strtod strtoimax strtol strtoll
    strtoul strtoull strtoumax tolower toupper trunc vector_borrow vector_return vigor_note vsnprintf vsprintf
"""
KEEP = """
    atexit fgets getopt getopt_long maestro_mbuf_data maestro_xdp_begins map_put memchr memcpy memmove memset packet_state_total_length
    realloc rte_memcpy rte_pktmbuf_adj rte_pktmbuf_prepend strcat strchr strcpy strncat strncpy strpbrk strrchr strstr
    strtod strtoimax strtok strtok_r strtol strtoll strtoul strtoull strtoumax
"""
CALL_BACK = """
    exit _exit rte_exit nf_util_parse_int qsort vector_allocate
    dmap_erase dmap_get_a dmap_get_b dmap_get_value dmap_put expire_items expire_items_single_map
    expire_items_single_map_iteratively map_erase map_get map_put sketch_compute_hashes sketch_expire sketch_fetch
    sketch_refresh sketch_touch_buckets
"""
#: They reach memory that no argument points to itself.
FURTHER = """
    cht_fill_cht cht_find_preferred_available_backend expire_items_single_map expire_items_single_map_iteratively free
    getline getopt getopt_long maestro_xdp_begins maestro_xdp_context map_erase map_get map_put nf_insert_new_chunk nf_set_rte_ipv4_udptcp_checksum
    nf_shrink_chunk nf_then_get_rte_ipv4_header_with_options packet_insert_new_chunk packet_shrink_chunk realloc rte_free
    rte_ipv4_udptcp_cksum rte_pktmbuf_adj rte_pktmbuf_prepend rte_pktmbuf_trim strtok strtok_r vector_allocate vfprintf vprintf vsnprintf vsprintf
"""


def test_each_effect_is_said_twice(declared: dict[str, Any]) -> None:
    """What no prototype shows; to change the table takes a change here."""
    known = {name: found for name in declared if (found := behaviour(name)) is not None}
    assert {n for n, b in known.items() if b.changes <= {ERRNO}} == set(COMMUTE.split())
    assert {n for n, b in known.items() if b.keeps} == set(KEEP.split())
    assert {n for n, b in known.items() if b.calls != "none"} == set(CALL_BACK.split())
    assert {n for n, b in known.items() if MEMORY in b.uses | b.changes} == set(FURTHER.split())


def test_operations_follow_their_rows() -> None:
    for op in OPERATIONS.values():
        for name, arguments in op.functions.items():
            found = behaviour(name)
            assert found is not None
            assert (found.reads, found.writes, found.keeps) == (arguments.reads, arguments.writes, arguments.keeps)
            if not arguments.lends:
                assert OBJECTS in found.uses
                assert (OBJECTS in found.changes) == op.writes
    of = {name: behaviour(name) for op in OPERATIONS.values() for name in op.functions}
    # Keys lie in memory; the functions that compare them run; values of double maps are copied by functions of the NF.
    assert {n for n, b in of.items() if b and b.calls == "answering" and MEMORY in b.uses} == {
        "map_get", "map_put", "map_erase", "expire_items_single_map", "expire_items_single_map_iteratively",
    }  # fmt: skip
    assert {n for n, b in of.items() if b and b.calls == "any"} == {
        "dmap_put", "dmap_erase", "dmap_get_value", "expire_items"
    }  # fmt: skip
    # What is lent is used as memory.
    assert of["vector_borrow"] == behaviour("vector_borrow") and not of["vector_borrow"].uses  # type: ignore[union-attr]
    assert MEMORY in of["cht_find_preferred_available_backend"].uses  # type: ignore[union-attr]


PRELUDE = """
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <time.h>
#include <rte_cycles.h>
#include "nf.h"
#include "nf-util.h"
#include "nf-parse.h"
#include "lib/verified/cht.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/double-map.h"
#include "lib/verified/expirator.h"
#include "lib/verified/lpm-dir-24-8.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/unverified/sketch.h"
struct Q { char name[16]; int id; };
struct S { vigor_time_t since; int n; char *text; };
static struct Map *m; static struct Vector *v; static struct DoubleChain *d; static struct DoubleMap *dm;
static struct Sketch *sk; static struct lpm *routes;
static int count;
static bool eq(void *a, void *b) { return *(int *)a == *(int *)b; }
static unsigned hash(void *a) { return *(int *)a; }
static unsigned counts(void *a) { return ++count; }
static void copy(char *to, void *from) { memcpy(to, from, 4); }
static void copies(char *to, void *from) { count++; }
static int by_count(const void *a, const void *b) { return ++count; }
static int step(int *p) { return ++*p; }
static bool set(int *p) { *p = 3; return true; }
static char *where;
static int stepped(void) { return ++*where; }
void keep(char *p);
"""

#: About the functions of the issue, and one or more of each row of the table.
ACCEPTED = {
    "checksum beside a member": "return ip->hdr_checksum != rte_ipv4_cksum(ip);",
    "unread bytes beside a variable": "int a = x; return a - 20 > (int)packet_get_unread_length(buffer);",
    "time beside a member": "return s->since <= recent_time() && s->since <= current_time();",
    "array member as a target": "struct Q q; memcpy(q.name, nf_borrow_next_chunk(buffer, 16), 16); return q.id;",
    "array member of an entry": "memcpy(s->text, entry->name, strlen(entry->name)); return strcmp(entry->name, s->text) + s->n;",
    "headers beside a variable": "int a = x; return a + nf_has_tcp_header(ip) + (nf_then_get_tcp_header(ip, buffer) != 0);",
    "two looks at the cursor": "return packet_get_unread_length(buffer) - packet_get_chunk_length(buffer, ip);",
    "octets": "return atoi(argv[0]) << 8 | atoi(argv[1]);",
    "numbers of an option": "char *end; return x + (int)strtol(argv[1], &end, 10) + count;",
    "rounding": "return (int)ceil(x) + (int)floor(x) + (int)pow(x, 2);",
    "lengths": "return (int)(strlen(argv[0]) + strnlen(argv[1], 4)) + strcasecmp(argv[0], argv[1]);",
    "objects asked": "int k = 0, i; return map_get(m, &k, &i) + map_size(m) + dchain_is_index_allocated(d, x) + dmap_size(dm);",
    "entries of a double map": "int k = 0, i; int r = dmap_get_a(dm, &k, &i) + dmap_size(dm); return r;",
    "borrowed twice": "void *p, *q2; vector_borrow(v, x, &p); vector_borrow(v, count, &q2); return *(int *)p + *(int *)q2;",
    "a route beside a member": "return lpm_lookup_elem(routes, ip->dst_addr) + s->n;",
    "what was allocated": "map_allocate(eq, hash, count, &m); vector_allocate(4, count, 0, &v); return m != 0;",
    "what is printed": 'int a = 1; return a + printf("%d %s", count, s->text);',
    "text of an address": 'printf("%s", nf_rte_ipv4_to_str(ip->src_addr)); return s->n;',
    "two texts": 'printf("%s %s", nf_rte_ipv4_to_str(ip->src_addr), nf_rte_ipv4_to_str(ip->dst_addr)); return 1;',
    "parsed to an address": "uint16_t port; return x + nf_parse_port(argv[0], &port);",
    "built-in": "return x + __builtin_popcount(count) + __builtin_clz(count);",
    "swapped": "return ntohs(ip->packet_id) + rte_be_to_cpu_16(ip->total_length) + htons(s->n);",
    "memory that is new": "char *p = malloc(s->n); return p == 0;",
}  # fmt: skip
REFUSED = {
    "two chunks": "return nf_borrow_next_chunk(buffer, 4) @> nf_borrow_next_chunk(buffer, 8);",
    "chunk and what is unread": "return nf_then_get_tcp_header(ip, buffer) != 0 @> packet_get_unread_length(buffer);",
    "a returned chunk": "return packet_get_unread_length(buffer) @+ (nf_return_chunk(buffer), 1);",
    "frame that moves": "return ip->packet_id @+ (nf_shrink_chunk(buffer, 4, mbuf) != 0);",
    "checksum that is set": "return ip->packet_id @+ (nf_set_rte_ipv4_udptcp_checksum(ip, ip, ip), 1);",
    "checksum of what changes": "return rte_ipv4_cksum(ip) @+ (ip->packet_id = 3);",
    "chunk into a variable": "void *p = 0; return (packet_borrow_next_chunk(buffer, 4, &p), 1) @+ (p == 0);",
    "options into a variable": "uint8_t *o = 0; return (nf_then_get_rte_ipv4_header(ip, buffer, &o) != 0) @+ (o == 0);",
    "copied into a member": "struct Q q; q.id = 1; return q.id @+ (memcpy(&q, s, 4) != 0);",
    "copied by the compiler": "struct Q q; q.id = 1; return q.id @+ (__builtin_memcpy(&q, s, 4) != 0);",
    "array member by its address": "struct Q q; q.id = 1; q.name[0] = 0; return q.name[0] @+ (memset(q.name, 1, 4) != 0);",
    "bytes set": "int a = 1; return a @+ (bzero(&a, 4), 1);",
    "text appended": "char t[9] = {0}; return (int)strlen(t) @+ (strcat(t, argv[0]) != 0);",
    "text found is kept": "char t[9] = {0}; where = strchr(t, 0); return stepped() @+ t[0];",
    "words of a text": 'return strtok(argv[0], ",") @> strtok(0, ",");',
    "errno": "return (int)strtol(argv[0], 0, 10) @+ errno;",
    "errno, set by each": "return atoi(argv[0]) @+ atoi(argv[1]) + (perror(argv[0]), 1);",
    "end of a number": "char *end = 0; return (int)strtol(argv[0], &end, 10) @+ (end == 0);",
    "printed twice": 'return printf("a") @+ printf("b");',
    "printed into what is read": 'char t[9] = {0}; return sprintf(t, "%d", x) @+ t[0];',
    "scanned into what is read": 'int a = 0; return sscanf(argv[0], "%d", &a) @+ a;',
    "list that goes on": "return vprintf(argv[0], list) @+ vprintf(argv[0], list);",
    "characters of a file": "return fgetc(stdin) @- fgetc(stdin);",
    "line into what is read": "char t[9] = {0}; return t[0] @+ (fgets(t, 9, stdin) != 0);",
    "option and its argument": 'return getopt(x, argv, "a:") @+ optind;',
    "random": "return rand() @- rand();",
    "clock": "return (int)rte_get_tsc_cycles() @- (int)rte_get_tsc_cycles();",
    "time into what is read": "time_t t = 0; return (int)time(&t) @- (int)t;",
    "freed": "return s->n @+ (free(s), 1);",
    "two blocks": "return malloc(1) @> malloc(1);",
    "end of the program": 'return (exit(1), 1) @+ printf("x");',
    "comparison that counts": "int a[2] = {2, 1}; return count @+ (qsort(a, 2, 4, by_count), 1);",
    "sorted": "int a[2] = {2, 1}; return a[0] @+ (qsort(a, 2, 4, by_count), 1);",
    "initialisation that writes": "return vector_allocate(4, 4, clears, &v) @+ count;",
    "objects in order": "return dchain_allocate(4, &d) @+ dchain_allocate(4, &d);",
    "allocated into what is read": "return map_allocate(eq, hash, 4, &m) @+ (m == 0);",
    "two indices": "int i, j; return dchain_allocate_new_index(d, &i, 1) @+ dchain_allocate_new_index(d, &j, 1);",
    "index that is freed": "return dchain_is_index_allocated(d, 1) @+ dchain_free_index(d, 1);",
    "index into what is read": "int i = 0; return dchain_allocate_new_index(d, &i, 1) @+ i;",
    "expired and counted": "return expire_items_single_map(d, v, m, 5) @+ map_size(m);",
    "expired by keys that change": "return expire_items_single_map(d, v, m, 5) @+ (s->n = 4);",
    "choice among what changes": "int c; return cht_find_preferred_available_backend(1, v, d, 3, 2, &c) @+ (s->n = 4);",
    "hash that counts": "map_allocate(eq, counts, 4, &m); int k = 0, i; return map_get(m, &k, &i) @+ count;",
    "sketch that counts": "sketch_allocate(counts, 4, 4, &sk); int k = 0; return (sketch_compute_hashes(sk, &k), 1) @+ count;",
    "key that is changed": "int k = 0, i; return map_get(m, &k, &i) @+ step(&k);",
    "copy that counts": "dmap_allocate(eq, hash, eq, hash, 4, copies, 0, 0, 0, 9, 9, &dm); int k = 0; return dmap_put(dm, &k, 1) @+ count;",
    "value into what is read": "int k = 0; return (dmap_get_value(dm, 1, &k), 1) @+ k;",
    "route that is changed": "return lpm_update_elem(routes, 1, 8, 2) @+ lpm_lookup_elem(routes, 1);",
    "what is in neither table": "return s->n @+ (keep(0), 1);",
}  # fmt: skip


def load(tmp_path: Path, body: str) -> int:
    """Loads a program of that body; returns the line of ``@``."""
    clears = "static void clears(void *p) { count = 0; }\n" if "clears" in body else ""
    text = (
        PRELUDE
        + clears
        + (
            "int f(int x, char **argv, uint8_t **buffer, struct rte_ipv4_hdr *ip, struct S *s, struct Q *entry,"
            " struct rte_mbuf *mbuf, va_list list) {\n" + body + "\n}\n"
        )
    )
    path = tmp_path / "a.c"
    path.write_text(text.replace("@", ""), encoding="utf-8")
    load_program([path])
    return text.count("\n", 0, text.find("@")) + 1


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_cannot_interfere_is_accepted(name: str, tmp_path: Path) -> None:
    load(tmp_path, ACCEPTED[name])


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_compiler_decides_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="evaluated first"):
        load(tmp_path, REFUSED[name])


NF = """
#include "nf.h"
static int count;
static int bump(void) { return ++count; }
%s
void nf_config_init(int argc, char **argv) {}
void nf_config_usage(void) {}
void nf_config_print(void) {}
bool nf_init(void) { return true; }
int nf_process(uint16_t device, uint8_t **buffer, uint16_t length, vigor_time_t now, struct rte_mbuf *mbuf) { return %s; }
"""
BAD = "int bad(void) { return bump() - bump(); }"


@pytest.mark.parametrize("static", ["", "static "])
def test_functions_that_nobody_calls_are_not_judged(static: str, tmp_path: Path) -> None:
    source = tmp_path / "nf.c"
    source.write_text(NF % (static + BAD, "1"), encoding="utf-8")
    load_program([source])
    for helper, use in [
        ("", "bad()"),
        ("static int by(void) { return bad(); }", "by()"),
        ("static int (*table[1])(void) = {bad};", "table[0]()"),
        ("static int run(int (*f)(void)) { return f(); }", "run(bad)"),
    ]:
        source.write_text(NF % (f"{static}{BAD}\n{helper}", use), encoding="utf-8")
        with pytest.raises(UnsupportedError, match="evaluated first"):
            load_program([source])


def test_the_entry_points_are_those_of_the_header(declared: dict[str, Any]) -> None:
    assert {*effects.ENTRY_POINTS} == {n for n in declared if behaviour(n) is None} - _not_offered() | {"nf_process"}
