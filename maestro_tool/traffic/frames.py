"""Many Ethernet frames at once: rows of a matrix, one matrix per frame size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from maestro_tool.traffic.numbers import I64

U8 = npt.NDArray[np.uint8]
Bool = npt.NDArray[np.bool_]

TCP = 6
UDP = 17

#: MAC addresses of what is attached to port 0 and to port 1.
PORT_MACS = (0x020000000001, 0x020000000002)
#: A host's own MAC address is this (locally administered) and its IPv4 address.
HOST_MACS = 0x0200_0000_0000


@dataclass(frozen=True, slots=True)
class Headers:
    """One packet per element; addresses and ports as numbers.  ``number`` is unique in the capture."""

    port: I64
    src_mac: I64
    dst_mac: I64
    src_ip: I64
    dst_ip: I64
    src_port: I64
    dst_port: I64
    protocol: I64
    number: I64

    def at(self, positions: I64 | Bool) -> Headers:
        return Headers(*(getattr(self, name)[positions] for name in self.__slots__))


def build(headers: Headers, size: int) -> U8:
    """One frame of ``size`` bytes per row, with correct lengths and checksums.

    No two rows are equal: the packet's number is in the IPv4 identification, and in the sequence number
    (TCP) or in the first four bytes of the payload (UDP).
    """
    rows = np.empty((len(headers.port), size), dtype=np.uint8)
    rows[:] = np.arange(size, dtype=np.uint8)
    _put(rows, 0, 6, headers.dst_mac)
    _put(rows, 6, 6, headers.src_mac)
    _put(rows, 12, 2, 0x0800)
    _put(rows, 14, 2, 0x4500)
    _put(rows, 16, 2, size - 14)
    _put(rows, 18, 2, headers.number & 0xFFFF)
    _put(rows, 20, 2, 0x4000)
    rows[:, 22] = 64
    rows[:, 23] = headers.protocol
    _put(rows, 24, 2, 0)
    _put(rows, 26, 4, headers.src_ip)
    _put(rows, 30, 4, headers.dst_ip)
    _put(rows, 34, 2, headers.src_port)
    _put(rows, 36, 2, headers.dst_port)
    _put(rows, 24, 2, _complement(_words(rows[:, 14:34])))

    tcp = headers.protocol == TCP
    rows[tcp] = _with_tcp(rows[tcp], headers.number[tcp])
    rows[~tcp] = _with_udp(rows[~tcp], headers.number[~tcp])
    return rows


def _with_tcp(rows: U8, number: I64) -> U8:
    _put(rows, 38, 4, number)
    _put(rows, 42, 4, 0)
    _put(rows, 46, 2, 0x5010)  # data offset 5, ACK
    _put(rows, 48, 2, 0xFFFF)
    _put(rows, 50, 2, 0)
    _put(rows, 52, 2, 0)
    _put(rows, 50, 2, _complement(_pseudo_header(rows) + _words(rows[:, 34:])))
    return rows


def _with_udp(rows: U8, number: I64) -> U8:
    _put(rows, 38, 2, rows.shape[1] - 34)
    _put(rows, 40, 2, 0)
    _put(rows, 42, 4, number)
    sums = _complement(_pseudo_header(rows) + _words(rows[:, 34:]))
    _put(rows, 40, 2, np.where(sums == 0, 0xFFFF, sums))  # 0 says "no checksum" (RFC 768)
    return rows


def _put(rows: U8, offset: int, size: int, value: I64 | int) -> None:
    """Writes big-endian numbers into columns."""
    for i in range(size):
        rows[:, offset + i] = value >> 8 * (size - 1 - i) & 0xFF


def _words(rows: U8) -> I64:
    """Sum of the big-endian 16-bit words of each row; an odd last byte is padded with zero."""
    high = rows[:, 0::2].sum(axis=1, dtype=np.int64)
    low = rows[:, 1::2].sum(axis=1, dtype=np.int64)
    return np.asarray(high * 256 + low)


def _pseudo_header(rows: U8) -> I64:
    return np.asarray(_words(rows[:, 26:34]) + rows[:, 23] + (rows.shape[1] - 34))


def _complement(sums: I64) -> I64:
    """Internet checksum (RFC 1071) of sums of words."""
    for _ in range(3):
        sums = (sums & 0xFFFF) + (sums >> 16)
    return np.asarray(~sums & 0xFFFF)
