"""Cutting bytes out of the frame, and inserting some: all that lies before moves, and the frame's start with it.

The frame becomes a new block.  Its bytes are those that came in, at their new places; inserted ones are not known until
the NF writes them.  Pointers into the old block are out of date: following one is an error.
"""

from __future__ import annotations

from dataclasses import replace

from maestro_tool.diagnostics import InputError, UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.symex import events
from maestro_tool.symex.memory import Block, External, MovedFrame, PacketBytes
from maestro_tool.symex.models.chunks import offset_in_frame, settled
from maestro_tool.symex.notes import NoteCode
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.state import State
from maestro_tool.symex.values import NULL, Pointer, Value

_MOST_CHUNKS = 100  # MAX_N_CHUNKS of packet-io.h


def _known(site: CallSite, at: int | Expr) -> int:
    """Where a chunk starts, or the cursor is."""
    if isinstance(at, int):
        return at
    site.fail(UnsupportedError, "moves the frame behind headers of a length that is not known", "move it before")


@settled
def nf_shrink_chunk(site: CallSite) -> Outcome:
    """void *nf_shrink_chunk(uint8_t **p, size_t new_length, struct rte_mbuf *)"""
    chunks = site.state.cursor.chunks
    if not chunks:
        return NULL
    last = _known(site, chunks[-1])
    return _cut(site, last, 2).plus(nodes.const(last, 64))


@settled
def nf_insert_new_chunk(site: CallSite) -> Outcome:
    """void *nf_insert_new_chunk(uint8_t **p, size_t length, struct rte_mbuf *)"""
    at, chunks = _known(site, site.state.cursor.at), site.state.cursor.chunks
    if len(chunks) >= _MOST_CHUNKS:
        return NULL
    inserted, without = _insert(site, 2)
    outcomes: list[tuple[State, Value | None]] = []
    if inserted is not None:
        state, frame = inserted
        state.cursor = replace(state.cursor, chunks=(*chunks, at))
        outcomes.append((state, frame.plus(nodes.const(at, 64))))
    return outcomes + ([] if without is None else [(without, NULL)])


@settled
def packet_shrink_chunk(site: CallSite) -> Outcome:
    """bool packet_shrink_chunk(uint8_t **p, size_t new_length, void **chunks, size_t n_chunks, struct rte_mbuf *)"""
    chunks = _chunks_of(site, site.number(3, "the number of chunks"))
    if not chunks:
        return site.answer(0)
    frame = _cut(site, chunks[-1], 4)
    _tell(site, site.state, frame, chunks)
    return site.answer(1)


@settled
def packet_insert_new_chunk(site: CallSite) -> Outcome:
    """bool packet_insert_new_chunk(uint8_t **p, size_t length, void **chunks, size_t *n_chunks, struct rte_mbuf *)"""
    at = _known(site, site.state.cursor.at)
    count = site.machine.concrete(site.state, site.load(3, 8), site.loc, "the number of chunks")
    if count >= _MOST_CHUNKS:
        return site.answer(0)
    chunks = _chunks_of(site, count)
    inserted, without = _insert(site, 4)
    outcomes: list[tuple[State, Value | None]] = []
    if inserted is not None:
        state, frame = inserted
        _tell(site, state, frame, [*chunks, at])
        site.store(3, 8, nodes.const(count + 1, 64), state)
        outcomes.append((state, site.answer(1)))
    return outcomes + ([] if without is None else [(without, site.answer(0))])


def _cut(site: CallSite, chunk: int, mbuf: int) -> Pointer:
    """Cut what lies from offset ``chunk`` to the cursor down to the length asked for; where the frame is then."""
    cursor, asked = site.state.cursor, site.number(1, "the new length")
    length = _known(site, cursor.at) - chunk
    if asked > length:
        site.fail(
            InputError,
            f"'{site.name}' cannot make a chunk of {length} bytes {asked} bytes long",
            "ask for at most the chunk's length",
        )
    _check_arguments(site, mbuf)
    frame = moved(site, site.state, chunk + asked, asked - length)
    site.machine.store(site.state, site.args[0], 8, frame, site.loc)
    return frame


def _insert(site: CallSite, mbuf: int) -> tuple[tuple[State, Pointer] | None, State | None]:
    """(the path on which bytes are inserted at the cursor, and where the frame is then; the path without room)"""
    length, at = site.number(1, "the length"), _known(site, site.state.cursor.at)
    if length > 0xFFFF:
        return None, site.state  # no buffer has so much room
    _check_arguments(site, mbuf)
    inserted, without = grow(site, at, length)
    if inserted is not None:
        site.machine.store(inserted[0], site.args[0], 8, inserted[1], site.loc)
    return inserted, without


def grow(
    site: CallSite, at: int, length: int, fits: Expr = nodes.TRUE
) -> tuple[tuple[State, Pointer] | None, State | None]:
    """(the path on which bytes are inserted at offset ``at``, and where the frame is then; the path without room)

    ``fits``: without which there is none."""
    # How much room there is in front of a frame is for the NIC's driver to say.
    room = events.unknown(site.state, 8, site.loc, part="room", function=site.name)
    enough = nodes.land(nodes.lnot(nodes.eq(room, nodes.const(0, 8))), fits)
    state, without = site.machine.split(site.state, enough, site.loc)
    return (None if state is None else (state, moved(site, state, at, length))), without


def _check_arguments(site: CallSite, mbuf: int) -> None:
    value = site.machine.load(site.state, site.args[0], 8, "pointer", site.loc)
    if value != site.state.cursor.block:
        site.fail(UnsupportedError, f"'{site.name}' is not told where the frame starts", "give it nf_process's buffer")
    mbuf_block = site.state.memory.get(site.pointer(mbuf).block)
    if mbuf_block is None or not isinstance(mbuf_block.fill, External):
        site.fail(UnsupportedError, f"'{site.name}' is given another mbuf than the packet's")


def moved(site: CallSite, state: State, at: int, change: int) -> Pointer:
    """``change`` bytes are inserted at offset ``at`` (less than 0: cut behind it); the new frame."""
    cursor, machine = state.cursor, site.machine
    assert cursor.block is not None
    if change == 0:
        return cursor.block
    machine.frame_moves(state, cursor.read, site.loc)
    tail = at - min(change, 0)  # what lies from here on stays where it is in the buffer
    number, old, _ = machine.place(state, cursor.block, 0, site.loc, "moves")
    new = Block(old.name, old.size, PacketBytes())
    if at:
        head = machine.as_integer(machine.load(state, cursor.block, at, "int", site.loc), 8 * at, site.loc)
        new.store(0, at, head)
    if change > 0:
        machine.note(site.loc, NoteCode.INSERTED_UNKNOWN)
        new.store(at, change, events.unknown(state, 8 * change, site.loc))
    written = max((o + size for o, (size, _) in old.cells.items()), default=0)
    for o, size, value in old.segments(tail, max(written - tail, 0)):
        if value is not None:
            new.store(o + change, size, value)
    gone = state.memory.writable(number)
    gone.fill, gone.cells = MovedFrame(), {}
    frame = Pointer(state.memory.add(new))
    length = None if cursor.length is None else nodes.binary("add", cursor.length, nodes.const(change, 16))
    grown = cursor.grown + change
    state.cursor = replace(cursor, block=frame, read=cursor.read + change, grown=grown, length=length)
    return frame


def _chunks_of(site: CallSite, count: int) -> list[int]:
    """The offsets of the chunks in the NF's own array."""
    if site.state.cursor.chunks:
        site.fail(UnsupportedError, f"'{site.name}' loses the chunks of nf_borrow_next_chunk", "use nf_shrink_chunk")
    found = []
    for n in range(count):
        place = site.pointer(2).plus(nodes.const(8 * n, 64))
        chunk = site.machine.load(site.state, place, 8, "pointer", site.loc)
        if not isinstance(chunk, Pointer):
            site.fail(InputError, f"chunk {n} that '{site.name}' is given is none")
        found.append(offset_in_frame(site, chunk))
    return found


def _tell(site: CallSite, state: State, frame: Pointer, chunks: list[int]) -> None:
    """Put the chunks' new places into the NF's own array."""
    for n, offset in enumerate(chunks):
        place = site.pointer(2).plus(nodes.const(8 * n, 64))
        site.machine.store(state, place, 8, frame.plus(nodes.const(offset, 64)), site.loc)
