"""Byte order and CRC32C (SSE4.2)."""

from __future__ import annotations

from maestro_tool.expr import nodes
from maestro_tool.symex import events
from maestro_tool.symex.instructions import require
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
    value = events.opaque(site.state, site.name, (crc, data), 32, site.loc)
    return nodes.zext(value, site.result_bits)


def hash_of_bytes(site: CallSite) -> Outcome:
    """uint32_t rte_jhash(const void *key, uint32_t length, uint32_t initval), rte_hash_crc; of words: rte_jhash_32b."""
    size = site.number(1, "the length") * (4 if site.name == "rte_jhash_32b" else 1)
    data = site.machine.load_bytes(site.state, site.args[0], size, site.loc)
    given = (nodes.concat(*data),) if data else ()
    return nodes.zext(events.opaque(site.state, site.name, (*given, site.expr(2, 32)), 32, site.loc), site.result_bits)


def hash_of_numbers(site: CallSite) -> Outcome:
    """uint32_t rte_jhash_2words(uint32_t a, uint32_t b, uint32_t initval), rte_hash_crc_8byte ...: not followed."""
    given = tuple(site.expr(n) for n in range(len(site.args)))
    return nodes.zext(events.opaque(site.state, site.name, given, 32, site.loc), site.result_bits)


def popcount(site: CallSite) -> Outcome:
    """int __builtin_popcount(unsigned), __builtin_parity: of any width."""
    value = site.expr(0)
    total = nodes.const(0, site.result_bits)
    for bit in range(value.width):
        total = nodes.binary("add", total, nodes.zext(nodes.extract(value, bit, bit), site.result_bits))
    if "parity" in site.name:
        return nodes.binary("and", total, site.answer(1))
    return total


def first_bit(site: CallSite) -> Outcome:
    """int __builtin_ctz(unsigned), __builtin_clz, __builtin_ffs: of any width.

    Of zero the first two are undefined.
    """
    value, leading, numbered = site.expr(0), "clz" in site.name, "ffs" in site.name
    if not numbered:
        not_zero = nodes.lnot(nodes.eq(value, nodes.const(0, value.width)))
        require(site.machine, site.state, not_zero, f"calls {site.name} with zero", site.loc)
    result = site.answer(0)
    order = range(value.width) if leading else reversed(range(value.width))
    for bit in order:  # the last one set in this order decides
        answer = value.width - 1 - bit if leading else bit + numbered
        is_set = nodes.eq(nodes.extract(value, bit, bit), nodes.const(1, 1))
        result = nodes.ite(is_set, site.answer(answer), result)
    return result


def nothing(site: CallSite) -> Outcome:
    """void __sync_synchronize(void): the NF is sequential."""
    return None


def expect(site: CallSite) -> Outcome:
    """long __builtin_expect(long, long): likely() and unlikely()"""
    return site.expr(0, site.result_bits)
