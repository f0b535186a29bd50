"""The packet cursor: borrowing and returning chunks of the frame.  Nothing here checks bounds, as in libVig."""

from __future__ import annotations

from dataclasses import replace

from maestro_tool.diagnostics import InputError, UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.symbols import PACKET_LENGTH
from maestro_tool.symex.site import CallSite, Model, Outcome
from maestro_tool.symex.state import PacketCursor, State
from maestro_tool.symex.values import Pointer, Value

SHORTEST_IHL = 5  # words


def settled(model: Model) -> Model:
    """``model`` once for each length that options read before may have (`PacketCursor.options`)."""

    def each(site: CallSite) -> Outcome:
        ihl = site.state.cursor.options
        if ihl is None:
            return model(site)
        outcomes: list[tuple[State, Value | None]] = []
        rest: State | None = site.state
        for words in range(SHORTEST_IHL + 1, 16):
            if rest is None:
                break
            this, rest = site.machine.split(rest, nodes.eq(ihl, nodes.const(words, 4)), site.loc)
            if this is None:
                continue
            read = this.cursor.read + 4 * (words - SHORTEST_IHL)
            this.cursor = replace(this.cursor, read=read, options=None)
            outcome = model(replace(site, state=this))
            outcomes += outcome if isinstance(outcome, list) else [(this, outcome)]
        return outcomes

    return each


def borrow(state: State, size: int, *, push: bool) -> Pointer:
    """The next ``size`` bytes; ``push`` remembers the chunk for nf_return_chunk."""
    cursor = state.cursor
    assert cursor.block is not None
    chunk = cursor.block.plus(nodes.const(cursor.read, 64))
    chunks = (*cursor.chunks, cursor.read) if push else cursor.chunks
    state.cursor = replace(cursor, read=cursor.read + size, chunks=chunks)
    return chunk


def has_unread(state: State, size: int) -> Expr:
    """At least ``size`` bytes are left after the cursor (compared as libVig does: unsigned, 32 bits)."""
    cursor = state.cursor
    if cursor.minimum_length >= cursor.came:
        end = cursor.came + size
        return nodes.compare("ule", nodes.const(max(end, 0), 16), PACKET_LENGTH) if end <= 0xFFFF else nodes.FALSE
    return nodes.compare("uge", unread(cursor), nodes.const(size, 32))


def unread(cursor: PacketCursor) -> Expr:
    total, read = nodes.zext(PACKET_LENGTH, 32), nodes.const(cursor.came, 32)
    if cursor.came <= cursor.minimum_length:
        return nodes.binary("sub", total, read)
    # Nothing, where more was borrowed than there is (packet-io.h; libVig's difference would wrap).
    return nodes.ite(nodes.compare("ult", read, total), nodes.binary("sub", total, read), nodes.const(0, 32))


@settled
def packet_borrow_next_chunk(site: CallSite) -> Outcome:
    """void packet_borrow_next_chunk(void *p, size_t length, void **chunk)"""
    size = site.number(1, "the length")
    _check_size(site, size)
    site.store(2, 8, borrow(site.state, size, push=False))
    return None


def packet_return_chunk(site: CallSite) -> Outcome:
    """void packet_return_chunk(void *p, void *chunk): the cursor goes back to the chunk."""
    site.state.cursor = replace(site.state.cursor, read=_offset(site, 1), options=None)
    return None


@settled
def packet_get_unread_length(site: CallSite) -> Outcome:
    """uint32_t packet_get_unread_length(void *p)"""
    return nodes.zext(unread(site.state.cursor), site.result_bits)


@settled
def packet_get_chunk_length(site: CallSite) -> Outcome:
    """size_t packet_get_chunk_length(void *p, void *chunk)"""
    return site.answer(site.state.cursor.read - _offset(site, 1))


@settled
def nf_borrow_next_chunk(site: CallSite) -> Outcome:
    """void *nf_borrow_next_chunk(uint8_t **p, size_t n)"""
    size = site.number(1, "the length")
    _check_size(site, size)
    return borrow(site.state, size, push=True)


def nf_return_chunk(site: CallSite) -> Outcome:
    """void nf_return_chunk(uint8_t **p)"""
    cursor = site.state.cursor
    if not cursor.chunks:
        site.fail(InputError, "returns a chunk though none is borrowed")
    site.state.cursor = replace(cursor, read=cursor.chunks[-1], chunks=cursor.chunks[:-1], options=None)
    return None


def nf_return_all_chunks(site: CallSite) -> Outcome:
    """void nf_return_all_chunks(void *p)"""
    site.state.cursor = replace(site.state.cursor, read=0, chunks=(), options=None)
    return None


def nf_get_borrowed_chunk(site: CallSite) -> Outcome:
    """void *nf_get_borrowed_chunk(uint32_t i)"""
    i, cursor = site.number(0), site.state.cursor
    if i >= len(cursor.chunks) or cursor.block is None:
        site.fail(InputError, f"asks for chunk {i} of {len(cursor.chunks)}")
    return cursor.block.plus(nodes.const(cursor.chunks[i], 64))


def _offset(site: CallSite, i: int) -> int:
    return offset_in_frame(site, site.pointer(i))


def offset_in_frame(site: CallSite, chunk: Pointer) -> int:
    block = site.state.cursor.block
    if block is None or chunk.block != block.block:
        site.machine.place(site.state, chunk, 0, site.loc, "looks for a chunk")
        site.fail(InputError, f"'{site.name}' is given a pointer that is not into the packet")
    return site.machine.concrete(site.state, chunk.offset_expr, site.loc, "a place in the packet")


def _check_size(site: CallSite, size: int) -> None:
    if site.state.cursor.read + size > 0xFFFF:
        site.fail(UnsupportedError, f"borrows {size} bytes, more than a frame can have")
