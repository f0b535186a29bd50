"""Index allocators with ages."""

from __future__ import annotations

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.symex import events
from maestro_tool.symex.objects import ObjectInfo
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.state import State


def dchain_allocate_new_index(site: CallSite) -> Outcome:
    """int dchain_allocate_new_index(struct DoubleChain *, int *index_out, vigor_time_t): a fresh index, or full."""
    number = _object(site)
    time = site.expr(2, 64)
    full = site.state.fork()
    events.emit(full, "dchain_allocate", (number,), site.loc, value=time, result=False)
    event = events.emit(site.state, "dchain_allocate", (number,), site.loc, value=time, result=True)
    index = events.produced(site.state, event, "index", 32)
    events.amend(site.state, event, index=index)
    _forget(site.state, number)
    _forget(full, number)
    site.store(1, 4, index)
    return [(site.state, site.answer(1)), (full, site.answer(0))]


def dchain_rejuvenate_index(site: CallSite) -> Outcome:
    """int dchain_rejuvenate_index(struct DoubleChain *, int index, vigor_time_t)"""
    return _ask(site, "dchain_rejuvenate", value=site.expr(2, 64))


def dchain_is_index_allocated(site: CallSite) -> Outcome:
    """int dchain_is_index_allocated(struct DoubleChain *, int index)"""
    return _ask(site, "dchain_is_allocated")


def dchain_free_index(site: CallSite) -> Outcome:
    """int dchain_free_index(struct DoubleChain *, int index)"""
    outcome = _ask(site, "dchain_free")
    for state in [s for s, _ in outcome] if isinstance(outcome, list) else [site.state]:
        _forget(state, _object(site))
    return outcome


def dchain_expire_one_index(site: CallSite) -> Outcome:
    """int dchain_expire_one_index(struct DoubleChain *, int *index_out, vigor_time_t): an index that no packet names,
    or none."""
    number = _object(site)
    if any(e.op.name == "dchain_expire_one" and e.loc == site.loc for e in site.state.events):
        site.fail(
            UnsupportedError,
            "how often 'dchain_expire_one_index' finds an old index depends on all of them at once",
            "call expire_items_single_map, which also erases their keys",
        )
    time, none = site.expr(2, 64), site.state.fork()
    events.emit(none, "dchain_expire_one", (number,), site.loc, value=time, result=False)
    event = events.emit(site.state, "dchain_expire_one", (number,), site.loc, value=time, result=True)
    index = events.produced(site.state, event, "index", 32)
    events.amend(site.state, event, index=index)
    _forget(site.state, number)
    site.store(1, 4, index)
    return [(site.state, site.answer(1)), (none, site.answer(0))]


def _ask(site: CallSite, op: str, **time: Expr) -> Outcome:
    """Whether the index is in use; a result that the NF ignores is not worth a fork."""
    number, index = _object(site), site.machine.entry_index(site.state, site.expr(1, 32), site.loc)
    if not site.result_used:
        events.emit(site.state, op, (number,), site.loc, index=index, **time)
        return site.answer(0)
    fact = ("dchain", number, index)
    known = site.state.facts.get(fact)
    if isinstance(known, Expr):
        events.emit(site.state, op, (number,), site.loc, index=index, **time, result=known is nodes.TRUE)
        return site.answer(int(known is nodes.TRUE))
    other = site.state.fork()
    for state, answer in ((site.state, True), (other, False)):
        events.emit(state, op, (number,), site.loc, index=index, **time, result=answer)
        state.facts[fact] = nodes.boolean(answer)
    return [(site.state, site.answer(1)), (other, site.answer(0))]


def _object(site: CallSite) -> int:
    return site.machine.object_at(site.state, site.args[0], "dchain", site.loc)


def _forget(state: State, number: int) -> None:
    for fact in [f for f in state.facts if f[:2] == ("dchain", number)]:
        del state.facts[fact]


def dchain_allocate_new_index_setup(site: CallSite) -> Outcome:
    """In set-up: the index that was freed last, else 0, 1, 2 ..."""
    index = allocate(site.machine.objects[_object(site)], nodes.signed(site.number(2, "the time"), 64))
    if index is None:
        return site.answer(0)
    site.store(1, 4, nodes.const(index, 32))
    return site.answer(1)


def dchain_ask_setup(site: CallSite) -> Outcome:
    """dchain_is_index_allocated, dchain_rejuvenate_index and dchain_free_index in set-up."""
    info = site.machine.objects[_object(site)]
    index = site.number(1, "the index")
    allocated = index in info.contents
    if allocated and site.name == "dchain_free_index":
        free(info, index)
    if allocated and site.name == "dchain_rejuvenate_index":
        rejuvenate(info, index, nodes.signed(site.number(2, "the time"), 64))
    return site.answer(int(allocated))


def dchain_expire_one_index_setup(site: CallSite) -> Outcome:
    """In set-up: the oldest index, if it is older than the time given."""
    info = site.machine.objects[_object(site)]
    index = oldest(info, nodes.signed(site.number(2, "the time"), 64))
    if index is None:
        return site.answer(0)
    free(info, index)
    site.store(1, 4, nodes.const(index, 32))
    return site.answer(1)


def allocate(info: ObjectInfo, time: int) -> int | None:
    """The next index of an allocator, now in use; None if all are."""
    used = len(info.contents) + len(info.freed)  # so far
    if not info.freed and used >= (info.capacity or 0):
        return None
    index = info.freed.pop() if info.freed else used
    info.contents[index] = time
    return index


def rejuvenate(info: ObjectInfo, index: int, time: int) -> None:
    """Index ``index``, which is in use, becomes the newest."""
    del info.contents[index]
    info.contents[index] = time


def oldest(info: ObjectInfo, before: int) -> int | None:
    """The oldest index of an allocator, if its time is below ``before``."""
    found = next(iter(info.contents.items()), None)
    return found[0] if found is not None and found[1] < before else None  # type: ignore[return-value]


def free(info: ObjectInfo, index: int) -> None:
    del info.contents[index]
    info.freed.append(index)
