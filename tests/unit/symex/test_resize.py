"""Chunks that are cut and inserted: where each byte is then, how long the frame is, and which pointers still lead there."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_tool import forms
from maestro_tool.diagnostics import InputError, MaestroError, UnsupportedError
from maestro_tool.expr import nodes
from maestro_tool.expr.symbols import packet_byte
from maestro_tool.sharding import derive_plan
from maestro_tool.symex import Analysis
from maestro_tool.symex.callpath import CallPath
from tests.unit.symex.test_whole_api import analysed

#: 14 + 20 + 4 bytes are borrowed.
WITH_PORTS = "if (ports == NULL) return device; "
CUT_PORT = WITH_PORTS + "nf_shrink_chunk(buffer, 2, mbuf); "
INSERT = "uint8_t *c = nf_insert_new_chunk(buffer, 4, mbuf); if (c == NULL) return device; "


def sent(folder: Path, body: str) -> list[CallPath]:
    """The paths of port 0 that send the packet."""
    found = analysed(folder, body)
    assert forms.read(Analysis, forms.write(found)) == found
    return [p for p in found.paths if p.port == 0 and p.verdict == 1]


def pkt(n: int) -> object:
    return packet_byte(n)


def test_bytes_before_a_cut_are_where_they_were(tmp_path: Path) -> None:
    paths = sent(tmp_path, CUT_PORT)
    assert paths and {p.grown for p in paths} == {-2}
    # All but the bytes before the cut are those 2 places further.
    assert {p.packet_writes for p in paths} == {tuple((n, pkt(n)) for n in range(36))}


def test_bytes_behind_an_insertion_move(tmp_path: Path) -> None:
    body = WITH_PORTS + INSERT + "c[0] = 7; c[1] = ((uint8_t *)*buffer)[33];"
    found = analysed(tmp_path, body)
    paths = [p for p in found.paths if p.port == 0 and p.verdict == 1]
    assert paths
    for p in paths:
        assert p.grown == 4
        writes = dict(p.packet_writes)
        assert writes.keys() == set(range(42))
        assert all(writes[n] is pkt(n) for n in range(38))
        assert writes[38] is nodes.const(7, 8) and writes[39] is pkt(33)
        assert {str(s.value).split(".")[0] for n in (40, 41) for s in nodes.symbols(writes[n])} == {"opaque"}
    assert {(p.verdict, p.grown) for p in found.paths if p.port == 0} == {("drop", 0), (1, 4)}  # no room: NULL
    assert any("inserted bytes of the frame are taken as unknown" in note.words for note in found.notes)


SAME = {
    "the bytes behind": "uint8_t *n = nf_borrow_next_chunk(buffer, 2); if (*(uint16_t *)n != behind) return 5;",
    "the bytes before": "uint8_t *n = *buffer; if (n[26] != address) return 5;",
    "the unread length": "if (packet_get_unread_length(buffer) != unread) return 5;",
    "the chunks": "uint8_t *n = nf_get_borrowed_chunk(1), *f = *buffer; if (n != f + 14) return 5;",
    "a chunk's length": "void *n = nf_get_borrowed_chunk(1); if (packet_get_chunk_length(*buffer, n) != 20 + AFTER) return 5;",
    "what is written": "uint8_t *n = *buffer; n[30] = 9; if (((uint8_t *)nf_get_borrowed_chunk(1))[16] != 9) return 5;",
}
KNOWN = (
    "const uint32_t unread = packet_get_unread_length(buffer); if (unread < 2) return device;"
    "uint16_t *following = nf_borrow_next_chunk(buffer, 2); const uint16_t behind = *following; nf_return_chunk(buffer);"
    "const uint8_t address = ((uint8_t *)*buffer)[26]; "
)


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ("nf_shrink_chunk(buffer, 1, mbuf);", 1),
        ("nf_shrink_chunk(buffer, 0, mbuf);", 0),
        ("nf_shrink_chunk(buffer, 4, mbuf);", 4),
        ("if (!nf_insert_new_chunk(buffer, 200, mbuf)) return 7;", 204),
        ("if (!nf_insert_new_chunk(buffer, 6, mbuf)) return 7; nf_shrink_chunk(buffer, 2, mbuf);", 6),
        ("nf_shrink_chunk(buffer, 2, mbuf); if (!nf_insert_new_chunk(buffer, 3, mbuf)) return 7;", 5),
    ],
)
@pytest.mark.parametrize("what", SAME)
def test_what_stays(tmp_path: Path, change: str, after: int, what: str) -> None:
    """What the NF finds equal is equal on every path."""
    body = WITH_PORTS + KNOWN + change + " " + SAME[what].replace("AFTER", str(after))
    verdicts = {p.verdict for p in analysed(tmp_path, body).paths if p.port == 0}
    assert 1 in verdicts and 5 not in verdicts


ENDS = WITH_PORTS + "if (packet_get_unread_length(buffer) < 6) return device; "


@pytest.mark.parametrize(("change", "last"), [("nf_shrink_chunk(buffer, 1, mbuf);", 40), (INSERT, 47)])
def test_the_frame_ends_as_much_earlier_or_later(tmp_path: Path, change: str, last: int) -> None:
    """44 bytes came in."""
    read = "if (((uint8_t *)*buffer)[{}] == 1) return device;"
    assert sent(tmp_path, ENDS + change + read.format(last))
    with pytest.raises(InputError, match=f"accesses frame byte {last + 1}, but the frame may be shorter"):
        analysed(tmp_path, ENDS + change + read.format(last + 1))


WRONG: dict[str, tuple[type[MaestroError], str, str]] = {
    "nf_shrink_chunk(buffer, 5, mbuf);": (InputError, "cannot make a chunk of 4 bytes 5 bytes long", "at most"),
    "nf_shrink_chunk(buffer, 2, mbuf); ip->time_to_live = 1;": (InputError, "where the frame was", "fetch the chunk again"),
    "nf_shrink_chunk(buffer, 2, mbuf); touch_ip(ip->src_addr, now);": (InputError, "where the frame was", "fetch"),
    "nf_insert_new_chunk(buffer, 2, mbuf); if (ip->time_to_live) return device;": (InputError, "where the frame was", "fetch"),
    "nf_shrink_chunk(buffer, 2, mbuf); packet_return_chunk(*buffer, ip);": (InputError, "where the frame was", "fetch"),
    "nf_shrink_chunk(buffer, 2, mbuf); if ((uint8_t *)ip == *buffer) return device;": (
        UnsupportedError, "compares a pointer to where the frame was", "fetch",
    ),
    "uint8_t *mine = *buffer + 1; nf_shrink_chunk(&mine, 2, mbuf);": (UnsupportedError, "not told where the frame starts", ""),
    "void *mine[1] = { ip }; packet_shrink_chunk(buffer, 2, mine, 1, mbuf);": (UnsupportedError, "loses the chunks", "nf_shrink_chunk"),
    "nf_borrow_next_chunk(buffer, 9); nf_shrink_chunk(buffer, 2, mbuf);": (InputError, "may be shorter", "compare packet_length"),
}  # fmt: skip


@pytest.mark.parametrize("call", WRONG)
def test_what_is_refused(tmp_path: Path, call: str) -> None:
    kind, message, hint = WRONG[call]
    with pytest.raises(kind, match=message) as caught:
        analysed(tmp_path, WITH_PORTS + call)
    assert hint in (caught.value.hint or "")
    assert caught.value.location is not None and caught.value.location.line == 1000


def test_chunks_of_the_nfs_own(tmp_path: Path) -> None:
    """The functions of packet-io.h, for an array that the NF keeps."""
    body = """nf_return_all_chunks(buffer); void *c[4]; size_t n = 2;
      packet_borrow_next_chunk(*buffer, 14, &c[0]); packet_borrow_next_chunk(*buffer, 6, &c[1]);
      if (!packet_shrink_chunk(buffer, 4, c, n, mbuf)) return 5;
      if (!packet_insert_new_chunk(buffer, 3, c, &n, mbuf)) return n == 2 ? device : 6;
      if (n != 3 || c[0] != *buffer || c[1] != *buffer + 14 || c[2] != *buffer + 18) return 7;
      memset(c[2], 1, 3);"""
    found = [p for p in analysed(tmp_path, body).paths if p.port == 0]
    assert {(p.verdict, p.grown) for p in found if p.grown} == {("drop", -2), (1, 1)}
    one = next(p for p in found if p.grown == 1)
    assert one.packet_writes == (*((n, pkt(n)) for n in range(18)), *((n, nodes.const(1, 8)) for n in range(18, 21)))


@pytest.mark.parametrize(
    ("key", "shardable"),
    [("*(uint32_t *)(*buffer + 26)", True), ("*(uint32_t *)(*buffer + 42)", True), ("*(uint32_t *)c", False)],
)
def test_state_is_sharded_by_where_its_bytes_came_from(tmp_path: Path, key: str, shardable: bool) -> None:
    """The source address has not moved; what comes behind is no field, but bytes; what was inserted, nobody knows."""
    room = "if (packet_get_unread_length(buffer) < 8) return device; "
    plan = derive_plan(analysed(tmp_path, WITH_PORTS + room + INSERT + f"touch_ip({key}, now);"))
    assert plan.shardable == shardable
    [table] = [d for d in plan.decisions if d.object == 0]
    assert table.treatment == ("sharded" if shardable else "shared")


def test_a_field_that_moved_is_the_field(tmp_path: Path) -> None:
    body = (
        "nf_return_chunk(buffer); nf_return_chunk(buffer);"
        + INSERT
        + "touch_ip(*(uint32_t *)(*buffer + 14 + 4 + 12), now);"
    )
    plan = derive_plan(analysed(tmp_path, WITH_PORTS + body))
    assert plan.shardable
    assert {f.field for c in plan.constraints for pair in c.equal for f in pair} == {"src_ip"}
