"""Count-min sketches: which packets meet in a bucket is decided by what the hash function reads of the key."""

from __future__ import annotations

from maestro_tool.diagnostics import InputError
from maestro_tool.expr import Expr, nodes
from maestro_tool.symex import events
from maestro_tool.symex.models.allocate import allocated
from maestro_tool.symex.models.sketch_setup import new_buckets
from maestro_tool.symex.objects import ObjectInfo
from maestro_tool.symex.site import CallSite, Outcome


def sketch_allocate(site: CallSite) -> Outcome:
    """int sketch_allocate(map_key_hash *, uint32_t capacity, uint16_t threshold, struct Sketch **out)"""
    hash_ = site.function(0)
    key = site.machine.hashed_fields(hash_, site.loc)
    capacity, threshold = site.number(1, "the capacity"), site.number(2, "the threshold")
    buckets = new_buckets(capacity, threshold, site.loc)
    return allocated(site, 3, ObjectInfo("sketch", site.loc, capacity, hash=hash_, key=key, buckets=buckets))


def sketch_compute_hashes(site: CallSite) -> Outcome:
    """void sketch_compute_hashes(struct Sketch *, void *key): the key that the next operations are about."""
    number = _object(site)
    key = site.machine.key(site.state, number, site.args[1], site.loc)
    event = events.emit(site.state, "sketch_compute_hashes", (number,), site.loc, key=key)
    site.state.facts["sketch", number] = nodes.const(event, 32)
    return None


def sketch_refresh(site: CallSite) -> Outcome:
    """void sketch_refresh(struct Sketch *, vigor_time_t)"""
    events.emit(site.state, "sketch_refresh", (_object(site),), site.loc, key=_key(site), value=site.expr(1, 64))
    return None


def sketch_fetch(site: CallSite) -> Outcome:
    """int sketch_fetch(struct Sketch *): above the threshold, or not."""
    return _ask(site, "sketch_fetch", None)


def sketch_touch_buckets(site: CallSite) -> Outcome:
    """int sketch_touch_buckets(struct Sketch *, vigor_time_t): counted, or no room."""
    return _ask(site, "sketch_touch_buckets", site.expr(1, 64))


def sketch_expire(site: CallSite) -> Outcome:
    """void sketch_expire(struct Sketch *, vigor_time_t bound)"""
    events.emit(site.state, "sketch_expire", (_object(site),), site.loc, value=site.expr(1, 64))
    return None


def _ask(site: CallSite, op: str, time: Expr | None) -> Outcome:
    number, key = _object(site), _key(site)
    if not site.result_used:
        events.emit(site.state, op, (number,), site.loc, key=key, value=time)
        return site.answer(0)
    other = site.state.fork()
    for state, answer in ((site.state, True), (other, False)):
        events.emit(state, op, (number,), site.loc, key=key, value=time, result=answer)
    return [(site.state, site.answer(1)), (other, site.answer(0))]


def _object(site: CallSite) -> int:
    return site.machine.object_at(site.state, site.args[0], "sketch", site.loc)


def _key(site: CallSite) -> tuple[Expr, ...] | None:
    computed = site.state.facts.get(("sketch", _object(site)))
    if not isinstance(computed, Expr):
        site.fail(InputError, f"{site.name} without a key", "call sketch_compute_hashes for this packet before")
    return site.state.events[computed.const].key
