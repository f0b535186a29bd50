"""Allocation of state objects: set-up only.  They are numbered in the order of these calls."""

from __future__ import annotations

from maestro_tool.symex.memory import Block, StateObjectFill
from maestro_tool.symex.objects import ObjectInfo
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.values import Pointer


def allocated(site: CallSite, out: int, info: ObjectInfo) -> Outcome:
    """A new object, whose pointer goes to where argument ``out`` points."""
    number = len(site.machine.objects)
    site.machine.objects.append(info)
    block = Block(f"a {info.kind}", 0, StateObjectFill(number))
    site.store(out, 8, Pointer(site.state.memory.add(block)))
    return site.answer(1)


def map_allocate(site: CallSite) -> Outcome:
    """int map_allocate(map_keys_equality *, map_key_hash *, unsigned capacity, struct Map **out)"""
    capacity = site.number(2, "the capacity")
    if capacity == 0 or capacity & (capacity - 1):
        return site.answer(0)  # CAPACITY_POW2 is always set
    equality, hash_ = site.function(0), site.function(1)
    facts = site.machine.key_facts(equality, hash_, site.loc)
    info = ObjectInfo("map", site.loc, capacity, equality=equality, hash=hash_, key=facts.fields, shapes=facts.shapes)
    return allocated(site, 3, info)


def vector_allocate(site: CallSite) -> Outcome:
    """int vector_allocate(int elem_size, unsigned capacity, vector_init_elem *, struct Vector **out)"""
    size, capacity = site.number(0, "the element size"), site.number(1, "the capacity")
    initialise = site.function(2)
    site.machine.check_initialiser(initialise, site.loc)
    return allocated(site, 3, ObjectInfo("vector", site.loc, capacity, size, initialise=initialise))


def dchain_allocate(site: CallSite) -> Outcome:
    """int dchain_allocate(int index_range, struct DoubleChain **out)"""
    return allocated(site, 1, ObjectInfo("dchain", site.loc, site.number(0, "the index range")))
