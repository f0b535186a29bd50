"""Mbufs of DPDK's dialect: where the frame lies, and what moves its start or its end.

The frame's own block is as everywhere; the mbuf is one with the members that have a value (`begins`).  All others, and
whatever is written there, are none of the NF's business: cards and drivers decide it.
"""

from __future__ import annotations

from dataclasses import replace

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.symbols import INPUT_PORT, PACKET_LENGTH
from maestro_tool.symex.memory import Block, Mbuf
from maestro_tool.symex.models.resize import grow, moved
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.state import State
from maestro_tool.symex.values import NULL, Pointer, Value

#: Offsets in headers/maestro_mbuf.h; generated programs compare what NFs use of it with DPDK's (`frontend.assumed`).
_NB_SEGS, _PORT, _PKT_LEN, _DATA_LEN, _VLAN_TCI, _SIZE = 20, 22, 36, 40, 42, 128


def begins(state: State) -> Pointer:
    """The mbuf of the packet that comes in, in one piece and without a tag that a card stripped."""
    mbuf = Block("the mbuf", _SIZE, Mbuf())
    mbuf.store(_NB_SEGS, 2, nodes.const(1, 16))
    mbuf.store(_PORT, 2, INPUT_PORT)
    mbuf.store(_VLAN_TCI, 2, nodes.const(0, 16))
    _store_length(mbuf, PACKET_LENGTH)
    return Pointer(state.memory.add(mbuf))


def _store_length(mbuf: Block, length: Expr) -> None:
    mbuf.store(_DATA_LEN, 2, length)
    mbuf.store(_PKT_LEN, 4, nodes.zext(length, 32))


def _number(site: CallSite) -> int:
    """The block of the packet's mbuf, which must be the first argument."""
    address = site.pointer(0)
    block = site.state.memory.get(address.block)
    if block is None or not isinstance(block.fill, Mbuf) or address.offset != 0:
        site.fail(UnsupportedError, f"'{site.name}' is given another mbuf than the packet's")
    return address.block


def maestro_mbuf_data(site: CallSite) -> Outcome:
    """void *maestro_mbuf_data(const struct rte_mbuf *): rte_pktmbuf_mtod"""
    _number(site)
    frame = site.state.cursor.block
    assert frame is not None
    return frame


def rte_pktmbuf_adj(site: CallSite) -> Outcome:
    """char *rte_pktmbuf_adj(struct rte_mbuf *, uint16_t): the new start; NULL if the frame has fewer bytes."""
    number, length = _number(site), site.number(1, "the length")
    enough, short = site.machine.split(site.state, _has(site.state, length), site.loc)
    outcomes: list[tuple[State, Value | None]] = []
    if enough is not None:
        frame = moved(site, enough, 0, -length)
        _store_length(enough.memory.writable(number), enough.cursor.bytes)
        outcomes.append((enough, frame))
    return outcomes + ([] if short is None else [(short, NULL)])


def _has(state: State, length: int) -> Expr:
    if state.cursor.length is not None:
        return nodes.compare("ule", nodes.const(length, 16), state.cursor.length)
    came = length - state.cursor.grown  # as much must have come in
    return nodes.compare("ule", nodes.const(max(came, 0), 16), PACKET_LENGTH) if came <= 0xFFFF else nodes.FALSE


def rte_pktmbuf_prepend(site: CallSite) -> Outcome:
    """char *rte_pktmbuf_prepend(struct rte_mbuf *, uint16_t): the new start; NULL without room in front."""
    number, length = _number(site), site.number(1, "the length")
    most = 0xFFFF - length - site.state.cursor.grown  # a buffer has 65535 bytes at most
    fits = nodes.FALSE if most < 0 else nodes.compare("ule", PACKET_LENGTH, nodes.const(min(most, 0xFFFF), 16))
    inserted, without = grow(site, 0, length, fits)
    outcomes: list[tuple[State, Value | None]] = []
    if inserted is not None:
        state, frame = inserted
        _store_length(state.memory.writable(number), state.cursor.bytes)
        outcomes.append((state, frame))
    return outcomes + ([] if without is None else [(without, NULL)])


def rte_pktmbuf_trim(site: CallSite) -> Outcome:
    """int rte_pktmbuf_trim(struct rte_mbuf *, uint16_t): 0, and so many bytes less at the end; -1 if there are fewer.

    What lies behind the end is no packet's any more, though it is where it was.
    """
    number, length, cut = _number(site), site.state.cursor.bytes, site.expr(1)
    enough, short = site.machine.split(site.state, nodes.compare("ule", cut, length), site.loc)
    outcomes: list[tuple[State, Value | None]] = []
    if enough is not None:
        site.machine.frame_moves(enough, 0, site.loc)
        enough.cursor = replace(enough.cursor, length=nodes.binary("sub", length, cut))
        _store_length(enough.memory.writable(number), enough.cursor.bytes)
        outcomes.append((enough, site.answer(0)))
    return outcomes + ([] if short is None else [(short, site.answer(-1))])
