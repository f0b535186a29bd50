"""Whether the cursor may be local: only if all helpers get what nf_process was given."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from maestro_tool import dpdk, runtime
from maestro_tool.codegen import cursor
from maestro_tool.codegen.cursor import can_be_local
from maestro_tool.frontend import load_program

PRELUDE = """
#include "nf.h"
#include "nf-util.h"
struct nf_config { int unused; };
struct nf_config config;
bool nf_init(void) { return true; }
"""
PROCESS = "int nf_process(uint16_t device, uint8_t **buffer, uint16_t length, vigor_time_t now, struct rte_mbuf *mbuf)"
OLDER = "int nf_process(uint16_t device, uint8_t *buffer, uint16_t length, vigor_time_t now)"


def _local(tmp_path: Path, body: str, before: str = "", process: str = PROCESS) -> bool:
    source = tmp_path / "nf.c"
    source.write_text(f"{PRELUDE}{before}\n{process} {{\n{body}\nreturn device; }}\n")
    return can_be_local(load_program([source]))


HELPER = "static struct rte_ether_hdr *get(int n, uint8_t **b) { return nf_then_get_rte_ether_header(b); }"


@pytest.mark.parametrize(("before", "body"), [
    ("", ""),
    ("", "struct rte_ether_hdr *e = nf_then_get_rte_ether_header(buffer); nf_then_get_rte_ipv4_header(e, buffer);"),
    ("", "nf_borrow_next_chunk(buffer, 14); nf_return_chunk(buffer); nf_return_all_chunks((void *)buffer);"),
    (HELPER, "get(1, buffer);"),
    (HELPER, "get(1, buffer); get(2, buffer);"),
    (HELPER, "uint8_t *p = *buffer; if (packet_get_unread_length(buffer) > 3) return p[0] == 1;"),
    ("static void deep(uint8_t **b, int n) { if (n > 0) deep(b, n - 1); nf_borrow_next_chunk(b, 1); }", "deep(buffer, 3);"),
])  # fmt: skip
def test_may_be_local(tmp_path: Path, before: str, body: str) -> None:
    assert _local(tmp_path, body, before)


@pytest.mark.parametrize(("before", "body"), [
    ("", "uint8_t *p = *buffer; nf_then_get_rte_ether_header(&p);"),
    ("", "nf_then_get_rte_ether_header(*buffer);"),
    ("", "nf_then_get_rte_ether_header(NULL);"),
    ("", "uint8_t *p = *buffer; buffer = &p; nf_then_get_rte_ether_header(buffer);"),
    ("", "uint8_t *p = *buffer; uint8_t ***q = &buffer; *q = &p; nf_then_get_rte_ether_header(buffer);"),
    ("", "nf_then_get_rte_ether_header(length > 20 ? buffer : NULL);"),
    ("", "nf_then_get_rte_ether_header(buffer); nf_get_borrowed_chunk(0);"),
    ("", "nf_then_get_rte_ether_header(buffer); nf_shrink_chunk(buffer, 10, mbuf);"),
    ("", "void *e = nf_then_get_rte_ether_header(buffer); nf_log_pkt(e, NULL, NULL);"),
    ("", "return chunks_borrowed_num == 1;"),
    ("", "void *(*f)(void *, size_t) = nf_borrow_next_chunk; f(buffer, 14);"),
    ("static void *(*const f)(void *, size_t) = nf_borrow_next_chunk;", "f(buffer, 14);"),
    (HELPER, "uint8_t *p = *buffer; get(1, &p);"),
    (HELPER, "uint8_t *p = *buffer; get(1, buffer); get(2, &p);"),
    (HELPER + "static void *(*const g)(int, uint8_t **) = (void *)get;", "get(1, buffer);"),
    ("static void deep(uint8_t **b, int n) { uint8_t *p = *b; if (n > 0) deep(&p, n - 1); nf_borrow_next_chunk(b, 1); }",
     "deep(buffer, 3);"),
    ("static uint8_t **kept;", "kept = buffer; nf_borrow_next_chunk(kept, 14);"),
])  # fmt: skip
def test_is_the_threads(tmp_path: Path, before: str, body: str) -> None:
    assert not _local(tmp_path, body, before)


def test_an_older_nf_process_is_given_the_frame(tmp_path: Path) -> None:
    assert not _local(tmp_path, "nf_then_get_rte_ether_header(buffer);", process=OLDER)


#: Functions of the headers that have nothing to do with the cursor.
OTHERS = {
    "nf_has_rte_ipv4_header", "nf_has_tcpudp_header", "nf_has_tcp_header", "nf_has_udp_header", "nf_mac_to_str",
    "nf_rte_ipv4_to_str", "nf_util_parse_int",
}  # fmt: skip
HEADERS = Path(cursor.__file__).parents[1] / "frontend/headers"


def test_every_function_of_the_headers_is_known() -> None:
    text = "".join((HEADERS / name).read_text() for name in ("nf-util.h", "lib/verified/packet-io.h"))
    declared = set(re.findall(r"^(?!#).*?\b(\w+)\(.*\);$", text, re.MULTILINE))
    assert "packet_get_chunk_length" in declared
    assert declared == {*cursor._GIVEN, *cursor._THREADS, *OTHERS}


def test_what_needs_the_threads_cursor_does_not_compile_beside_a_local_one(tmp_path: Path) -> None:
    found = dpdk.find()
    places = [word for folder in found.include_dirs for word in ("-isystem", folder)]
    words = ["gcc", "-O1", *found.cflags, f"-I{runtime.INCLUDE}", *places, "-S", "-o", str(tmp_path / "x.s")]
    text = (HEADERS / "nf-util.h").read_text() + (HEADERS / "lib/verified/packet-io.h").read_text()
    calls = []
    for name in sorted(cursor._THREADS):
        (parameters,) = re.findall(rf"\b{name}\((.*)\);", text)
        given = ", ".join("one" if p.startswith("uint32_t i") else "0" for p in parameters.split(","))
        calls.append(f"void use_{name}(uint32_t one);\nvoid use_{name}(uint32_t one) {{ (void){name}({given}); }}\n")
    (tmp_path / "x.c").write_text('#include "nf-util.h"\n' + "".join(calls))
    plain, local = (
        subprocess.run([*words, *more, str(tmp_path / "x.c")], capture_output=True, text=True)
        for more in ((), ("-DMAESTRO_LOCAL_CURSOR=1",))
    )
    assert plain.returncode == 0, plain.stderr
    for name in cursor._THREADS:
        assert re.search(rf"call to .{name}. declared with attribute error", local.stderr), name
