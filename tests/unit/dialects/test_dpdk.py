"""DPDK's dialect: how it is told, what nf_process is given, what results mean, what is in an mbuf."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from maestro_tool import nf, own_files, pipeline, runtime
from maestro_tool.cache import NoCache
from maestro_tool.diagnostics import InputError, UnsupportedError
from maestro_tool.expr import nodes
from maestro_tool.expr.symbols import PACKET_LENGTH
from maestro_tool.frontend.preprocess import HEADERS
from tests.quick import others_long

NFS = Path(__file__).parents[2] / "dialects" / "dpdk"
#: NF -> call paths, and the rules and fields of its constraints; None: all is shared.
EXPECTED: dict[str, tuple[int, list[tuple[str, int]] | None]] = {
    "turn": (40, []),
    "wrap": (5, []),
    "sample": (16, []),
    "gatehouse": (26, [("R1", 4)]),
    "tally": (32, [("R1", 1)]),
    "guests": (28, []),
    "signpost": (12, []),
    "seats": (14, None),
}

ONE = "int nf_process(struct rte_mbuf *m, int64_t now) {{ {process} }}"
BURST = "void nf_process(struct rte_mbuf **mbufs, uint16_t n, int64_t now, uint16_t *outputs) {{ {process} }}"
MAIN = """
#include <rte_ether.h>
#include <rte_mbuf.h>
#include "nf.h"
struct nf_config {{ int unused; }};
struct nf_config config;
{before}
bool nf_init(void) {{ {setup} return true; }}
"""


def written(folder: Path, process: str, *, before: str = "", setup: str = "", entry: str = ONE) -> Path:
    source = folder / "main.c"
    source.write_text((MAIN + entry).format(process=process, before=before, setup=setup))
    return source


def analysed(*sources: Path, arguments: tuple[str, ...] = ()) -> pipeline.Analysed:
    request = pipeline.Request(sources, arguments, include_dirs=(sources[0].parent,))
    return pipeline.analyse(request, NoCache(), pipeline.Stopwatch())


def verdicts(source: Path) -> list[tuple[int, object]]:
    return sorted({(p.port, p.verdict) for p in analysed(source).analysis.paths}, key=str)


@pytest.mark.parametrize("name", others_long(EXPECTED, ("gatehouse", "tally"), "tally"))
def test_plans(name: str) -> None:
    function = nf.load(NFS / name)
    found = analysed(*function.sources, arguments=function.arguments)
    plan = pipeline.derive(found, pipeline.Stopwatch())
    assert found.analysis.dialect == "dpdk"
    constraints = [(c.rule, len(c.equal)) for c in plan.constraints] if plan.shardable else None
    assert (len(found.analysis.paths), constraints) == EXPECTED[name]


# --------------------------------------------------------------------------- which one it is


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("int nf_process(struct rte_mbuf *m, int64_t now) { return 1; }", "dpdk"),
        ("void nf_process(struct\n  rte_mbuf **m, uint16_t n) { }", "dpdk"),
        ("#include <rte_hash.h>\n", "dpdk"),
        ("#include <rte_lpm.h>\n", "dpdk"),
        ("int f(void) { return NF_DROP; }", "dpdk"),
        ("#define NF_DROP 3\nint f(void) { return NF_DROP; }", "libvig"),
        ("#include <rte_mbuf.h>\n#include <rte_jhash.h>\nint f(void) { return 0; }", "libvig"),
        ("int nf_process(uint16_t device, uint8_t **b, uint16_t l, vigor_time_t n, struct rte_mbuf *m) {}", "libvig"),
    ],
)  # fmt: skip
def test_what_tells_it(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / "main.c").write_text(text)
    assert own_files.dialect(own_files.find([tmp_path / "main.c"])).name == name


def test_headers_of_two_are_refused(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text('#include <rte_hash.h>\n#include "lib/verified/map.h"\n')
    with pytest.raises(InputError, match=r"headers of two dialects in one NF: dpdk at .*main.c:1:11, and libvig"):
        own_files.dialect(own_files.find([tmp_path / "main.c"]))


# --------------------------------------------------------------------------- nf_process


@pytest.mark.parametrize(
    ("result", "meaning"), [("65535", "drop"), ("NF_DROP", "drop"), ("NF_FLOOD", "flood"), ("m->port", 0), ("1", 1)]
)
def test_results(tmp_path: Path, result: str, meaning: object) -> None:
    assert verdicts(written(tmp_path, f"return {result};"))[0] == (0, meaning)
    burst = f"struct rte_mbuf *m = mbufs[0]; outputs[0] = {result};"
    assert verdicts(written(tmp_path, burst, entry=BURST))[0] == (0, meaning)


def test_a_burst_that_says_nothing_of_a_packet_is_an_error(tmp_path: Path) -> None:
    source = written(tmp_path, "for (int i = 0; i < n; i++) if (mbufs[i]->port) outputs[i] = 1;", entry=BURST)
    with pytest.raises(InputError, match="reads 'the outputs' before it was written"):
        analysed(source)


def test_a_burst_has_one_packet(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of 'the burst', which has 8"):
        analysed(written(tmp_path, "outputs[0] = mbufs[1]->port;", entry=BURST))


@pytest.mark.parametrize(
    "parameters",
    [
        "uint16_t device, uint8_t **buffer, uint16_t packet_length, int64_t now, struct rte_mbuf *mbuf",
        "struct rte_mbuf *m",
        "struct rte_ether_hdr *m, int64_t now",
        "struct rte_mbuf **mbufs, uint16_t n, int64_t now, uint16_t *outputs",  # but returns something
    ],
)
def test_other_parameters_are_refused(tmp_path: Path, parameters: str) -> None:
    source = written(tmp_path, "return NF_DROP;", entry=f"int nf_process({parameters}) {{{{ {{process}} }}}}")
    with pytest.raises(UnsupportedError, match="nf_process has parameters that are not those of the API") as caught:
        analysed(source)
    assert "struct rte_mbuf **mbufs" in (caught.value.hint or "")


# --------------------------------------------------------------------------- mbufs


def test_what_an_mbuf_says(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        "if (m->nb_segs != 1 || m->vlan_tci || !rte_pktmbuf_is_contiguous(m)) return 7;"
        "if (m->pkt_len != m->data_len || rte_pktmbuf_pkt_len(m) < 14) return 8;"
        "if (rte_pktmbuf_mtod_offset(m, char *, 3) - rte_pktmbuf_mtod(m, char *) != 3) return 9;"
        "return m->port;",
    )
    assert verdicts(source) == [(0, 0), (1, 1)]


def test_frames_are_as_long_as_they_say(tmp_path: Path) -> None:
    read = "return rte_pktmbuf_mtod(m, uint8_t *)[{at}] ? 1 : 0;"
    with pytest.raises(InputError, match="accesses frame byte 20, but the frame may be shorter"):
        analysed(written(tmp_path, read.format(at=20)))
    assert analysed(written(tmp_path, "if (rte_pktmbuf_data_len(m) < 21) return NF_DROP;" + read.format(at=20)))
    assert analysed(written(tmp_path, "if (m->pkt_len < 21) return NF_DROP;" + read.format(at=20)))
    shorter = "if (m->pkt_len < 21 || !rte_pktmbuf_adj(m, 4)) return NF_DROP;"
    assert analysed(written(tmp_path, shorter + read.format(at=16)))
    with pytest.raises(InputError, match="accesses frame byte 17"):
        analysed(written(tmp_path, shorter + read.format(at=17)))


def test_adj_and_prepend_change_lengths_and_start(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        "uint16_t before = m->data_len;"
        "char *cut = rte_pktmbuf_adj(m, 6);"
        "if (cut == NULL || cut != rte_pktmbuf_mtod(m, char *) || m->data_len != before - 6) return 7;"
        "char *start = rte_pktmbuf_prepend(m, 10);"
        "if (start == NULL) return NF_DROP;"
        "memset(start, 0, 10);"
        "return m->pkt_len == before + 4u ? 1 : 8;",
    )
    paths = analysed(source).analysis.paths
    assert {(p.port, p.verdict, p.grown) for p in paths} == {
        (0, "drop", -6), (0, 1, 4), (1, "drop", -6), (1, 1, 4)
    }  # fmt: skip
    grown = next(p for p in paths if p.grown == 4)
    assert [(n, e.const) for n, e in grown.packet_writes] == [(n, 0) for n in range(10)]


def test_trim_changes_lengths_and_end(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        "uint16_t before = m->data_len;"
        "if (before < 40 || rte_pktmbuf_trim(m, 6) != 0) return NF_DROP;"
        "if (m->data_len != before - 6 || m->pkt_len != before - 6u) return 7;"
        "if (rte_pktmbuf_trim(m, before) != -1 || m->data_len != before - 6) return 8;"
        "if (rte_pktmbuf_adj(m, 4) == NULL || m->data_len != before - 10) return 9;"
        "if (before == 40 && rte_pktmbuf_adj(m, 31) != NULL) return 10;"
        "return 1;",
    )
    paths = analysed(source).analysis.paths
    assert {(p.verdict, p.grown) for p in paths} == {("drop", 0), (1, -4)}
    [said] = {p.packet_writes for p in paths if p.verdict == 1}
    length = nodes.concat(*(e for _, e in reversed(said)))
    assert nodes.substitute(length, {PACKET_LENGTH: nodes.const(60, 16)}) is nodes.const(50, 16)


def test_adj_of_more_than_there_is_gives_null(tmp_path: Path) -> None:
    assert verdicts(written(tmp_path, "return rte_pktmbuf_adj(m, 100) == NULL ? NF_DROP : 1;")) == [
        (0, "drop"), (0, 1), (1, "drop"), (1, 1),
    ]  # fmt: skip
    source = written(tmp_path, "rte_pktmbuf_adj(m, 4); return rte_pktmbuf_adj(m, 10) == NULL ? 5 : 1;")
    assert verdicts(source) == [(0, 1), (1, 1)]  # 14 bytes are always there


def test_pointers_of_before_are_out_of_date(tmp_path: Path) -> None:
    source = written(tmp_path, "char *old = rte_pktmbuf_mtod(m, char *); rte_pktmbuf_adj(m, 2); return old[0];")
    with pytest.raises(InputError, match="where the frame was before it moved"):
        analysed(source)


@pytest.mark.parametrize("member", ["buf_addr", "data_off", "ol_flags", "packet_type", "pool", "next", "refcnt"])
def test_other_members_are_refused_by_name(tmp_path: Path, member: str) -> None:
    with pytest.raises(UnsupportedError, match=f"reads '{member}' of the packet's mbuf"):
        analysed(written(tmp_path, f"return m->{member} ? 1 : 0;"))
    with pytest.raises(UnsupportedError, match="reads 'hash' of the packet's mbuf"):
        analysed(written(tmp_path, "return m->hash.rss & 1;"))


@pytest.mark.parametrize("member", ["port", "data_len", "ol_flags", "vlan_tci"])
def test_nothing_is_written_there(tmp_path: Path, member: str) -> None:
    with pytest.raises(UnsupportedError, match=f"writes '{member}' of the packet's mbuf"):
        analysed(written(tmp_path, f"m->{member} = 1; return 1;"))


UNSUPPORTED = {
    "rte_pktmbuf_append": "rte_pktmbuf_append(m, 4)",
    "rte_pktmbuf_headroom": "rte_pktmbuf_headroom(m)",
    "rte_pktmbuf_tailroom": "rte_pktmbuf_tailroom(m)",
    "rte_pktmbuf_free": "rte_pktmbuf_free(m)",
    "rte_pktmbuf_alloc": "rte_pktmbuf_alloc(NULL)",
    "rte_pktmbuf_clone": "rte_pktmbuf_clone(m, NULL)",
    "rte_pktmbuf_copy": "rte_pktmbuf_copy(m, NULL, 0, 4)",
    "rte_pktmbuf_chain": "rte_pktmbuf_chain(m, m)",
    "rte_pktmbuf_linearize": "rte_pktmbuf_linearize(m)",
    "rte_vlan_strip": "rte_vlan_strip(m)",
    "rte_vlan_insert": "rte_vlan_insert(&m)",
}


@pytest.mark.parametrize("name", others_long(UNSUPPORTED, ("rte_pktmbuf_append", "rte_pktmbuf_free")))
def test_what_is_not_offered_is_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsupportedError, match=f"'{name}' is neither defined by the NF nor known here") as caught:
        analysed(written(tmp_path, f"{UNSUPPORTED[name]}; return 1;"))
    assert caught.value.hint and "nf.yaml" not in caught.value.hint


TABLES = {
    "rte_hash_set_cmp_func": "rte_hash_set_cmp_func(h, NULL)",
    "rte_hash_find_existing": 'rte_hash_find_existing("flows")',
    "rte_hash_free": "rte_hash_free(h)",
    "rte_hash_reset": "rte_hash_reset(h)",
    "rte_hash_max_key_id": "rte_hash_max_key_id(h)",
    "rte_hash_hash": "rte_hash_hash(h, &now)",
    "rte_hash_add_key_with_hash": "rte_hash_add_key_with_hash(h, &now, 1)",
    "rte_hash_add_key_with_hash_data": "rte_hash_add_key_with_hash_data(h, &now, 1, NULL)",
    "rte_hash_del_key_with_hash": "rte_hash_del_key_with_hash(h, &now, 1)",
    "rte_hash_lookup_with_hash": "rte_hash_lookup_with_hash(h, &now, 1)",
    "rte_hash_lookup_with_hash_data": "rte_hash_lookup_with_hash_data(h, &now, 1, NULL)",
    "rte_hash_lookup_with_hash_bulk": "rte_hash_lookup_with_hash_bulk(h, NULL, NULL, 1, NULL)",
    "rte_hash_lookup_with_hash_bulk_data": "rte_hash_lookup_with_hash_bulk_data(h, NULL, NULL, 1, NULL, NULL)",
    "rte_hash_get_key_with_position": "rte_hash_get_key_with_position(h, 1, NULL)",
    "rte_hash_free_key_with_position": "rte_hash_free_key_with_position(h, 1)",
    "rte_hash_iterate": "rte_hash_iterate(h, NULL, NULL, NULL)",
    "rte_lpm_find_existing": 'rte_lpm_find_existing("routes")',
    "rte_lpm_free": "rte_lpm_free(l)",
    "rte_lpm_delete": "rte_lpm_delete(l, 1, 8)",
    "rte_lpm_delete_all": "rte_lpm_delete_all(l)",
}
BOTH = "#include <rte_hash.h>\n#include <rte_lpm.h>\nstatic struct rte_hash *h;\nstatic struct rte_lpm *l;\n"


@pytest.mark.parametrize("name", others_long(TABLES, ("rte_hash_iterate", "rte_lpm_delete")))
def test_of_tables_too(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsupportedError, match=f"'{name}' is neither defined by the NF nor known here") as caught:
        analysed(written(tmp_path, f"{TABLES[name]}; return 1;", before=BOTH))
    assert caught.value.hint and "nf.yaml" not in caught.value.hint


def test_each_function_that_is_only_declared_is_asked_for() -> None:
    """In the headers, behind the words that say so."""
    for header, asked in (("rte_hash.h", TABLES), ("rte_lpm.h", TABLES)):
        _, found, text = (runtime.INCLUDE / header).read_text().partition("/* Not supported")
        assert found and set(re.findall(r"(rte_\w+)\(", text)) <= asked.keys()
    _, found, text = (HEADERS / "maestro_mbuf.h").read_text().partition("/* Not supported")
    assert found and set(re.findall(r"(rte_\w+)\(", text)) == UNSUPPORTED.keys()


TABLE = 'h = rte_hash_create(&(struct rte_hash_parameters){{.name = "t", .entries = {entries}, .key_len = {size}, .extra_flag = {flags}}}); if (!h) return false;'


@pytest.mark.parametrize(("entries", "size", "flags"), [(7, 4, 0), (8, 0, 0), (8, 65, 0), (8, 4, 0x10), (8, 4, 0x20)])
def test_tables_that_cannot_be_made(tmp_path: Path, entries: int, size: int, flags: int) -> None:
    make = TABLE.format(entries=entries, size=size, flags=flags)
    with pytest.raises(InputError, match="nf_init"):
        analysed(written(tmp_path, "return 1;", before=BOTH, setup=make))


def test_padding_of_keys_must_have_a_value(tmp_path: Path) -> None:
    """As DPDK copies it with the key, and compares it."""
    before = BOTH + "struct odd {{ uint8_t a; uint32_t b; }};".replace("{{", "{").replace("}}", "}")
    make = TABLE.format(entries=8, size=8, flags=0)
    look = "struct odd key{}; {}key.a = 1; key.b = 2; return rte_hash_lookup(h, &key) < 0 ? NF_DROP : 1;"
    cleared = written(tmp_path, look.format("", "memset(&key, 0, sizeof key); "), before=before, setup=make)
    assert analysed(cleared)
    with pytest.raises(InputError, match="reads 'key' before it was written"):
        analysed(written(tmp_path, look.format("", ""), before=before, setup=make))


def test_data_is_a_number_that_leads_nowhere(tmp_path: Path) -> None:
    make = TABLE.format(entries=8, size=8, flags=0)
    ask = "void *data = NULL; if (rte_hash_lookup_data(h, &now, &data) < 0) return NF_DROP; "
    told = written(
        tmp_path, ask + "return data == NULL ? 0 : (uintptr_t)data == 5 ? 1 : NF_FLOOD;", before=BOTH, setup=make
    )
    assert {v for _, v in verdicts(told)} == {"drop", 0, 1, "flood"}  # any number may be there
    put = "if (rte_hash_add_key_data(h, &now, (void *)(uintptr_t)m->pkt_len)) return NF_DROP; "
    with pytest.raises(UnsupportedError, match="reads at an address that is not known"):
        analysed(written(tmp_path, put + ask + "return *(int *)data;", before=BOTH, setup=make))
    with pytest.raises(UnsupportedError, match="stores a pointer or floating-point number in a vector's element"):
        analysed(written(tmp_path, "rte_hash_add_key_data(h, &now, &now); return 1;", before=BOTH, setup=make))


def test_routes_that_packets_change_are_shared(tmp_path: Path) -> None:
    make = (
        'l = rte_lpm_create("r", 0, &(struct rte_lpm_config){.max_rules = 9, .number_tbl8s = 9}); if (!l) return false;'
    )
    change = "uint32_t hop = 0; if (m->data_len > 99) rte_lpm_add(l, m->data_len, 32, 1); return rte_lpm_lookup(l, 5, &hop) ? NF_DROP : (int)hop;"
    plan = pipeline.derive(analysed(written(tmp_path, change, before=BOTH, setup=make)), pipeline.Stopwatch())
    assert not plan.shardable and {d.treatment for d in plan.decisions} == {"shared"}


def test_the_cursor_is_not_there(tmp_path: Path) -> None:
    source = written(tmp_path, "nf_borrow_next_chunk(m, 14); return 1;", before='#include "nf-util.h"')
    with pytest.raises(UnsupportedError, match="'nf_borrow_next_chunk' is neither"):
        analysed(source)
