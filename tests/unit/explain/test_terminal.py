"""What `maestro explain` prints."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import graphviz
import pytest
from explained import explain_sources, explained, shown

from maestro_tool.diagnostics import InputError, ToolError
from maestro_tool.explain import graphs, to_json

FOREIGN = Path(__file__).parents[2] / "foreign"
IPV6_SOURCES = (FOREIGN / "dualstack/main.c",)

NFS = ("nop", "fw", "pol", "sbridge", "bridge", "nat", "psd", "cl", "lb")

FW = """\
How packets flow  (of conditions in a row, the first that holds counts)
  port 0
  forget what is older than config.flow_timeout in state->ages, state->flow_ids,
  state->flows
  ├── IPv4, TCP or UDP, at least 38 bytes
  │   ├── (src_ip, dst_ip, src_port, dst_port, protocol) found in state->flows
  │   │   refresh the age in state->ages (entry found in state->flows)
  │   │   -> send to port 1
  │   └── not in state->flows
  │       ├── state->ages has room: take a new index
  │       │   write state->flow_ids (new entry); put (src_ip, dst_ip, src_port,
  │       │   dst_port, protocol) into state->flows
  │       │   -> send to port 1
  │       └── state->ages is full -> drop
  └── otherwise -> drop
  port 1
  forget what is older than config.flow_timeout in state->ages, state->flow_ids,
  state->flows
  ├── IPv4, TCP or UDP, at least 38 bytes
  │   ├── (dst_ip, src_ip, dst_port, src_port, protocol) found in state->flows
  │   │   refresh the age in state->ages (entry found in state->flows)
  │   │   -> send to port 0
  │   └── not in state->flows -> drop
  └── otherwise -> drop
"""

SBRIDGE = """\
  ports 0, 1
  ├── dst_mac found in state->devices
  │   ├── number found in state->devices == -1 -> drop
  │   └── otherwise -> send to the port found in state->devices (drop if that is
  │       the input port)
  └── not in state->devices -> flood
"""

#: Where a frame goes does not depend on what was learnt from it.
BRIDGE = """\
  │   └── not in state->indices
  │       ├── state->ages has room: take a new index
  │       │   write state->addresses (new entry); put src_mac into
  │       │   state->indices; write state->devices (new entry)
  │       │   -> go on at [A]
  │       └── state->ages is full -> go on at [A]
  └── otherwise -> go on at [A]
"""


def test_firewall_on_one_screen() -> None:
    assert FW in shown(explained("fw"))


def test_fields_of_ipv6_have_names() -> None:
    """Those of IPv4 lie at the same places; the next header is where IPv4 has its fragment offset."""
    text = shown(explain_sources(IPV6_SOURCES, "dualstack", "e810"), 200)
    assert "(src_ip6, dst_ip6, src_port6, dst_port6, next_header) found in table6.flows" in text
    assert "(src_ip, dst_ip, src_port, dst_port, protocol) found in table4.flows" in text
    assert re.search(r"IPv6, at least 54 bytes\n[^\n]* TCP\n[^\n]* at least 58 bytes", text)
    assert "UDP, at least 58 bytes" in text
    assert "IPv6: hosts inside one /64" in text and "software steers tcp4_options" in text


def test_frames_that_get_longer_and_shorter() -> None:
    """Where bytes are inserted or removed, and which fields change besides."""
    text = shown(explain_sources((FOREIGN / "resize/main.c",), "resize"), 100)
    assert "no room in front of the frame -> drop" in text
    assert "otherwise -> insert 4 bytes before EtherType; rewrite TTL; send to port 1" in text
    assert "VLAN tag, at least 18 bytes -> remove 4 bytes, frame[12..15]; send to port 0" in text


def test_double_maps_routes_and_what_expires() -> None:
    text = shown(explain_sources((FOREIGN / "pairs/main.c",), "pairs"), 200)
    assert "forget what is older than config.lifetime in ages, pairs" in text
    assert "(src_ip, dst_ip, src_port, dst_port) found in pairs" in text
    assert "set the route src_ip/28 in networks" in text and "put a new entry into pairs" in text
    assert "refresh the age in ages (entry of (src_ip, dst_ip, src_port, dst_port))" in text
    assert "dmap" not in text.replace("(dmap, ", "")


def test_ports_that_do_the_same_and_parts_that_are_the_same_are_told_once() -> None:
    assert SBRIDGE in shown(explained("sbridge"))
    assert BRIDGE in shown(explained("bridge"))


@pytest.mark.parametrize("nf", NFS)
@pytest.mark.parametrize("width", [80, 50])
def test_no_line_is_wider_than_the_terminal(nf: str, width: int) -> None:
    assert max(map(len, shown(explained(nf), width).splitlines())) <= width


def test_values_that_decide_are_named_once() -> None:
    text = " ".join(line.strip("│├└─ ") for line in shown(explained("pol")).splitlines())
    assert "decided by frame length, state->buckets, config.burst, config.fill_time, config.rate, time:" in text
    assert "either -> drop or -> send to port 0" in text


def test_colours_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[" in shown(explained("fw"), force_terminal=True)
    assert "\x1b[" not in shown(explained("fw"))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in shown(explained("fw"), force_terminal=True)


def test_what_is_not_shardable_is_no_error_here() -> None:
    e = explained("bridge")
    assert e.conflicts and all(c.locations for c in e.conflicts)
    assert any(o.treatment == "shared" for o in e.objects)


def test_a_card_is_explained() -> None:
    e = explained("pol", "e810")
    (port,) = (q for q in e.quality if q.port == 1)
    assert port.index_bits["dst_ip"] > 0 and port.index_bits["src_ip"] == 0
    assert "max_flows" not in shown(e)


def test_sources_are_read_once() -> None:
    """People wait for an explanation whose analysis is in the cache."""
    from maestro_tool import pipeline
    from maestro_tool.cache import NoCache
    from maestro_tool.nic import load_profile
    from maestro_tool.profiles import folders, resolve

    watch = pipeline.Stopwatch()
    analysed = pipeline.analyse(pipeline.Request(IPV6_SOURCES), NoCache(), watch)
    pipeline.explain(analysed, (load_profile(resolve("soft"), folders()),), "dualstack", "auto", NoCache(), watch)
    phases = [t.phase for t in watch.times]
    assert phases.count("frontend") == phases.count("sharding") == 1


def test_json_is_plain_and_complete() -> None:
    data = to_json(explained("fw"))
    assert data["schema"] == "maestro-explain/1"
    assert [f["port"] for f in data["flows"]] == [0, 1]
    assert {o["name"] for o in data["objects"]} == {"state->flows", "state->flow_ids", "state->ages"}

    def paths(tree: dict[str, object]) -> list[int]:
        ways = tree["ways"]
        assert isinstance(ways, (list, tuple)) and isinstance(tree["paths"], (list, tuple))
        return [n for w in ways for n in paths(w["then"])] if ways else list(tree["paths"])

    assert sorted(n for f in data["flows"] for n in paths(f["tree"])) == list(range(13))


# --------------------------------------------------------------------------- words

_NF = """
#include <stdint.h>
#include "nf.h"
#include "nf-util.h"
struct nf_config { uint32_t address; };
struct nf_config config;
void nf_config_init(int argc, char **argv) { (void)argc; (void)argv; config.address = 16777226; }
void nf_config_usage(void) {}
void nf_config_print(void) {}
bool nf_init(void) { return true; }
int nf_process(uint16_t device, uint8_t **p, uint16_t length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)now; (void)mbuf; (void)length;
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(p);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, p);
  if (ip == NULL) return %s;
  struct tcpudp_hdr *ports = nf_then_get_tcpudp_header(ip, p);
  if (ports == NULL) return device;
  %s
  return device;
}
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("if (ip->next_proto_id == 17 && ports->dst_port == rte_cpu_to_be_16(53)) return 1 - device;", "UDP, dst_port == 53"),
        ("if (rte_be_to_cpu_16(ports->src_port) < 1024) return 1 - device;", "src_port < 1024"),
        ("if (ip->src_addr == rte_cpu_to_be_32(0x0a000001)) return 1 - device;", "src_ip == 10.0.0.1"),
        ("if ((rte_be_to_cpu_32(ip->dst_addr) >> 24) == 10) return 1 - device;", "dst_ip in 10.0.0.0/8"),
        ("if (ip->dst_addr == config.address) return 1 - device;", "dst_ip == config.address"),
        ("if (ip->time_to_live <= 1) return device; else return 1 - device;", "TTL > 1"),
        ("if ((ip->version_ihl & 15) == 5) return 1 - device;", "IHL == 5"),
        ("if (!(ip->fragment_offset & rte_cpu_to_be_16(0x3fff))) return 1 - device;", "no fragment"),
        ("if (ether->ether_type == ports->src_port) return 1 - device;", "EtherType == src_port"),
        ("if (length == 64) return 1 - device;", "frame length == 64"),
        ("if (length - sizeof(*ether) >= 50) return 1 - device;", "at least 64 bytes"),
        ("if (ip->src_addr < ip->dst_addr) return 1 - device;", "htonl(src_ip) < htonl(dst_ip)"),
        ("if (rte_be_to_cpu_16(ports->src_port) / 3 == 7) return 1 - device;", "src_port / 3 == 7"),
        ("if ((ports->src_port ^ ports->dst_port) == ip->packet_id) return 1 - device;", "identification == (src_port ^ dst_port)"),
    ],
)  # fmt: skip
def test_conditions_in_a_network_engineers_words(tmp_path: Path, code: str, said: str) -> None:
    source = tmp_path / "small.c"
    source.write_text(_NF % ("device", code))
    text = " ".join(line.strip("│├└─ ") for line in shown(explain_sources((source,), "small")).splitlines())
    assert said in text
    assert "frame[" not in text


def test_bytes_are_only_called_ports_where_they_are(tmp_path: Path) -> None:
    """Byte 36 of a frame that need not be TCP or UDP has no name."""
    source = tmp_path / "small.c"
    source.write_text(_NF % ("length >= 40 && ((uint8_t *)ether)[36] == 7 ? 1 - device : device", ""))
    assert "frame[36] == 7" in shown(explain_sources((source,), "small"))


def test_a_route_table(tmp_path: Path) -> None:
    text = (
        (_NF % ("device", "return lpm_lookup_elem(routes, rte_be_to_cpu_32(ip->dst_addr));"))
        .replace(
            "struct nf_config {",
            '#include "lib/verified/lpm-dir-24-8.h"\nstatic struct lpm *routes;\nstruct nf_config {',
            1,
        )
        .replace("{ return true; }", "{ return lpm_allocate(&routes) && lpm_update_elem(routes, 0x0a000000, 8, 1); }")
    )
    source = tmp_path / "router.c"
    source.write_text(text)
    said = shown(explain_sources((source,), "router"))
    assert "look up dst_ip in routes" in said and "send to the port found in routes" in said


# --------------------------------------------------------------------------- graphs


@pytest.mark.parametrize("nf", NFS)
def test_graphs_are_dot(nf: str, tmp_path: Path) -> None:
    for n, graph in enumerate((graphs.decision_tree(explained(nf)), graphs.state_accesses(explained(nf)))):
        graphs.write(graph, tmp_path / f"{n}.dot")
        assert (tmp_path / f"{n}.dot").read_text().startswith("digraph")
        try:
            graphs.write(graph, tmp_path / f"{n}.svg")
        except ToolError as error:  # without Graphviz here
            assert "not installed" in error.message and "graphviz" in (error.hint or "")
        else:
            assert ElementTree.parse(tmp_path / f"{n}.svg").getroot().tag.endswith("}svg")


def test_graph_says_what_the_text_says() -> None:
    source = graphs.decision_tree(explained("fw")).source
    assert source.count("[label=drop ") == 4
    assert "not in state->flows" in source


def test_graph_draws_once_what_occurs_several_times() -> None:
    source = graphs.decision_tree(explained("hhh")).source
    assert shown(explained("hhh")).count("go on at [A]") == 1
    assert source.count('label="src_ip/30 found in') == 1


def test_without_graphviz_the_message_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="Graphviz is not installed"):
        graphs.write(graphs.state_accesses(explained("fw")), tmp_path / "x.svg")
    with pytest.raises(InputError, match="no format"):
        graphs.write(graphs.state_accesses(explained("fw")), tmp_path / "x.txt")


def test_names_cannot_break_out_of_a_label() -> None:
    graph = graphviz.Digraph()
    graph.node("a", graphs._wrap('a "b" \\n {c} <d>'))
    try:
        subprocess.run(["dot", "-Tsvg"], input=graph.source, text=True, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("Graphviz is not installed")
