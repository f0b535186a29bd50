"""XDP's dialect: how it is told, which program and maps a file has, what verdicts mean, what is refused by name."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from maestro_tool import nf, own_files, pipeline, runtime, xdp
from maestro_tool.cache import NoCache
from maestro_tool.diagnostics import InputError, MaestroError, UnsupportedError
from maestro_tool.expr.nodes import symbols
from maestro_tool.expr.symbols import Produced
from maestro_tool.symex.callpath import LENGTH_AT
from maestro_tool.xdp import Attachment
from tests.quick import others_long
from tests.unit.frontend.test_layouts import dpdk_flags

NFS = Path(__file__).parents[2] / "dialects" / "xdp"
#: NF -> call paths, and the rules and fields of its constraints; None: all is shared.
EXPECTED: dict[str, tuple[int, list[tuple[str, int]] | None]] = {
    "doorman": (20, [("R1", 1)]),
    "turnstile": (24, [("R1", 4)]),
    "parrot": (24, []),
    "census": (10, None),
    "guestlist": (12, []),
    "knock": (28, [("R1", 1)]),
    "tallies": (36, [("R1", 1)]),
    "lanes": (34, [("R1", 4)]),
    "curt": (16, [("R1", 1)]),
    "sieve": (18, None),
    "switchboard": (12, []),
    "wayside": (14, []),
    "envelope": (10, []),
}

START = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
HASH = (
    "struct {{ __uint(type, {type}); __uint(max_entries, 64); __type(key, __u32); __type(value, {value}); }} "
    'm SEC(".maps");\n'
)


def written(
    folder: Path, body: str, *, type: str = "BPF_MAP_TYPE_HASH", value: str = "__u64", before: str = ""
) -> Path:
    """A program with the map `m`."""
    source = folder / "f.xdp.c"
    text = f'{START}{HASH.format(type=type, value=value)}{before}SEC("xdp")\nint f(struct xdp_md *ctx) {{\n{body}\n}}\n'
    source.write_text(text)
    return source


def analysed(*sources: Path, attached: Attachment | None = None, arguments: Sequence[str] = ()) -> pipeline.Analysed:
    words = (attached or Attachment(passes=1)).words
    request = pipeline.Request(sources, tuple(arguments), include_dirs=(sources[0].parent,), xdp=words)
    return pipeline.analyse(request, NoCache(), pipeline.Stopwatch())


def verdicts(source: Path, attached: Attachment | None = None) -> list[tuple[int, object]]:
    return sorted({(p.port, p.verdict) for p in analysed(source, attached=attached).analysis.paths}, key=str)


@pytest.mark.parametrize("name", others_long(EXPECTED, ("doorman", "turnstile"), "doorman"))
def test_plans(name: str) -> None:
    function = nf.load(NFS / name)
    found = analysed(*function.sources, attached=function.attachment, arguments=function.arguments)
    plan = pipeline.derive(found, pipeline.Stopwatch())
    assert found.analysis.dialect == "xdp"
    constraints = [(c.rule, len(c.equal)) for c in plan.constraints] if plan.shardable else None
    assert (len(found.analysis.paths), constraints) == EXPECTED[name]


# --------------------------------------------------------------------------- which one it is


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("#include <linux/bpf.h>\n", "xdp"),
        ("#include <bpf/bpf_helpers.h>\n", "xdp"),
        ("int f(void) { return XDP_PASS; }", "libvig"),
    ],
)
def test_what_tells_it(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / "main.c").write_text(text)
    assert own_files.dialect(own_files.find([tmp_path / "main.c"])).name == name


def test_linux_headers_are_of_this_dialect_only(tmp_path: Path) -> None:
    source = tmp_path / "main.c"
    source.write_text('#include "nf.h"\n#include <linux/ip.h>\n')
    with pytest.raises(UnsupportedError, match=r"header <linux/ip\.h> is not known") as caught:
        analysed(source)
    assert caught.value.location is not None and str(caught.value.location).endswith("main.c:2")


# --------------------------------------------------------------------------- programs and maps


def test_one_of_several_programs(tmp_path: Path) -> None:
    source = written(
        tmp_path, "return XDP_DROP;", before='SEC("xdp.frags/x") int g(struct xdp_md *c) { return XDP_TX; }\n'
    )
    assert verdicts(source, Attachment("f", 1)) == [(0, "drop"), (1, "drop")]
    assert verdicts(source, Attachment("g", 1)) == [(0, 0), (1, 1)]
    with pytest.raises(InputError, match="there are several programs") as caught:
        analysed(source)
    assert "there are g, f" in (caught.value.hint or "")
    with pytest.raises(InputError, match="no program is called 'h'"):
        analysed(source, attached=Attachment("h"))


def test_without_a_program(tmp_path: Path) -> None:
    (tmp_path / "f.xdp.c").write_text(f'{START}SEC("tc") int f(void *s) {{ return 0; }}\n')
    with pytest.raises(InputError, match="there is no program for XDP"):
        analysed(tmp_path / "f.xdp.c")


@pytest.mark.parametrize(
    "definition",
    [
        'struct { __uint(type, BPF_MAP_TYPE_HASH); __type(key, int); __type(value, char[3]); __uint(max_entries, 9); } x SEC(".maps");',
        'struct { __type(key, __u8[6]); __uint(value_size, 3); __uint(max_entries, 9); __uint(type, BPF_MAP_TYPE_HASH); } x SEC(".maps");',
        'struct bpf_map_def SEC("maps") x = {.key_size = 4, .value_size = 3, .type = BPF_MAP_TYPE_HASH, .max_entries = 9};',
        'struct bpf_map_def x SEC("maps") = {.type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 3, .max_entries = 9};',
        "struct bpf_map_def { unsigned int type, key_size, value_size, max_entries, map_flags; };\n"
        'struct bpf_map_def SEC("maps") x = {BPF_MAP_TYPE_HASH, 4, 3, 9, 0};',
    ],
)  # fmt: skip
def test_forms_of_definitions(tmp_path: Path, definition: str) -> None:
    look = "if (ctx->data + 14 > ctx->data_end) return XDP_DROP;\nreturn bpf_map_lookup_elem(&x, ctx->data) ? XDP_TX : XDP_DROP;"
    found = analysed(written(tmp_path, look, before=f"{definition}\n"))
    sizes = {o.kind: (o.capacity, o.element_size) for o in found.analysis.objects[:4]}
    assert sizes["vector"][0] in (9, 64) and (9, 3) in [(o.capacity, o.element_size) for o in found.analysis.objects]


@pytest.mark.parametrize(
    "type", ["BPF_MAP_TYPE_RINGBUF", "BPF_MAP_TYPE_PROG_ARRAY", "BPF_MAP_TYPE_STACK", "BPF_MAP_TYPE_HASH_OF_MAPS", "1"]
)
def test_other_types_are_refused_by_name(tmp_path: Path, type: str) -> None:
    with pytest.raises(UnsupportedError, match=f"map 'm' is of a type that is not supported: {type}") as caught:
        analysed(written(tmp_path, "return XDP_DROP;", type=type))
    assert str(caught.value.location).startswith(f"{tmp_path}/f.xdp.c:3:")


@pytest.mark.parametrize(
    "call",
    [
        "bpf_tail_call(ctx, &m, 0)",
        "bpf_fib_lookup(ctx, 0, 0, 0)",
        "bpf_get_prandom_u32()",
        "bpf_get_smp_processor_id()",
        "bpf_ringbuf_output(&m, 0, 0, 0)",
        "bpf_perf_event_output(ctx, &m, 0, 0, 0)",
        "bpf_loop(3, 0, 0, 0)",
        "bpf_xdp_adjust_meta(ctx, 4)",
        "bpf_ktime_get_boot_ns()",
    ],
)
def test_other_helpers_are_refused_by_name(tmp_path: Path, call: str) -> None:
    name = call.partition("(")[0]
    with pytest.raises(MaestroError, match=f"'{name}' is neither defined by the NF nor known here") as caught:
        analysed(written(tmp_path, f"  {call};\n  return XDP_DROP;"))
    assert str(caught.value.location) == f"{tmp_path}/f.xdp.c:6:3" and caught.value.hint


@pytest.mark.parametrize("member", ["rx_queue_index", "egress_ifindex", "data_meta"])
def test_other_members_are_refused_by_name(tmp_path: Path, member: str) -> None:
    with pytest.raises(InputError, match=f"has no member '{member}'"):
        analysed(written(tmp_path, f"return ctx->{member} ? XDP_DROP : XDP_TX;"))


def test_what_is_only_counted_is_counted_by_each_core() -> None:
    """Maps with a part for each CPU, and atomic additions, are as others: what no packet reads may be counted apart."""
    function = nf.load(NFS / "tallies")
    plan = pipeline.derive(analysed(*function.sources, attached=function.attachment), pipeline.Stopwatch())
    names = {o.id: o.name for o in analysed(*function.sources, attached=function.attachment).analysis.objects}
    apart = {names[d.object] for d in plan.decisions if d.treatment == "per-core"}
    assert apart == {"of_protocol.map->values", "by_length.map->values"}


@pytest.mark.parametrize(
    ("change", "gives", "leaves"),
    [
        ("__sync_fetch_and_add(v, 250)", 9, 3),
        ("__sync_fetch_and_sub(v, 10)", 9, 255),
        ("__sync_add_and_fetch(v, 250)", 3, 3),
        ("__sync_sub_and_fetch(v, 10)", 255, 255),
        ("__sync_fetch_and_or(v, 6)", 9, 15),
        ("__sync_fetch_and_and(v, 8)", 9, 8),
        ("__sync_fetch_and_xor(v, 1)", 9, 8),
        ("__sync_lock_test_and_set(v, 4)", 9, 4),
        ("__sync_val_compare_and_swap(v, 9, 5)", 9, 5),
        ("__sync_val_compare_and_swap(v, 8, 5)", 9, 9),
        ("__atomic_fetch_add(v, 1, __ATOMIC_RELAXED)", 9, 10),
        ("__atomic_add_fetch(v, 1, __ATOMIC_SEQ_CST)", 10, 10),
    ],
)
def test_atomic_changes(tmp_path: Path, change: str, gives: int, leaves: int) -> None:
    """Of a byte; what the analysis takes them for is compared with what gcc compiles."""
    body = "__u8 at = 9, *v = &at;\n__u32 given = {change};\nreturn given == {gives} && at == {leaves} ? XDP_TX : XDP_DROP;"
    body = body.format(change=change, gives=gives, leaves=leaves)
    assert verdicts(written(tmp_path, body)) == [(0, 0), (1, 1)]
    plain = (
        body.replace("__u8", "unsigned char")
        .replace("__u32", "unsigned")
        .replace("XDP_TX", "0")
        .replace("XDP_DROP", "1")
    )
    (tmp_path / "plain.c").write_text(f"int main(void) {{ {plain} }}\n")
    subprocess.run(["gcc", str(tmp_path / "plain.c"), "-o", str(tmp_path / "plain")], check=True)
    assert subprocess.run([tmp_path / "plain"], check=False).returncode == 0


# --------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("result", "meaning"),
    [
        ("XDP_DROP", ["drop", "drop"]),
        ("XDP_ABORTED", ["drop", "drop"]),
        ("XDP_TX", [0, 1]),
        ("XDP_PASS", [1, 1]),
        ("77", ["drop", "drop"]),
        ("XDP_REDIRECT", ["drop", "drop"]),
        ("bpf_redirect(5, 0)", [0, 0]),
        ("bpf_redirect(6, 0)", ["drop", "drop"]),
        ("bpf_redirect(5, 1)", ["drop", "drop"]),
        ("bpf_redirect(5, 0) == XDP_REDIRECT ? XDP_PASS : XDP_DROP", [1, 1]),
        ("bpf_redirect(ctx->ingress_ifindex == 5 ? 9 : 5, 0)", [1, 0]),
    ],
)
def test_verdicts(tmp_path: Path, result: str, meaning: list[object]) -> None:
    source = written(tmp_path, f"return {result};")
    assert [v for _, v in verdicts(source, Attachment("", 1, ((5, 0), (9, 1))))] == meaning


@pytest.mark.parametrize("type", ["BPF_MAP_TYPE_DEVMAP", "BPF_MAP_TYPE_DEVMAP_HASH"])
@pytest.mark.parametrize(
    ("key", "flags", "arguments", "meaning"),
    [
        ("5", "0", (), [0, 0]),
        ("5", "0", ("m[5]=9",), [1, 1]),
        ("7", "0", (), ["drop", "drop"]),
        ("7", "XDP_PASS", (), [1, 1]),
        ("7", "XDP_TX", (), [0, 1]),
        ("7", "0", ("m[7]=5",), [0, 0]),
        ("7", "0", ("m[7]=6",), ["drop", "drop"]),
        ("5", "4", (), ["drop", "drop"]),
        ("70", "XDP_PASS", (), [1, 1]),
        ("ctx->ingress_ifindex == 5 ? 9 : 5", "0", (), [1, 0]),
    ],
)
def test_maps_of_devices(
    tmp_path: Path, type: str, key: str, flags: str, arguments: tuple[str, ...], meaning: list[object]
) -> None:
    source = written(tmp_path, f"return bpf_redirect_map(&m, {key}, {flags});", type=type, value="__u32")
    found = analysed(source, attached=Attachment("", 1, ((5, 0), (9, 1))), arguments=arguments)
    for port in (0, 1):  # the map is read by packets: what the other paths stand for does not come
        assert meaning[port] in {p.verdict for p in found.analysis.paths if p.port == port}


def test_broadcasts_are_refused_by_name(tmp_path: Path) -> None:
    source = written(tmp_path, "return bpf_redirect_map(&m, 0, BPF_F_BROADCAST);", type="BPF_MAP_TYPE_DEVMAP")
    with pytest.raises(MaestroError, match="'bpf_redirect_map_BROADCAST' is neither"):
        analysed(source)


TRIE = (
    "struct prefix { __u32 prefixlen; __u8 data[%d]; };\n"
    "struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __type(key, struct prefix); __type(value, __u32); "
    '__uint(max_entries, %d); } t SEC(".maps");\n'
)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("return bpf_map_delete_elem(&t, &p);", "bpf_map_delete_elem_of_LPM_TRIE"),
        (
            "p.prefixlen = 8; return !bpf_map_lookup_elem(&t, &p);",
            "bpf_map_lookup_elem_of_LPM_TRIE_by_a_shorter_prefix",
        ),
    ],
)
def test_what_tries_lack_is_refused_by_name(tmp_path: Path, body: str, name: str) -> None:
    before = TRIE % (4, 8)
    with pytest.raises(MaestroError, match=f"'{name}' is neither"):
        analysed(written(tmp_path, "struct prefix p = {32, {10, 0, 0, 1}};\n" + body, before=before))


@pytest.mark.parametrize(
    ("bytes", "entries", "message"), [(16, 8, "keys of 8 bytes"), (4, 32768, "at most 32767 entries")]
)
def test_other_tries_are_refused(tmp_path: Path, bytes: int, entries: int, message: str) -> None:
    with pytest.raises(MaestroError, match=message):
        analysed(written(tmp_path, "return XDP_DROP;", before=TRIE % (bytes, entries)))


@pytest.mark.parametrize(("address", "meaning"), [("10, 1, 2, 3", 1), ("10, 1, 3, 3", 0), ("11, 0, 0, 0", "drop")])
def test_packets_may_add_routes(tmp_path: Path, address: str, meaning: object) -> None:
    body = (
        f"struct prefix a = {{8, {{10, 9, 9, 9}}}}, b = {{24, {{10, 1, 2, 0}}}}, p = {{32, {{{address}}}}};\n__u32 x = 5, y = 9;\n"
        "bpf_map_update_elem(&t, &a, &x, 0); bpf_map_update_elem(&t, &b, &y, 0);\n"
        "__u32 *found = bpf_map_lookup_elem(&t, &p);\nreturn found ? bpf_redirect(*found, 0) : XDP_DROP;"
    )
    source = written(tmp_path, body, before=TRIE % (4, 8))
    found = analysed(source, attached=Attachment("", None, ((5, 0), (9, 1))))
    assert meaning in {path.verdict for path in found.analysis.paths}
    plan = pipeline.derive(found, pipeline.Stopwatch())
    assert not plan.shardable  # the table is one


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("0, 0, a, 12, 0", 0x2345_6789 + 0xFFFF_FFF0 + 0x23),
        ("a, 4, b, 4, 0x80000000", (~0x2345_6789 & 0xFFFF_FFFF) + 0xFFFF_FFFF + 0x8000_0000),
        ("a, 8, 0, 0, 5", (~0x2345_6789 & 0xFFFF_FFFF) + 0xF + 5),
        ("a, 3, b, 4, 0", None),
        ("a, 512, b, 4, 0", None),
    ],
)
def test_checksums_of_differences(tmp_path: Path, given: str, expected: int | None) -> None:
    """Sums of 32 bits with the carry coming round, or -EINVAL."""
    words = "__be32 a[3] = {0x23456789, 0xfffffff0, 0x23}, b[1] = {0xffffffff};\n"
    value = -22 if expected is None else (expected % 0xFFFF_FFFF)
    source = written(tmp_path, f"{words}return bpf_csum_diff({given}) == {value}LL ? XDP_TX : XDP_DROP;")
    assert verdicts(source) == [(0, 0), (1, 1)]


@pytest.mark.parametrize(
    ("delta", "then", "verdict"),
    [
        ("4", "ctx->data_end - ctx->data", {"drop", 0}),  # frames of less than 18 bytes stay as they are
        ("-8", "ctx->data_end - ctx->data == 22", {"drop", 0}),
        ("-300", "1", {"drop"}),
        ("70000", "1", {"drop"}),
        ("0", "1", {0}),
    ],
)
def test_the_head_is_adjusted(tmp_path: Path, delta: str, then: str, verdict: set[object]) -> None:
    source = written(
        tmp_path, f"if (bpf_xdp_adjust_head(ctx, {delta})) return XDP_DROP;\nreturn {then} ? XDP_TX : XDP_DROP;"
    )
    assert {v for port, v in verdicts(source) if port == 0} == verdict


@pytest.mark.parametrize(
    ("delta", "then", "verdict"),
    [
        ("-4", "ctx->data_end - ctx->data", {"drop", 0}),  # frames of less than 18 bytes stay as they are
        ("-70000", "1", {"drop"}),
        ("-0x7fffffff - 1", "1", {"drop"}),
        ("0", "1", {0}),
        ("14 - (int)(ctx->data_end - ctx->data)", "ctx->data_end - ctx->data == 14", {0}),
        ("13 - (int)(ctx->data_end - ctx->data)", "1", {"drop"}),
    ],
)
def test_the_tail_is_cut(tmp_path: Path, delta: str, then: str, verdict: set[object]) -> None:
    source = written(
        tmp_path, f"if (bpf_xdp_adjust_tail(ctx, {delta})) return XDP_DROP;\nreturn {then} ? XDP_TX : XDP_DROP;"
    )
    assert {v for port, v in verdicts(source) if port == 0} == verdict


def test_a_longer_tail_is_refused_by_name(tmp_path: Path) -> None:
    """Where it may be asked for: not behind a test that it is not."""
    cut = "int delta = 60 - (int)(ctx->data_end - ctx->data);\n%s return bpf_xdp_adjust_tail(ctx, delta) ? 1 : 3;"
    with pytest.raises(MaestroError, match="'bpf_xdp_adjust_tail_by_more_than_0' is neither"):
        analysed(written(tmp_path, cut % ""))
    assert {v for _, v in verdicts(written(tmp_path, cut % "if (delta > 0) return XDP_DROP;"))} == {"drop", 0, 1}


@pytest.mark.parametrize(
    ("access", "fits"), [("data[59]", True), ("data[60]", False), ("(data[59] = 1)", True), ("(data[60] = 1)", False)]
)
def test_what_was_cut_is_out_of_reach(tmp_path: Path, access: str, fits: bool) -> None:
    """Though the frame came with it."""
    source = written(
        tmp_path,
        "int length = (int)(ctx->data_end - ctx->data);\nif (length < 100) return XDP_DROP;\n"
        "if (bpf_xdp_adjust_tail(ctx, 60 - length)) return XDP_DROP;\n"
        f"__u8 *data = ctx->data;\nreturn {access} ? XDP_TX : XDP_DROP;",
    )
    if fits:
        assert 0 in {v for _, v in verdicts(source)}
    else:
        with pytest.raises(InputError, match="accesses frame byte 60, but the frame may be shorter"):
            analysed(source)


def test_a_frames_new_length_is_part_of_what_leaves(tmp_path: Path) -> None:
    """It may come from state, and paths that differ in it only are not one."""
    body = (
        "__u32 key = 1, length = (__u32)(ctx->data_end - ctx->data);\n"
        "__u64 *cut = bpf_map_lookup_elem(&m, &key);\nif (!cut) return XDP_TX;\n"
        "if (*cut > 40 || length < 60) return XDP_DROP;\n"
        "if (bpf_xdp_adjust_tail(ctx, -(int)*cut)) return XDP_DROP;\n*cut = 7;\nreturn XDP_TX;"
    )
    found = analysed(written(tmp_path, body, type="BPF_MAP_TYPE_ARRAY")).analysis
    [path] = [p for p in found.paths if p.port == 0 and p.verdict == 0]
    assert [n for n, _ in path.packet_writes] == [LENGTH_AT, LENGTH_AT + 1]
    assert {s.value.part for _, e in path.packet_writes for s in symbols(e) if isinstance(s.value, Produced)}
    assert found.frame_moved  # no packet starts again
    cut = "if (length < 60) return XDP_DROP;\nif (((__u8 *)ctx->data)[%d] & 1) bpf_xdp_adjust_tail(ctx, %d);\nreturn XDP_TX;"
    both = "__u32 length = (__u32)(ctx->data_end - ctx->data);\n" + cut % (0, -1)
    lengths = {p.packet_writes for p in analysed(written(tmp_path, both)).analysis.paths if p.verdict == p.port}
    assert len(lengths) == 2


def test_pointers_of_before_are_out_of_date(tmp_path: Path) -> None:
    body = (
        "__u8 *data = ctx->data;\nif (bpf_xdp_adjust_head(ctx, 2)) return XDP_DROP;\nreturn *data ? XDP_TX : XDP_DROP;"
    )
    with pytest.raises(MaestroError, match=r"out of date|moved|no longer"):
        analysed(written(tmp_path, body))


def test_pass_may_mean_drop(tmp_path: Path) -> None:
    assert verdicts(written(tmp_path, "return XDP_PASS;"), Attachment("", "drop")) == [(0, "drop"), (1, "drop")]


def test_where_pass_leads_must_be_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nf\.yaml does not say where frames go") as caught:
        analysed(written(tmp_path, "return XDP_PASS;"), attached=Attachment("f"))
    assert str(caught.value.location) == f"{tmp_path}/f.xdp.c:6:8"
    assert verdicts(written(tmp_path, "return XDP_TX;"), Attachment("f")) == [(0, 0), (1, 1)]


def test_an_interface_that_is_not_said_has_no_index(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="before it was written"):
        analysed(written(tmp_path, "return ctx->ingress_ifindex ? XDP_DROP : XDP_TX;"))


# --------------------------------------------------------------------------- nf.yaml and names


def described(folder: Path, text: str) -> nf.NetworkFunction:
    written(folder, "return XDP_DROP;")
    (folder / "nf.yaml").write_text(text)
    return nf.load(folder / "f.xdp.c")


def test_what_nf_yaml_says(tmp_path: Path) -> None:
    found = described(tmp_path, "xdp: {pass: 1, redirect: {9: 1, 5: 0}}\n")
    assert (found.name, found.attachment) == ("f", Attachment("", 1, ((5, 0), (9, 1))))
    assert xdp.read(found.attachment.words) == found.attachment
    assert described(tmp_path, "xdp: {pass: drop}\n").attachment.words == ("pass=drop",)
    assert described(tmp_path, "ports: 2\n").attachment == Attachment()


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("xdp: {pass: 32}", "1:13", "must be a port, from 0 to 31, or drop"),
        ("xdp: {pass: up}", "1:13", "must be a port"),
        ("xdp: {passes: 1}", "1:7", "unknown"),
        ("xdp: {redirect: {3: 99}}", "1:21", "must be a port, from 0 to 31"),
        ("xdp: {redirect: {4294967295: 1}}", "1:18", "must be the index of an interface"),
        ("xdp: {redirect: {eth0: 1}}", "1:18", "must be the index of an interface"),
        ("xdp: {redirect: 3}", "1:17", "must be a mapping"),
    ],
)
def test_what_nf_yaml_may_not_say(tmp_path: Path, text: str, place: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        described(tmp_path, text + "\n")
    assert str(caught.value.location) == f"{tmp_path}/nf.yaml:{place}"


def test_programs_by_file_and_function(tmp_path: Path) -> None:
    source = written(tmp_path, "return XDP_DROP;")
    (tmp_path / "other.c").write_text("int unused;\n")
    found = nf.load(tmp_path / "f.xdp.c:f")
    assert (found.name, found.sources, found.attachment.program) == ("f", (source,), "f")
    assert nf.name_of(Path("a/some-thing.xdp.c")) == "some_thing" and nf.name_of(Path("a/x.xdp.c:y")) == "y"
    (tmp_path / "nf.yaml").write_text("sources: [f.xdp.c, other.c]\n")
    assert nf.load(source).sources == (source, tmp_path / "other.c")
    with pytest.raises(InputError, match="no file"):
        nf.load(tmp_path / "g.xdp.c")


@pytest.mark.parametrize("word", ["pass", "pass=", "pass=x", "redirect=3", "redirect=3:x", "pass=1:2", "way=1"])
def test_words_of_the_command_that_say_nothing(word: str) -> None:
    with pytest.raises(InputError, match=f"--xdp={word}"):
        xdp.read([word])


# --------------------------------------------------------------------------- options


def test_options_are_entries_of_maps(tmp_path: Path) -> None:
    look = "__u32 key = 7;\n__u64 *v = bpf_map_lookup_elem(&m, &key);\nreturn v && *v == 5 ? XDP_TX : XDP_DROP;"
    source = written(tmp_path, look, type="BPF_MAP_TYPE_ARRAY")
    assert len(analysed(source, arguments=["m[7]=5", "m[0x8]=0x10"]).analysis.paths)
    for wrong in ("m[64]=1", "m[7]5", "m[7]=x", "m[]=1", "m[7]=", "n[7]=1", "m"):
        with pytest.raises(MaestroError, match="sets no entry of a map"):
            analysed(source, arguments=[wrong])


def test_a_map_that_only_options_fill_is_read_only(tmp_path: Path) -> None:
    look = (
        "if (ctx->data + 34 > ctx->data_end) return XDP_DROP;\n"
        "return bpf_map_lookup_elem(&m, ctx->data + 26) ? XDP_TX : XDP_DROP;"
    )
    plan = pipeline.derive(analysed(written(tmp_path, look), arguments=["m[10.0.0.1]=5"]), pipeline.Stopwatch())
    assert plan.shardable and not plan.constraints


# --------------------------------------------------------------------------- headers

#: What programs know of Linux's headers, as C expressions.
KNOWN = """
    sizeof(struct ethhdr) offsetof(struct ethhdr, h_proto) ETH_ALEN ETH_P_IP ETH_P_IPV6 ETH_P_ARP ETH_P_8021Q ETH_P_8021AD
    sizeof(struct iphdr) offsetof(struct iphdr, tos) offsetof(struct iphdr, frag_off) offsetof(struct iphdr, protocol)
    offsetof(struct iphdr, check) offsetof(struct iphdr, saddr) offsetof(struct iphdr, daddr)
    sizeof(struct ipv6hdr) offsetof(struct ipv6hdr, nexthdr) offsetof(struct ipv6hdr, saddr) offsetof(struct ipv6hdr, daddr)
    sizeof(struct in6_addr) sizeof(struct ipv6_opt_hdr) sizeof(struct tcphdr) offsetof(struct tcphdr, window)
    offsetof(struct tcphdr, check) sizeof(struct udphdr) offsetof(struct udphdr, check) sizeof(struct icmphdr)
    offsetof(struct icmphdr, un.gateway) sizeof(struct icmp6hdr) offsetof(struct icmp6hdr, icmp6_dataun)
    XDP_ABORTED XDP_DROP XDP_PASS XDP_TX XDP_REDIRECT BPF_ANY BPF_NOEXIST BPF_EXIST BPF_F_LOCK BPF_MAP_TYPE_HASH
    BPF_MAP_TYPE_LPM_TRIE BPF_MAP_TYPE_DEVMAP_HASH BPF_MAP_TYPE_RINGBUF BPF_MAP_TYPE_BLOOM_FILTER BPF_F_NO_PREALLOC
    IPPROTO_TCP IPPROTO_UDP IPPROTO_ICMP IPPROTO_ICMPV6 ICMP_ECHO ICMP_DEST_UNREACH ICMPV6_ECHO_REQUEST
    BITS(tcphdr,source,syn) BITS(tcphdr,source,ack) BITS(tcphdr,source,doff) BITS(iphdr,tos,ihl) BITS(iphdr,tos,version)
    BITS(ipv6hdr,payload_len,priority)
"""


@pytest.mark.skipif(not Path("/usr/include/linux/bpf.h").is_file(), reason="Linux's headers are not installed")
def test_headers_are_as_linux_has_them(tmp_path: Path) -> None:
    words = re.findall(r"(?:sizeof|offsetof|BITS)\([^)]*\)|\w+", KNOWN)
    names = ("bpf", "if_ether", "ip", "ipv6", "in", "in6", "tcp", "udp", "icmp", "icmpv6")
    source = tmp_path / "known.c"
    source.write_text(
        "".join(f"#include <linux/{name}.h>\n" for name in names)
        + "#include <stddef.h>\n#include <stdio.h>\n#include <string.h>\n"
        # The word in which a bit-field lies, where it is all ones.
        "#define BITS(s, m, f) ({ struct s x; unsigned w; memset(&x, 0, sizeof x); x.f = ~0; memcpy(&w, (char *)&x + "
        "(sizeof(struct s) == 20 && sizeof #m == 7 ? 12 : 0), 4); w; })\n"
        "int main(void) {\n" + "".join(f'printf("%s %u\\n", {w!r}, (unsigned)({w}));\n'.replace("'", '"') for w in words) + "}\n"
    )  # fmt: skip
    ours = ["-DMAESTRO_XDP", '-DMAESTRO_DIALECT="dialects/xdp.h"', f"-I{runtime.INCLUDE}", *dpdk_flags()]
    said = []
    for n, flags in enumerate(([], ours)):
        program = tmp_path / str(n)
        subprocess.run(["gcc", "-std=gnu11", "-O1", *flags, str(source), "-o", str(program)], check=True)
        said.append(subprocess.run([program], capture_output=True, text=True, check=True).stdout)
    assert said[0] == said[1] and len(said[0].splitlines()) == len(words)


def test_short_keys_compile_without_warnings(tmp_path: Path) -> None:
    """Optimised, where a compiler sees the whole of a map's functions around them."""
    look = "__u16 key = 7;\n__u64 n = 1, *v = bpf_map_lookup_elem(&m, &key);\nif (!v) bpf_map_update_elem(&m, &key, &n, 0);"
    text = f"(void)ctx;\n{look}\nreturn v ? XDP_TX : XDP_DROP;"
    source = tmp_path / "f.xdp.c"
    source.write_text(written(tmp_path, text).read_text().replace("__type(key, __u32)", "__type(key, __u16)"))
    request = pipeline.Request((source,), include_dirs=(tmp_path,))
    _, files = pipeline.generate_sequential(request, "f", pipeline.Stopwatch())
    for file, made in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(made)
    flags = ["-O3", "-march=native", "-Wall", "-Wextra", "-Werror", *dpdk_flags(), f"-I{runtime.INCLUDE}"]
    for unit in sorted((tmp_path / "gen").rglob("*.c")):
        command = ["gcc", *flags, f"-I{tmp_path}/gen", "-c", str(unit), "-o", str(tmp_path / "f.o")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
