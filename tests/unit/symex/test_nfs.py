"""C programs in, call paths out: the NFs of the repository and small ones for what they do not use."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from maestro_tool import forms
from maestro_tool.diagnostics import InputError, ResourceLimitError
from maestro_tool.expr import Expr
from maestro_tool.frontend import load_program
from maestro_tool.symex import Analysis, Limits, analyse, show_analysis
from maestro_tool.symex.setup import run_setup
from maestro_tool.symex.show import show_path
from maestro_tool.symex.solver import Solver

NFS = Path(__file__).parents[3] / "nfs"


def repository_nf(name: str, *arguments: str) -> Analysis:
    folder = NFS / name
    return analyse(load_program(sorted(folder.glob("*.c")), [folder], []), arguments)


def c_nf(folder: Path, text: str, *arguments: str, ports: int = 1, limits: Limits = Limits()) -> Analysis:  # noqa: B008
    source = folder / "nf.c"
    includes = ("stdlib.h", "string.h", "nf.h", "nf-util.h", "lib/verified/map.h", "lib/verified/vector.h")
    source.write_text("".join(f"#include <{name}>\n" for name in includes) + text)
    return analyse(load_program([source], [folder], []), arguments, ports, limits)


PROCESS = "int nf_process(uint16_t device, uint8_t **buffer, uint16_t length, vigor_time_t now, struct rte_mbuf *mbuf)"


def operations(analysis: Analysis, port: int) -> set[tuple[str, ...]]:
    return {(*(e.op.name for e in p.events), str(p.verdict)) for p in analysis.paths if p.port == port}


def test_nop() -> None:
    analysis = repository_nf("nop")
    assert [(p.port, p.condition, p.events, p.verdict) for p in analysis.paths] == [(0, (), (), 1), (1, (), (), 0)]


def test_fw() -> None:
    analysis = repository_nf("fw")
    assert [(o.kind, o.name, o.capacity) for o in analysis.objects] == [
        ("map", "state->flows", 65536), ("vector", "state->flow_ids", 65536), ("dchain", "state->ages", 65536),
    ]  # fmt: skip
    assert {p.place: p.value for p in analysis.pinned} == {"config.lan_device": 0, "config.wan_device": 1}
    assert analysis.configuration == {"config.flow_timeout": 60 * 10**9}
    assert operations(analysis, 0) == {
        ("expire", "drop"),
        ("expire", "map_get", "dchain_rejuvenate", "1"),
        ("expire", "map_get", "dchain_allocate", "vector_write", "map_put", "1"),
        ("expire", "map_get", "dchain_allocate", "drop"),
    }
    assert operations(analysis, 1) == {
        ("expire", "drop"), ("expire", "map_get", "dchain_rejuvenate", "0"), ("expire", "map_get", "drop"),
    }  # fmt: skip
    keys = {p.port: e.key for p in analysis.paths for e in p.events if e.op.name == "map_get"}
    fields = {port: [str(k) for k in key[:4]] for port, key in keys.items() if key is not None}
    assert fields == {
        0: ["pkt[26..29]", "pkt[30..33]", "pkt[34..35]", "pkt[36..37]"],
        1: ["pkt[30..33]", "pkt[26..29]", "pkt[36..37]", "pkt[34..35]"],
    }
    assert not analysis.notes
    assert forms.read(Analysis, forms.write(analysis)) == analysis


def test_fw_follows_its_options() -> None:
    analysis = repository_nf("fw", "--wan=0", "--expire", "5", "--max-flows", "16")
    assert {p.place: p.value for p in analysis.pinned} == {"config.lan_device": 1, "config.wan_device": 0}
    assert analysis.configuration == {"config.flow_timeout": 5000}
    assert {o.capacity for o in analysis.objects} == {16}
    assert ("expire", "map_get", "dchain_allocate", "drop") in operations(analysis, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--max-flows", "15"), "power of two"),
        (("--wan", "x"), "cannot parse 'x' as wan"),
        (("--nonsense",), "unrecognized option '--nonsense'"),
        (("--wan",), "requires an argument"),
    ],
)
def test_bad_options_stop_with_the_message_of_the_nf(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match="set-up stopped") as caught:
        repository_nf("fw", *arguments)
    assert message in caught.value.render()
    assert caught.value.location is not None and caught.value.location.file.endswith("fw_config.c")


def test_pol() -> None:
    analysis = repository_nf("pol")
    assert [(p.events, p.verdict) for p in analysis.paths if p.port == 0] == [((), 1)]
    keys = {str(e.key) for p in analysis.paths for e in p.events if e.op.name in ("map_get", "map_put")}
    assert keys == {"(pkt[30..33],)"}
    assert set(analysis.configuration) == {"config.burst", "config.fill_time", "config.rate"}
    assert {p.verdict for p in analysis.paths if p.port == 1} == {"drop", 0}


def test_same_program_same_analysis() -> None:
    assert show_analysis(repository_nf("pol")) == show_analysis(repository_nf("pol"))


def test_headers_with_options_fork_on_the_ihl(tmp_path: Path) -> None:
    text = f"""
    bool nf_init(void) {{ return true; }}
    {PROCESS} {{
      uint8_t *options;
      struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
      struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header_with_options(ether, buffer, &options);
      if (!ip) return device;
      struct tcpudp_hdr *l4 = nf_then_get_tcpudp_header(ip, buffer);
      if (!l4) return device;
      l4->dst_port = 0;
      nf_set_rte_ipv4_udptcp_checksum(ip, l4, *buffer);
      return 5;
    }}
    """
    writes = {tuple(n for n, _ in p.packet_writes) for p in c_nf(tmp_path, text).paths if p.verdict == 5}
    expected = set()
    for options in range(0, 44, 4):
        l4 = 34 + options
        for checksum in (6, 16):
            expected.add((24, 25, *sorted({l4 + 2, l4 + 3, l4 + checksum, l4 + checksum + 1})))
    assert writes == expected


@pytest.mark.parametrize(
    ("after", "paths", "written"),
    [
        ("", 2, 14 + 20),  # nobody asks how long the options are
        ("nf_return_all_chunks(buffer); chunk = nf_borrow_next_chunk(buffer, 2);", 2, 0),
        ("nf_return_chunk(buffer); chunk = nf_borrow_next_chunk(buffer, 2);", 2, None),
        ("packet_return_chunk(*buffer, ether); chunk = nf_borrow_next_chunk(buffer, 2);", 2, 0),
        ("if (packet_get_unread_length(*buffer) > 9) chunk = ip;", 22, None),
    ],
)  # fmt: skip
def test_options_fork_only_where_their_length_matters(
    after: str, paths: int, written: int | None, tmp_path: Path
) -> None:
    text = f"""
    bool nf_init(void) {{ return true; }}
    {PROCESS} {{
      uint8_t *options;
      struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
      struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header_with_options(ether, buffer, &options);
      if (!ip) return device;
      uint8_t *chunk = options;
      {after}
      if (chunk) chunk[0] = 1;
      return 5;
    }}
    """
    found = [p for p in c_nf(tmp_path, text).paths if p.verdict == 5 and p.port == 0]
    assert len(found) == paths
    if written is not None:
        assert written in {n for p in found for n, _ in p.packet_writes}


def test_older_flavour_of_nf_process(tmp_path: Path) -> None:
    text = """
    bool nf_init(void) { return true; }
    int nf_process(uint16_t device, uint8_t *buffer, uint16_t length, vigor_time_t now) {
      return buffer[3] == 1 ? 4 : 6;
    }
    """
    (tmp_path / "nf.c").write_text("#include <stdint.h>\n#include <stdbool.h>\n#define vigor_time_t int64_t\n" + text)
    analysis = analyse(load_program([tmp_path / "nf.c"], [tmp_path], []), (), 1)
    assert [show_path(p, ()) for p in analysis.paths] == [
        ["if (pkt[3] == 1)", "send to 4"], ["if (pkt[3] != 1)", "send to 6"],
    ]  # fmt: skip


def test_loop_on_packet_data_is_refused_at_its_line(tmp_path: Path) -> None:
    text = f"""
    bool nf_init(void) {{ return true; }}
    {PROCESS} {{
      int n = 0;
      while (n < length && (*buffer)[n] != 0) n++; // here
      return n;
    }}
    """
    with pytest.raises(ResourceLimitError) as caught:
        c_nf(tmp_path, text)
    shown = caught.value.render()
    assert "// here" in shown and "no bound" in shown and "hint:" in shown


@pytest.mark.parametrize("access", ["return (*buffer)[60];", "(*buffer)[3000] = 1; return device;"])
def test_access_behind_the_frame_is_refused_at_its_line(tmp_path: Path, access: str) -> None:
    text = f"bool nf_init(void) {{ return true; }}\n{PROCESS} {{\n  {access} // here\n}}"
    with pytest.raises(InputError, match="the frame may be shorter") as caught:
        c_nf(tmp_path, text)
    assert "// here" in caught.value.render()


def test_access_after_a_look_at_the_length_is_fine(tmp_path: Path) -> None:
    text = f"""
    bool nf_init(void) {{ return true; }}
    {PROCESS} {{
      if (length <= 60) return device;
      return 100 + (*buffer)[60];
    }}
    """
    assert len(c_nf(tmp_path, text).paths) >= 2


def test_bounded_loop_over_the_packet_is_followed(tmp_path: Path) -> None:
    text = f"""
    bool nf_init(void) {{ return true; }}
    {PROCESS} {{
      int n = 0;
      while (n < 4 && (*buffer)[n] != 0) n++;
      return 100 + n;
    }}
    """
    assert sorted(str(p.verdict) for p in c_nf(tmp_path, text).paths) == ["100", "101", "102", "103", "104"]


def test_mac_table_key_and_device_as_value(tmp_path: Path) -> None:
    text = f"""
    #include "lib/verified/ether.h"
    struct Map *table; struct Vector *keys;
    bool nf_init(void) {{
      return map_allocate(rte_ether_addr_eq, rte_ether_addr_hash, 8, &table)
          && vector_allocate(sizeof(struct rte_ether_addr), 8, rte_ether_addr_allocate, &keys);
    }}
    {PROCESS} {{
      struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
      struct rte_ether_addr *key;
      vector_borrow(keys, 3, (void **)&key);
      memcpy(key, &ether->src_addr, sizeof(*key));
      map_put(table, key, device);
      vector_return(keys, 3, key);
      int out = -1;
      map_get(table, &ether->dst_addr, &out);
      return out;
    }}
    """
    analysis = c_nf(tmp_path, text, ports=2)
    assert analysis.objects[0].key is not None and [(f.offset, f.size) for f in analysis.objects[0].key] == [(0, 6)]
    assert show_path(analysis.paths[0], analysis.objects) == [
        "0: vector_write keys [3] 0+6 := pkt[6..11]",
        "1: map_put table key (pkt[6..11]) value device",
        "2: map_get table key (pkt[0..5]) value map_get.2.value -> yes",
        "send to map_get.2.value[15:0]",
    ]
    assert [p.verdict for p in analysis.paths[1:2]] == ["flood"]


GETOPT = """
static int flag;
char seen[4096];
static void add(const char *s) { strcpy(seen + strlen(seen), s); strcpy(seen + strlen(seen), ";"); }
static void number(int n) { char t[2] = {(char)n, 0}; add(t); }
static void run(int argc, char **argv) {
  static struct option table[] = {
    {"alpha", no_argument, NULL, 'a'}, {"beta", required_argument, NULL, 'B'}, {"best", optional_argument, NULL, 'e'},
    {"flag", no_argument, &flag, 7}, {"b", no_argument, NULL, 'x'}, {NULL, 0, NULL, 0},
  };
  int c, index = 0;
  opterr = 0;
  while ((c = getopt_long(argc, argv, "ab:c::d", table, &index)) != -1) {
    number(c ? c : '0' + flag);
    if (optarg) add(optarg);
  }
  add("rest");
  for (int i = optind; i < argc; i++) add(argv[i]);
}
"""


@pytest.mark.parametrize("seed", range(6))
def test_getopt_long_is_glibcs(seed: int, tmp_path: Path) -> None:
    """The same command lines, parsed by the model and by the C library."""
    head = "#include <getopt.h>\n#include <stdbool.h>\n#include <string.h>\n#include <stdio.h>\n#include <stddef.h>\n"
    (tmp_path / "real.c").write_text(head + GETOPT + "int main(int c, char **v) { run(c, v); puts(seen); }\n")
    model = tmp_path / "model.c"
    model.write_text(
        head + GETOPT + "void nf_config_init(int c, char **v) { run(c, v); }\nbool nf_init(void) { return true; }\n"
    )
    subprocess.run(["gcc", "-w", tmp_path / "real.c", "-o", tmp_path / "real"], check=True)
    program = load_program([model], [tmp_path], [])
    words = [
        "-a", "-b", "-bx", "-ab", "-adc", "-cx", "-c", "-d", "-z", "--alpha", "--al", "--be", "--beta", "--beta=3",
        "--best", "--best=q", "--bet=5", "--flag", "--b", "--", "-", "word", "5", "--alpha=3", "--unknown", "-da",
    ]  # fmt: skip
    r = random.Random(seed)
    for _ in range(12):
        arguments = tuple(r.choice(words) for _ in range(r.randint(0, 5)))
        real = subprocess.run(
            [tmp_path / "real", *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()
        result = run_setup(program, arguments, 2, Solver(Limits()), Limits(), None)  # type: ignore[arg-type]
        block = result.memory.get(result.globals["seen"])
        assert block is not None
        data = bytearray()
        for _, size, value in block.segments(0, 4096):
            data += value.const.to_bytes(size, "little") if isinstance(value, Expr) else bytes(size)
        assert data.split(b"\0")[0].decode() == real, arguments


def test_header_conditions_are_those_of_the_wire() -> None:
    shown = show_analysis(repository_nf("fw"))
    for condition in (
        "(pkt[12..13] == 0x800)",
        "(34 <= pkt_len)",
        "((pkt[23] == 6) || (pkt[23] == 17))",
        "(38 <= pkt_len)",
    ):
        assert f"if {condition}" in shown


STATE = """
struct Map *table; struct Vector *keys; struct DoubleChain *ages;
bool nf_init(void) {
  return map_allocate(rte_ether_addr_eq, rte_ether_addr_hash, 8, &table)
      && vector_allocate(sizeof(struct rte_ether_addr), 8, rte_ether_addr_allocate, &keys)
      && dchain_allocate(8, &ages);
}
"""
STATE_HEADERS = (
    '#include "lib/verified/ether.h"\n#include "lib/verified/double-chain.h"\n#include "lib/verified/expirator.h"\n'
)


@pytest.mark.parametrize(
    ("between", "independent"),
    [
        (";", False),
        ("expire_items_single_map(ages, keys, table, now);", True),
        ("if (!dchain_allocate_new_index(ages, &x, now)) return device;", True),
        ("dchain_free_index(ages, 3);", True),
        ("dchain_rejuvenate_index(ages, 4, now);", False),
    ],
)
def test_answers_of_an_index_allocator_hold_until_it_changes(tmp_path: Path, between: str, independent: bool) -> None:
    text = f"""{STATE_HEADERS}{STATE}
    {PROCESS} {{
      int x = 0;
      int before = dchain_is_index_allocated(ages, 3);
      {between}
      int after = dchain_is_index_allocated(ages, 3);
      return 10 + 2 * before + after;
    }}
    """
    verdicts = {p.verdict for p in c_nf(tmp_path, text).paths} - {"drop"}
    assert verdicts == ({10, 11, 12, 13} if independent else {10, 13})


@pytest.mark.parametrize(
    ("between", "independent"),
    [
        (";", False),
        ("expire_items_single_map(ages, keys, table, now);", True),
        ("expire_items_single_map_iteratively(keys, table, 0, 3);", True),
        ("map_erase(table, key, &trash);", True),
        ("dchain_allocate_new_index(ages, &x, now);", False),
    ],
)
def test_answers_of_a_map_hold_until_it_changes(tmp_path: Path, between: str, independent: bool) -> None:
    text = f"""{STATE_HEADERS}#include "lib/unverified/expirator.h"
    {STATE}
    {PROCESS} {{
      int x = 0;
      void *trash, *key = *buffer;
      int before = map_get(table, key, &x);
      {between}
      int after = map_get(table, key, &x);
      return 10 + 2 * before + after;
    }}
    """
    verdicts = {p.verdict for p in c_nf(tmp_path, text).paths}
    assert verdicts == ({10, 11, 12, 13} if independent else {10, 13})


def test_conditions_that_are_linked_by_others_count(tmp_path: Path) -> None:
    """a < b, b < c and c < d leave no way for d < a; the middle one shares no symbol with it."""
    text = f"""
    bool nf_init(void) {{ return true; }}
    {PROCESS} {{
      uint8_t *p = *buffer;
      if (p[0] < p[1]) if (p[1] < p[2]) if (p[2] < p[3]) return p[3] < p[0] ? 7 : 8;
      return 9;
    }}
    """
    assert {p.verdict for p in c_nf(tmp_path, text).paths} == {8, 9}


def test_option_inside_a_verdict_is_pinned(tmp_path: Path) -> None:
    text = f"""
    static uint16_t base;
    bool nf_init(void) {{ base = 20; return true; }}
    {PROCESS} {{ return base + (*buffer)[0]; }}
    """
    analysis = c_nf(tmp_path, text)
    assert [(p.place, p.value) for p in analysis.pinned] == [("base", 20)]
    assert analysis.configuration == {}
