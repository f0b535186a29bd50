"""Byte order and CRC32C (SSE4.2)."""

from __future__ import annotations

from maestro_tool.symex import events
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.values import wire_order

_CRC_BITS = {"__builtin_ia32_crc32qi": 8, "__builtin_ia32_crc32hi": 16, "__builtin_ia32_crc32si": 32,
             "__builtin_ia32_crc32di": 64}  # fmt: skip


def swap_bytes(site: CallSite) -> Outcome:
    """uintN_t __builtin_bswapN(uintN_t), htons, rte_be_to_cpu_32 ..."""
    return wire_order(site.expr(0, site.result_bits))


def identity(site: CallSite) -> Outcome:
    """rte_cpu_to_le_32 ...: this machine is little endian."""
    return site.expr(0, site.result_bits)


def crc32c(crc: int, data: int, bits: int) -> int:
    """The instruction crc32: Castagnoli's polynomial, reflected, no final inversion."""
    crc ^= data
    for _ in range(bits):
        crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc


def ia32_crc32(site: CallSite) -> Outcome:
    """unsigned __builtin_ia32_crc32si(unsigned crc, unsigned data) and the other widths."""
    bits = _CRC_BITS[site.name]
    crc, data = site.expr(0, 32), site.expr(1, bits)
    if crc.is_const and data.is_const:
        return site.answer(crc32c(crc.const, data.const, bits))
    from maestro_tool.expr import nodes

    value = events.opaque(site.state, site.name, (crc, data), 32, site.loc)
    return nodes.zext(value, site.result_bits)


def expect(site: CallSite) -> Outcome:
    """long __builtin_expect(long, long): likely() and unlikely()"""
    return site.expr(0, site.result_bits)
