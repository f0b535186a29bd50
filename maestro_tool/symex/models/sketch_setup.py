"""Sketches in set-up: the NF's hash function runs, and each count is known (as `runtime/src/sketch.c` has them)."""

from __future__ import annotations

from maestro_tool.diagnostics import InputError, UnsupportedError
from maestro_tool.expr import nodes
from maestro_tool.symex.models import dchain
from maestro_tool.symex.models.bits import crc32c
from maestro_tool.symex.objects import Buckets, ObjectInfo
from maestro_tool.symex.site import CallSite, Outcome

_SALTS = (0x9B78350F, 0x9BCF144C, 0x8AB29A3E, 0x34D48BF5)


def new_buckets(capacity: int, threshold: int, loc: int) -> Buckets:
    """A sketch's rows, all empty."""
    return Buckets(threshold, tuple(ObjectInfo("dchain", loc, capacity) for _ in _SALTS))


def sketch_compute_hashes_setup(site: CallSite) -> Outcome:
    """sketch_compute_hashes in set-up."""
    machine, info = site.machine, _info(site)
    assert info.hash is not None
    result = machine.as_integer(machine.call(site.state, info.hash, [site.args[1]], site.loc), 32, site.loc)
    key = machine.concrete(site.state, result, site.loc, "a hash")
    _buckets(info).hashes = tuple(crc32c(crc32c(0, salt, 32), key, 32) % (info.capacity or 1) for salt in _SALTS)
    return None


def sketch_refresh_setup(site: CallSite) -> Outcome:
    """sketch_refresh in set-up."""
    info, time = _info(site), nodes.signed(site.number(1, "the time"), 64)
    for row, hash_ in enumerate(_at_hand(site, info)):
        _rejuvenate(_buckets(info), row, hash_, time)
    return None


def sketch_fetch_setup(site: CallSite) -> Outcome:
    """sketch_fetch in set-up."""
    info = _info(site)
    buckets = _buckets(info)
    rows = [(row, buckets.of[h][1]) for row, h in enumerate(_at_hand(site, info)) if h in buckets.of]
    counts = [buckets.counts.get(place, 0) for place in rows]
    return site.answer(int(min(counts, default=-1) > buckets.threshold))


def sketch_touch_buckets_setup(site: CallSite) -> Outcome:
    """sketch_touch_buckets in set-up."""
    info, time = _info(site), nodes.signed(site.number(1, "the time"), 64)
    buckets = _buckets(info)
    for row, hash_ in enumerate(_at_hand(site, info)):
        if hash_ in buckets.of:
            place = row, buckets.of[hash_][1]
            buckets.counts[place] = buckets.counts.get(place, 0) + 1
            _rejuvenate(buckets, row, hash_, time)
            continue
        slot = dchain.allocate(buckets.rows[row], time)
        assert slot is not None  # there are as many as hashes, and each hash has one
        buckets.of[hash_], buckets.counts[row, slot] = (row, slot), 0
    return site.answer(1)


def sketch_expire_setup(site: CallSite) -> Outcome:
    """sketch_expire in set-up: of no effect, or refused."""
    before = nodes.signed(site.number(1, "the time"), 64)
    if any(dchain.oldest(row, before) is not None for row in _buckets(_info(site)).rows):
        hint = "leave out what is forgotten at once"
        site.fail(UnsupportedError, "set-up forgets what it counted itself", hint)
    return None


def _rejuvenate(buckets: Buckets, row: int, hash_: int, time: int) -> None:
    """The slot may be another row's, for all rows share one map: then it may not be in use in this one."""
    slot = buckets.of[hash_][1] if hash_ in buckets.of else -1
    if slot in buckets.rows[row].contents:
        dchain.rejuvenate(buckets.rows[row], slot, time)


def _info(site: CallSite) -> ObjectInfo:
    return site.machine.objects[site.machine.object_at(site.state, site.args[0], "sketch", site.loc)]


def _buckets(info: ObjectInfo) -> Buckets:
    assert info.buckets is not None  # sketch_allocate
    return info.buckets


def _at_hand(site: CallSite, info: ObjectInfo) -> tuple[int, ...]:
    hashes = _buckets(info).hashes
    if hashes is None:
        site.fail(InputError, f"{site.name} without a key", "call sketch_compute_hashes before")
    return hashes
