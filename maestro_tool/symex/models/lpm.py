"""Longest-prefix matching: a table that set-up fills and packets, as a rule, only read.

What a look-up finds depends on the whole table, so a table that packets change is one entry (sharding decides).
"""

from __future__ import annotations

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.symex import events
from maestro_tool.symex.models.allocate import allocated
from maestro_tool.symex.objects import ObjectInfo
from maestro_tool.symex.site import CallSite, Outcome

_INVALID = 0xFFFF
_LONGEST = 32
# As `runtime/src/lpm.c` has it: what longer prefixes need a block for, how many there are, and the largest number.
_SHORT, _BLOCKS, _LARGEST = 24, 256, 0x7FFF


def lpm_allocate(site: CallSite) -> Outcome:
    """int lpm_allocate(struct lpm **lpm_out)"""
    return allocated(site, 0, ObjectInfo("lpm", site.loc))


def lpm_free(site: CallSite) -> Outcome:
    """void lpm_free(struct lpm *)"""
    site.fail(UnsupportedError, "frees a state object, which workers may still use", "keep it until the program ends")


def lpm_update_setup(site: CallSite) -> Outcome:
    """int lpm_update_elem(struct lpm *, uint32_t prefix, uint8_t prefix_length, uint16_t value) in set-up"""
    info = site.machine.objects[_object(site)]
    length, value = site.number(2, "the prefix length"), site.number(3, "the value")
    if length > _LONGEST or value > _LARGEST:
        return site.answer(0)
    prefix = site.number(1, "the prefix") & (1 << _LONGEST) - (1 << (_LONGEST - length))
    if length > _SHORT:
        block = prefix >> (_LONGEST - _SHORT)
        if block not in info.blocks and len(info.blocks) == _BLOCKS:
            return site.answer(0)
        info.blocks.add(block)
    info.contents[length, prefix] = value
    return site.answer(1)


def lpm_lookup_setup(site: CallSite) -> Outcome:
    """int lpm_lookup_elem(struct lpm *, uint32_t address) in set-up"""
    info, address = site.machine.objects[_object(site)], site.number(1, "the address")
    for length in range(_LONGEST, -1, -1):
        mask = (1 << _LONGEST) - (1 << (_LONGEST - length))
        if (length, address & mask) in info.contents:
            return site.answer(info.contents[length, address & mask])
    return site.answer(_INVALID)


def lpm_update(site: CallSite) -> Outcome:
    """lpm_update_elem while packets are handled: every look-up may find something else from now on."""
    number = _object(site)
    operands = (site.expr(1, 32), site.expr(2, 8))
    event = events.emit(site.state, "lpm_update", (number,), site.loc, key=operands, value=site.expr(3, 16))
    for fact in [f for f in site.state.facts if f[:2] == ("lpm", number)]:
        del site.state.facts[fact]
    if not site.result_used:
        return site.answer(1)
    return nodes.zext(events.produced(site.state, event, "done", 1), site.result_bits)


def lpm_lookup(site: CallSite) -> Outcome:
    """lpm_lookup_elem while packets are handled: a number of 16 bits that the address decides."""
    number, address = _object(site), site.expr(1, 32)
    fact = ("lpm", number, address)
    value = site.state.facts.get(fact)
    if not isinstance(value, Expr):
        event = events.emit(site.state, "lpm_lookup", (number,), site.loc, key=(address,))
        value = events.produced(site.state, event, "value", 16)
        events.amend(site.state, event, value=value)
        site.state.facts[fact] = value
    return nodes.zext(value, site.result_bits)


def _object(site: CallSite) -> int:
    return site.machine.object_at(site.state, site.args[0], "lpm", site.loc)
