"""Vectors: borrowing gives a pointer to the element; reads and writes through it are the operations."""

from __future__ import annotations

from maestro_tool.diagnostics import InputError
from maestro_tool.expr import nodes
from maestro_tool.symex.memory import Block, VectorEntry, Zeros
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.values import Pointer


def vector_borrow(site: CallSite) -> Outcome:
    """void vector_borrow(struct Vector *, int index, void **val_out)"""
    number = site.machine.object_at(site.state, site.args[0], "vector", site.loc)
    info = site.machine.objects[number]
    index = site.machine.entry_index(site.state, site.expr(1, 32), site.loc)
    if index.is_const and info.capacity is not None and index.const >= info.capacity:
        at = nodes.signed(index.const, 32)
        site.fail(InputError, f"borrows element {at} of a vector of {info.capacity}")
    entry = (number, index)
    block = site.state.entries.get(entry)
    if block is None:
        fill = VectorEntry(number, index)
        block = site.state.memory.add(Block("a vector's element", info.element_size, fill))
        site.state.entries[entry] = block
    site.store(2, 8, Pointer(block))
    return None


def vector_return(site: CallSite) -> Outcome:
    """void vector_return(struct Vector *, int index, void *value): a no-op, as in libVig."""
    site.machine.object_at(site.state, site.args[0], "vector", site.loc)
    return None


def vector_borrow_setup(site: CallSite) -> Outcome:
    """vector_borrow in set-up: elements come into being, initialised, when they are first asked for."""
    number = site.machine.object_at(site.state, site.args[0], "vector", site.loc)
    site.store(2, 8, element_setup(site, number, site.number(1, "the index")))
    return None


def element_setup(site: CallSite, number: int, index: int) -> Pointer:
    """The address of an element of vector ``number``."""
    info = site.machine.objects[number]
    if info.capacity is not None and index >= info.capacity:
        site.fail(InputError, f"borrows element {nodes.signed(index, 32)} of a vector of {info.capacity}")
    block = info.contents.get(index)
    if block is None:
        block = site.state.memory.add(Block("a vector's element", info.element_size, Zeros()))
        info.contents[index] = block
        if info.initialise in site.machine.program.functions:
            site.machine.call(site.state, info.initialise, [Pointer(block)], site.loc)
        if info.preferences is not None:
            info.preferences.put(site.state.memory, block, index)
    return Pointer(block)
