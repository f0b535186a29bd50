"""Count-min sketches: which packets meet in a bucket is decided by what the hash function reads of the key."""

from __future__ import annotations

from maestro_tool.diagnostics import InputError
from maestro_tool.expr import Expr, nodes
from maestro_tool.symex import events
from maestro_tool.symex.models.allocate import allocated
from maestro_tool.symex.models.sketch_setup import new_buckets
from maestro_tool.symex.objects import ObjectInfo
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.values import Key


def sketch_allocate(site: CallSite) -> Outcome:
    """int sketch_allocate(map_key_hash *, uint32_t capacity, uint16_t threshold, struct Sketch **out)"""
    hash_ = site.function(0)
    facts = site.machine.hashed_facts(hash_, site.loc)
    capacity, threshold = site.number(1, "the capacity"), site.number(2, "the threshold")
    buckets = new_buckets(capacity, threshold, site.loc)
    key, shapes = facts.fields, facts.shapes
    info = ObjectInfo("sketch", site.loc, capacity, hash=hash_, key=key, shapes=shapes, buckets=buckets)
    return allocated(site, 3, info)


def sketch_compute_hashes(site: CallSite) -> Outcome:
    """void sketch_compute_hashes(struct Sketch *, void *key): the key that the next operations are about."""
    number = _object(site)
    key = site.machine.key(site.state, number, site.args[1], site.loc)
    event = events.emit(site.state, "sketch_compute_hashes", (number,), site.loc, **events.named(key))
    site.state.facts["sketch", number] = nodes.const(event, 32)
    return None


def sketch_refresh(site: CallSite) -> Outcome:
    """void sketch_refresh(struct Sketch *, vigor_time_t)"""
    time = site.expr(1, 64)
    events.emit(site.state, "sketch_refresh", (_object(site),), site.loc, **events.named(_key(site)), value=time)
    return None


def sketch_fetch(site: CallSite) -> Outcome:
    """int sketch_fetch(struct Sketch *): above the threshold, or not."""
    return _ask(site, "sketch_fetch")


def sketch_touch_buckets(site: CallSite) -> Outcome:
    """int sketch_touch_buckets(struct Sketch *, vigor_time_t): counted, or no room."""
    return _ask(site, "sketch_touch_buckets", value=site.expr(1, 64))


def sketch_expire(site: CallSite) -> Outcome:
    """void sketch_expire(struct Sketch *, vigor_time_t bound)"""
    events.emit(site.state, "sketch_expire", (_object(site),), site.loc, value=site.expr(1, 64))
    return None


def _ask(site: CallSite, op: str, **time: Expr) -> Outcome:
    return events.asked(site, op, (_object(site),), **events.named(_key(site)), **time)


def _object(site: CallSite) -> int:
    return site.machine.object_at(site.state, site.args[0], "sketch", site.loc)


def _key(site: CallSite) -> Key:
    computed = site.state.facts.get(("sketch", _object(site)))
    if not isinstance(computed, Expr):
        site.fail(InputError, f"{site.name} without a key", "call sketch_compute_hashes for this packet before")
    event = site.state.events[computed.const]
    return Key(event.key, event.raw)
