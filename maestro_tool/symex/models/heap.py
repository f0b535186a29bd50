"""malloc and friends.  Allocation succeeds: what an NF does without memory is not analysed."""

from __future__ import annotations

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.symex.memory import Block, Fill, Uninitialised, Zeros
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.values import NULL, NullPointer, Pointer


def _allocate(site: CallSite, size: int, fill: Fill) -> Pointer:
    return Pointer(site.state.memory.add(Block("allocated memory", size, fill)))


def malloc(site: CallSite) -> Outcome:
    """void *malloc(size_t)"""
    return _allocate(site, site.number(0, "the size"), Uninitialised())


def calloc(site: CallSite) -> Outcome:
    """void *calloc(size_t, size_t)"""
    return _allocate(site, site.number(0, "the count") * site.number(1, "the size"), Zeros())


def rte_malloc(site: CallSite) -> Outcome:
    """void *rte_malloc(const char *type, size_t size, unsigned align)"""
    return _allocate(site, site.number(1, "the size"), Zeros() if "zmalloc" in site.name else Uninitialised())


def realloc(site: CallSite) -> Outcome:
    """void *realloc(void *, size_t)"""
    size = site.number(1, "the size")
    new = _allocate(site, size, Uninitialised())
    if isinstance(site.args[0], NullPointer):
        return new
    old = site.pointer(0)
    block = site.state.memory.get(old.block)
    if block is None or block.size is None:
        site.fail(UnsupportedError, "realloc of what malloc did not return")
    site.machine.copy(site.state, new, old, min(size, block.size), site.loc)
    site.machine.release(site.state, old.block, site.loc)
    return new


def free(site: CallSite) -> Outcome:
    """void free(void *)"""
    if site.args[0] != NULL:
        site.machine.release(site.state, site.pointer(0).block, site.loc)
    return None
