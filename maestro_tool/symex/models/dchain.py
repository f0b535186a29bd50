"""Index allocators with ages."""

from __future__ import annotations

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.symex import events
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.state import State


def dchain_allocate_new_index(site: CallSite) -> Outcome:
    """int dchain_allocate_new_index(struct DoubleChain *, int *index_out, vigor_time_t): a fresh index, or full."""
    number = _object(site)
    time = site.expr(2, 64)
    full = site.state.fork()
    events.emit(full, "dchain_allocate", (number,), site.loc, value=time, result=False)
    event = events.emit(site.state, "dchain_allocate", (number,), site.loc, value=time, result=True)
    index = events.produced("dchain_allocate", event, "index", 32)
    events.amend(site.state, event, index=index)
    _forget(site.state, number)
    _forget(full, number)
    site.store(1, 4, index)
    return [(site.state, site.answer(1)), (full, site.answer(0))]


def dchain_rejuvenate_index(site: CallSite) -> Outcome:
    """int dchain_rejuvenate_index(struct DoubleChain *, int index, vigor_time_t)"""
    return _ask(site, "dchain_rejuvenate", site.expr(2, 64))


def dchain_is_index_allocated(site: CallSite) -> Outcome:
    """int dchain_is_index_allocated(struct DoubleChain *, int index)"""
    return _ask(site, "dchain_is_allocated", None)


def dchain_free_index(site: CallSite) -> Outcome:
    """int dchain_free_index(struct DoubleChain *, int index)"""
    outcome = _ask(site, "dchain_free", None)
    for state in [s for s, _ in outcome] if isinstance(outcome, list) else [site.state]:
        _forget(state, _object(site))
    return outcome


def dchain_expire_one_index(site: CallSite) -> Outcome:
    """int dchain_expire_one_index(struct DoubleChain *, int *index_out, vigor_time_t)"""
    site.fail(
        UnsupportedError,
        "how often 'dchain_expire_one_index' finds an old index depends on all of them at once",
        "call expire_items_single_map, which also erases their keys",
    )


def _ask(site: CallSite, op: str, time: Expr | None) -> Outcome:
    """Whether the index is in use; a result that the NF ignores is not worth a fork."""
    number, index = _object(site), site.machine.entry_index(site.state, site.expr(1, 32), site.loc)
    if not site.result_used:
        events.emit(site.state, op, (number,), site.loc, index=index, value=time)
        return site.answer(0)
    fact = ("dchain", number, index)
    known = site.state.facts.get(fact)
    if isinstance(known, Expr):
        events.emit(site.state, op, (number,), site.loc, index=index, value=time, result=known is nodes.TRUE)
        return site.answer(int(known is nodes.TRUE))
    other = site.state.fork()
    for state, answer in ((site.state, True), (other, False)):
        events.emit(state, op, (number,), site.loc, index=index, value=time, result=answer)
        state.facts[fact] = nodes.boolean(answer)
    return [(site.state, site.answer(1)), (other, site.answer(0))]


def _object(site: CallSite) -> int:
    return site.machine.object_at(site.state, site.args[0], "dchain", site.loc)


def _forget(state: State, number: int) -> None:
    for fact in [f for f in state.facts if f[:2] == ("dchain", number)]:
        del state.facts[fact]


def dchain_allocate_new_index_setup(site: CallSite) -> Outcome:
    """In set-up indexes come in order: 0, 1, 2 ..."""
    info = site.machine.objects[_object(site)]
    index = next((i for i in range(info.capacity or 0) if i not in info.contents), None)
    if index is None:
        return site.answer(0)
    info.contents[index] = 1
    site.store(1, 4, nodes.const(index, 32))
    return site.answer(1)


def dchain_ask_setup(site: CallSite) -> Outcome:
    """dchain_is_index_allocated, dchain_rejuvenate_index and dchain_free_index in set-up."""
    info = site.machine.objects[_object(site)]
    index = site.number(1, "the index")
    allocated = index in info.contents
    if site.name == "dchain_free_index":
        info.contents.pop(index, None)
    return site.answer(int(allocated))
