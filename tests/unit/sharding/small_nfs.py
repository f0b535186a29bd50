"""A set-up to share: tables keyed by address, by address and port, by MAC; tests write the packet's part."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from maestro_tool import forms
from maestro_tool.frontend import load_program
from maestro_tool.sharding import derive_plan
from maestro_tool.sharding.facts.access import collect
from maestro_tool.sharding.facts.bits import show_field
from maestro_tool.sharding.facts.blocks import Prover
from maestro_tool.sharding.facts.key_places import key_places, possible_paths
from maestro_tool.sharding.facts.reach import Reach
from maestro_tool.sharding.facts.scope import Scope
from maestro_tool.sharding.lemmas.question import Question
from maestro_tool.sharding.outcome import words
from maestro_tool.sharding.plan import Code, Constraint, Obstacle, ShardingPlan
from maestro_tool.sharding.rules.interchange import interchanges
from maestro_tool.symex import Limits, analyse
from maestro_tool.symex.callpath import Analysis

PRELUDE = """
#include <stdint.h>
#include <stdlib.h>
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/expirator.h"

struct Ip { uint32_t addr; };
bool Ip_eq(void *a, void *b) { return ((struct Ip *)a)->addr == ((struct Ip *)b)->addr; }
unsigned Ip_hash(void *a) { return __builtin_ia32_crc32si(0, ((struct Ip *)a)->addr); }
void Ip_init(void *a) { ((struct Ip *)a)->addr = 0; }

struct IpPort { uint32_t addr; uint16_t port; };
bool IpPort_eq(void *a, void *b) {
  struct IpPort *x = a, *y = b;
  return x->addr == y->addr && x->port == y->port;
}
unsigned IpPort_hash(void *a) { struct IpPort *x = a; return __builtin_ia32_crc32si(__builtin_ia32_crc32si(0, x->port), x->addr); }
void IpPort_init(void *a) { struct IpPort *x = a; x->addr = 0; x->port = 0; }

struct Mac { uint8_t b[6]; };
bool Mac_eq(void *a, void *b) {
  uint8_t *x = ((struct Mac *)a)->b, *y = ((struct Mac *)b)->b;
  return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3] && x[4] == y[4] && x[5] == y[5];
}
unsigned Mac_hash(void *a) { return ((struct Mac *)a)->b[5]; }
void Mac_init(void *a) { ((struct Mac *)a)->b[0] = 0; }

struct nf_config { int unused; };
struct nf_config config;
void nf_config_init(int argc, char **argv) { (void)argc; (void)argv; }
void nf_config_usage(void) {}
void nf_config_print(void) {}

struct Table { struct Map *map; struct Vector *keys; struct DoubleChain *chain; };
static struct Table ip_table, ip_port_table, mac_table;
static struct Vector *counters, *values;
static uint32_t total;

static bool make(struct Table *t, map_keys_equality *eq, map_key_hash *hash, vector_init_elem *init, int size) {
  return map_allocate(eq, hash, 1024, &t->map) && vector_allocate(size, 1024, init, &t->keys)
      && dchain_allocate(1024, &t->chain);
}
bool nf_init(void) {
  return make(&ip_table, Ip_eq, Ip_hash, Ip_init, sizeof(struct Ip))
      && make(&ip_port_table, IpPort_eq, IpPort_hash, IpPort_init, sizeof(struct IpPort))
      && make(&mac_table, Mac_eq, Mac_hash, Mac_init, sizeof(struct Mac))
      && vector_allocate(sizeof(uint32_t), 65536, null_init, &counters)
      && vector_allocate(sizeof(uint32_t), 1024, null_init, &values);
}

static void touch_ip(uint32_t addr, vigor_time_t now) {
  struct Ip key = { addr }, *stored;
  int index;
  if (map_get(ip_table.map, &key, &index)) { dchain_rejuvenate_index(ip_table.chain, index, now); return; }
  if (!dchain_allocate_new_index(ip_table.chain, &index, now)) return;
  vector_borrow(ip_table.keys, index, (void **)&stored);
  *stored = key;
  map_put(ip_table.map, stored, index);
  vector_return(ip_table.keys, index, stored);
}
static void touch_ip_port(uint32_t addr, uint16_t port, vigor_time_t now) {
  struct IpPort key = { .addr = addr, .port = port }, *stored;
  int index;
  if (map_get(ip_port_table.map, &key, &index)) { dchain_rejuvenate_index(ip_port_table.chain, index, now); return; }
  if (!dchain_allocate_new_index(ip_port_table.chain, &index, now)) return;
  vector_borrow(ip_port_table.keys, index, (void **)&stored);
  *stored = key;
  map_put(ip_port_table.map, stored, index);
  vector_return(ip_port_table.keys, index, stored);
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)packet_length; (void)mbuf; (void)now; (void)touch_ip; (void)touch_ip_port;
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (ip == NULL) return device;
  struct tcpudp_hdr *ports = nf_then_get_tcpudp_header(ip, buffer);
  (void)ports;
#line 1000 "body"
"""


#: What belongs to a table in the prelude: what its packets' parts say if they use it, and the texts.
_TABLES = (
    (
        ("mac_table", "Mac"),
        (
            PRELUDE[PRELUDE.index("struct Mac {") : PRELUDE.index("struct nf_config {")],
            ", mac_table",
            "\n      && make(&mac_table, Mac_eq, Mac_hash, Mac_init, sizeof(struct Mac))",
        ),
    ),
    (
        ("ip_port", "IpPort"),
        (
            PRELUDE[PRELUDE.index("struct IpPort {") : PRELUDE.index("struct Mac {")],
            ", ip_port_table",
            "\n      && make(&ip_port_table, IpPort_eq, IpPort_hash, IpPort_init, sizeof(struct IpPort))",
            PRELUDE[PRELUDE.index("static void touch_ip_port") : PRELUDE.index("\nint nf_process")],
            " (void)touch_ip_port;",
        ),
    ),
)


def source_of(prelude: str, body: str) -> str:
    """The C file; of `PRELUDE` without the tables that the packet's part does not name, which take a fifth of the time."""
    used = prelude
    for names, texts in _TABLES if prelude == PRELUDE else ():
        for text in texts if not any(name in body for name in names) else ():
            assert used.count(text) == 1
            used = used.replace(text, "")
    return used + body + "\n  return 1 - device;\n}\n"


@dataclass(frozen=True)
class Result:
    """``said``: the obstacles in words.  ``treatments``: of each object that packets touch, by name; ``ranged``: names of ranged allocators."""

    plan: ShardingPlan
    analysis: Analysis
    said: tuple[words.Said, ...]
    constraints: set[tuple[int, int, tuple[tuple[str, str], ...]]]
    rules: set[str | None]
    texts: str
    treatments: dict[str, str]
    ranged: set[str]
    relaxations: set[str]

    def named(self, treatment: str) -> set[str]:
        return {name for name, t in self.treatments.items() if t == treatment}


def plan_of(tmp_path: Path, body: str, ports: int = 2, prelude: str = PRELUDE) -> Result:
    source = tmp_path / "nf.c"
    source.write_text(source_of(prelude, body))
    analysis = analyse(load_program([source], [], []), (), ports, Limits())
    plan = derive_plan(analysis)
    assert Code.GROUP_NOT_CLOSED not in {o.code for o in plan.obstacles}, "groups.py closes them"
    names = {o.id: o.name for o in analysis.objects}
    assert forms.read(ShardingPlan, forms.write(plan)) == plan
    said = tuple(words.obstacle(analysis, o) for o in plan.obstacles)
    return Result(
        plan,
        analysis,
        said,
        {(*c.ports, tuple((show_field(a), show_field(b)) for a, b in c.equal)) for c in plan.constraints},
        {o.rule for o in plan.obstacles},
        " / ".join(o.text for o in said),
        {names[d.object]: d.treatment for d in plan.decisions if d.read or d.written},
        {names[d.object] for d in plan.decisions if d.ranged},
        {r.kind for r in plan.relaxations},
    )


def question_of(
    tmp_path: Path, body: str, ports: int = 2, prelude: str = PRELUDE, shared: frozenset[str] = frozenset()
) -> Question:
    """What lemmas are asked about the program: all that packets write shall be sharded but what is ``shared``."""
    source = tmp_path / "nf.c"
    source.write_text(source_of(prelude, body))
    analysis, prover = analyse(load_program([source], [], []), (), ports, Limits()), Prover()
    places = key_places(analysis, prover)
    analysis = possible_paths(analysis, places)
    accesses = collect(analysis, prover)
    written = frozenset(a.object for a in accesses if a.write and analysis.objects[a.object].name not in shared)
    scope = Scope(analysis, places, written, tuple(a for a in accesses if a.object in written))
    reach = Reach(analysis)
    return Question(scope, reach, prover, tuple(interchanges(scope, reach, prover)))


def said_by(
    lemma: Callable[[Question], Iterable[Constraint | Obstacle]], q: Question
) -> set[tuple[Code, frozenset[str]]]:  # fmt: skip
    """What one lemma says, whatever others say of the same program; and the names of the objects that it says it of."""
    found = [o for o in lemma(q) if isinstance(o, Obstacle)]
    return {(o.code, frozenset(map(q.scope.name, o.objects))) for o in found}


def same(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((n, n) for n in names)
