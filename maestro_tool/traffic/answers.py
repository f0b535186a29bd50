"""Replies to what an NF sent: an NF that rewrites addresses or ports expects answers to those that it chose.

A generated frame carries its number, which NFs leave alone: so the request that a sent frame was is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from maestro_tool.traffic.frames import TCP, UDP, Bool, Headers
from maestro_tool.traffic.numbers import I64

#: Where a plain frame has its number (`frames.build`).
_NUMBER = {TCP: slice(38, 42), UDP: slice(42, 46)}
_NUMBER_END = 46


def latest_request(flow: I64, request: Bool, reply: Bool) -> I64:
    """For each packet the request that it answers: the latest one before it, of its own flow; -1 if there is none.

    ``flow`` -1: the packet answers the latest request of any flow.
    """
    found = np.full(len(flow), -1, dtype=np.int64)
    latest: dict[int, int] = {}
    for i in np.flatnonzero(request | reply):
        key = int(flow[i])
        if reply[i]:
            found[i] = latest.get(key, -1)
        else:
            latest[key] = latest[-1] = int(i)
    return found


def readdress(headers: Headers, asked: I64, stranger: Bool, sent: Sequence[bytes]) -> Headers:
    """``headers`` in which packet i answers the frame that became of packet ``asked[i]`` (-1: of none).

    Strangers do so from an end of their own.  A request that was not sent is answered as if it had been sent as it was.
    """
    by_number = {number: frame for frame in sent if (number := number_of(frame)) is not None}
    names = ("src_mac", "dst_mac", "src_ip", "dst_ip", "src_port", "dst_port")
    columns: dict[str, I64] = {name: getattr(headers, name).copy() for name in names}
    for i in np.flatnonzero(asked >= 0):
        frame = by_number.get(int(asked[i]))
        if frame is None:
            continue
        there = {"dst_mac": frame[6:12], "dst_ip": frame[26:30], "dst_port": frame[34:36]}
        here = {"src_mac": frame[0:6], "src_ip": frame[30:34], "src_port": frame[36:38]}
        for name, value in there.items() if stranger[i] else (there | here).items():
            columns[name][i] = int.from_bytes(value, "big")
    return replace(headers, **columns)


def number_of(frame: bytes) -> int | None:
    """The number of a plain frame; of another one it may be anything."""
    if len(frame) < _NUMBER_END or frame[12:15] != b"\x08\x00\x45":
        return None
    place = _NUMBER.get(frame[23])
    return None if place is None else int.from_bytes(frame[place], "big")
