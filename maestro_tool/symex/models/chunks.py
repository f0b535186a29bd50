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


def borrow(site: CallSite, state: State, size: int | Expr, *, push: bool) -> Pointer:
    """The next ``size`` bytes; ``push`` remembers the chunk for nf_return_chunk."""
    cursor = state.cursor
    chunk = _chunk(cursor, cursor.at)
    chunks = (*cursor.chunks, cursor.at) if push else cursor.chunks
    if isinstance(size, int) and cursor.skipped is None:
        state.cursor = replace(cursor, read=cursor.read + size, chunks=chunks)
        return chunk
    wanted = nodes.const(size, 32) if isinstance(size, int) else nodes.extract(size, 31, 0)
    left = unread(state.cursor)
    within = site.machine.follows(state, nodes.compare("ule", wanted, left), left)
    if isinstance(size, int):
        if within and isinstance(cursor.at, Expr):
            state.facts["borrowed", cursor.at] = wanted
        state.cursor = replace(cursor, read=cursor.read + size, chunks=chunks, within=within)
    else:
        skipped = wanted if cursor.skipped is None else nodes.binary("add", cursor.skipped, wanted)
        state.cursor = replace(cursor, skipped=skipped, chunks=chunks, within=within)
    return chunk


def _chunk(cursor: PacketCursor, at: int | Expr) -> Pointer:
    assert cursor.block is not None
    return cursor.block.plus(nodes.const(at, 64) if isinstance(at, int) else nodes.zext(at, 64))


def _back_to(site: CallSite, at: int | Expr, chunks: tuple[int | Expr, ...]) -> None:
    read, skipped = (at, None) if isinstance(at, int) else (0, at)
    cursor = site.state.cursor
    within = skipped is None or cursor.within  # it lies before
    site.state.cursor = replace(cursor, read=read, skipped=skipped, chunks=chunks, options=None, within=within)


def _size(site: CallSite) -> int | Expr:
    """How many bytes are borrowed; not a number if packets choose among more than are followed one by one."""
    machine, state = site.machine, site.state
    size = nodes.substitute(machine.decide(state, site.expr(1, 64), site.loc), state.known)
    if size.is_const or state.cursor.grown or machine.in_setup:
        return _checked(site, site.number(1, "the length"))
    if machine.solver.values(state.conditions, size, machine.limits.values) is not None:
        return _checked(site, site.number(1, "the length"))
    largest = nodes.const(0xFFFF, 64)
    if machine.may(state, nodes.compare("ult", largest, size), site.loc):
        site.fail(UnsupportedError, "possibly borrows more than a frame can have", "compare the length first")
    return size


def has_unread(state: State, size: int) -> Expr:
    """At least ``size`` bytes are left after the cursor (compared as libVig does: unsigned, 32 bits)."""
    cursor = state.cursor
    if cursor.skipped is None and cursor.minimum_length >= cursor.came:
        end = cursor.came + size
        return nodes.compare("ule", nodes.const(max(end, 0), 16), PACKET_LENGTH) if end <= 0xFFFF else nodes.FALSE
    return nodes.compare("uge", unread(state.cursor), nodes.const(size, 32))


def unread(cursor: PacketCursor) -> Expr:
    total, read = nodes.zext(PACKET_LENGTH, 32), nodes.const(cursor.came, 32)
    if cursor.skipped is not None:
        read = nodes.binary("add", cursor.skipped, read)
        certain = cursor.within
    else:
        certain = cursor.came <= cursor.minimum_length
    if certain:
        return nodes.binary("sub", total, read)
    # Nothing, where more was borrowed than there is (packet-io.h; libVig's difference would wrap).
    return nodes.ite(nodes.compare("ult", read, total), nodes.binary("sub", total, read), nodes.const(0, 32))


@settled
def packet_borrow_next_chunk(site: CallSite) -> Outcome:
    """void packet_borrow_next_chunk(void *p, size_t length, void **chunk)"""
    site.store(2, 8, borrow(site, site.state, _size(site), push=False))
    return None


def packet_return_chunk(site: CallSite) -> Outcome:
    """void packet_return_chunk(void *p, void *chunk): the cursor goes back to the chunk."""
    _back_to(site, _offset(site, 1), site.state.cursor.chunks)
    return None


@settled
def packet_get_unread_length(site: CallSite) -> Outcome:
    """uint32_t packet_get_unread_length(void *p)"""
    return nodes.zext(unread(site.state.cursor), site.result_bits)


@settled
def packet_get_chunk_length(site: CallSite) -> Outcome:
    """size_t packet_get_chunk_length(void *p, void *chunk)"""
    at, chunk = site.state.cursor.at, _offset(site, 1)
    if isinstance(at, int):
        return site.answer(at - chunk)
    return nodes.zext(nodes.binary("sub", at, nodes.const(chunk, 32)), site.result_bits)


@settled
def nf_borrow_next_chunk(site: CallSite) -> Outcome:
    """void *nf_borrow_next_chunk(uint8_t **p, size_t n)"""
    return borrow(site, site.state, _size(site), push=True)


def nf_return_chunk(site: CallSite) -> Outcome:
    """void nf_return_chunk(uint8_t **p)"""
    cursor = site.state.cursor
    if not cursor.chunks:
        site.fail(InputError, "returns a chunk though none is borrowed")
    _back_to(site, cursor.chunks[-1], cursor.chunks[:-1])
    return None


def nf_return_all_chunks(site: CallSite) -> Outcome:
    """void nf_return_all_chunks(void *p)"""
    _back_to(site, 0, ())
    return None


def nf_get_borrowed_chunk(site: CallSite) -> Outcome:
    """void *nf_get_borrowed_chunk(uint32_t i)"""
    i, cursor = site.number(0), site.state.cursor
    if i >= len(cursor.chunks) or cursor.block is None:
        site.fail(InputError, f"asks for chunk {i} of {len(cursor.chunks)}")
    return _chunk(cursor, cursor.chunks[i])


def _offset(site: CallSite, i: int) -> int:
    return offset_in_frame(site, site.pointer(i))


def offset_in_frame(site: CallSite, chunk: Pointer) -> int:
    block = site.state.cursor.block
    if block is None or chunk.block != block.block:
        site.machine.place(site.state, chunk, 0, site.loc, "looks for a chunk")
        site.fail(InputError, f"'{site.name}' is given a pointer that is not into the packet")
    return site.machine.concrete(site.state, chunk.offset_expr, site.loc, "a place in the packet")


def _checked(site: CallSite, size: int) -> int:
    if site.state.cursor.read + size > 0xFFFF:
        site.fail(UnsupportedError, f"borrows {size} bytes, more than a frame can have")
    return size
