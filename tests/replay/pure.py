"""Functions that call paths do not follow, calculated: by name, of (number, bits) each operand, to so many bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Function = Callable[[Sequence[tuple[int, int]], int], int]


def _crc32(given: Sequence[tuple[int, int]], bits: int) -> int:
    """The instruction CRC32: polynomial 0x1EDC6F41, reflected, nothing inverted."""
    (crc, _), (data, width) = given
    crc ^= data
    for _ in range(width):
        crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc


def _memcmp(given: Sequence[tuple[int, int]], bits: int) -> int:
    """Of blocks as numbers, the first byte most significant: C promises no more than the sign."""
    (left, _), (right, _) = given
    return 0 if left == right else 1 if left > right else (1 << bits) - 1


FUNCTIONS: Mapping[str, Function] = {
    **{f"__builtin_ia32_crc32{size}": _crc32 for size in ("qi", "hi", "si", "di")},
    "memcmp": _memcmp,
    # The driver's frames have 128 bytes in front, more than the tests insert.
    **dict.fromkeys(("nf_insert_new_chunk", "packet_insert_new_chunk", "rte_pktmbuf_prepend"), lambda given, bits: 1),
}
