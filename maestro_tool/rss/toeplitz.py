"""The Toeplitz hash (Microsoft RSS) and its linear form over GF(2).

Input bit i (0 = first bit on the wire) adds key bits i..i+31 to the hash; so the hash of an input is the XOR
of the columns of its set bits, and "these packets hash equally" is a linear equation over key bits.
"""

from __future__ import annotations

HASH_BITS = 32


def toeplitz(key: bytes, data: bytes) -> int:
    """The 32-bit hash of ``data``.  ValueError if the key is too short for it (4 bytes more are needed)."""
    if 8 * len(key) < 8 * len(data) + HASH_BITS - 1:
        raise ValueError(f"a key of {len(key)} bytes hashes at most {len(key) - 4} bytes, not {len(data)}")
    bits, key_bits, result = 8 * len(data), int.from_bytes(key, "big"), 0
    value = int.from_bytes(data, "big")
    for i in range(bits):
        if value >> (bits - 1 - i) & 1:
            result ^= key_bits >> (8 * len(key) - HASH_BITS - i)
    return result & 0xFFFFFFFF


def columns(key: bytes, input_bits: int, index_bits: int) -> list[int]:
    """What each input bit adds to the index, the low ``index_bits`` bits of the hash."""
    key_bits, mask = int.from_bytes(key, "big"), (1 << index_bits) - 1
    top = 8 * len(key) - HASH_BITS
    return [key_bits >> (top - i) & mask for i in range(input_bits)]


def window(position: int, index_bits: int) -> range:
    """Key bits (0 = most significant bit of the first byte) that input bit ``position`` adds to the index.

    In order from the most to the least significant bit of the index.
    """
    return range(position + HASH_BITS - index_bits, position + HASH_BITS)
