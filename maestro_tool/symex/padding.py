"""Keys whose hash reads more than their equality compares: no harm is done if that is the same in all keys.

A struct with padding that is hashed as a whole, and cleared before its members are stored, is such a key.  Its padding
is a part of it like others then: keys are equal if all parts are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from maestro_tool.symex.callpath import Analysis, CallPath, Event, KeyField, StateObject
from maestro_tool.symex.notes import NoteCode

#: Functions of a map -> what its equality compares, and bytes that its hash reads besides.
Padded = Mapping[tuple[str, ...], tuple[tuple[KeyField, ...], tuple[int, ...]]]


def settled(analysis: Analysis, padded: Padded) -> Analysis:
    """The analysis, in which such keys are known where all keys have the same constants there.

    Maps that set-up fills keep their doubt: what it put there no event shows.
    """
    known = {
        o.id: (fields, extra)
        for o in analysis.objects
        if o.kind == "map" and o.key is None and not o.filled and o.functions in padded
        for fields, extra in (padded[o.functions],)
        if _constant(analysis, o, extra)
    }
    if not known:
        return analysis
    offsets = {n: analysis.objects[n].shapes[0].offsets or () for n in known}
    keys = {n: tuple(sorted((*fields, *_runs(extra)), key=lambda f: f.offset)) for n, (fields, extra) in known.items()}

    def event(e: Event) -> Event:
        found = next((o for o in e.objects if o in keys), None)
        if found is None or not e.raw:
            return e
        held = dict(zip(offsets[found], e.raw, strict=True))
        key = tuple(f.value([held[n] for n in range(f.offset, f.offset + f.size)]) for f in keys[found])
        return replace(e, key=key, raw=())

    def path(p: CallPath) -> CallPath:
        return replace(p, events=tuple(map(event, p.events)))

    locs = {analysis.objects[n].loc for n in known}
    return replace(
        analysis,
        objects=tuple(replace(o, key=keys[o.id], shapes=()) if o.id in keys else o for o in analysis.objects),
        paths=tuple(map(path, analysis.paths)),
        left_out=tuple(replace(x, events=tuple(map(event, x.events))) for x in analysis.left_out),
        notes=tuple(n for n in analysis.notes if n.code is not NoteCode.HASH_READS_MORE or n.loc not in locs),
    )


def _constant(analysis: Analysis, o: StateObject, extra: tuple[int, ...]) -> bool:
    """Whether these bytes are constants in all keys, the same in each."""
    offsets = o.shapes[0].offsets
    if offsets is None:
        return False
    places = [offsets.index(n) for n in extra]
    of_paths = [*(p.events for p in analysis.paths), *(x.events for x in analysis.left_out)]
    events = [e for found in of_paths for e in found if o.id in e.objects and e.raw]
    held = {tuple(e.raw[n] for n in places) for e in events}
    return len(held) == 1 and all(byte.is_const for bytes_ in held for byte in bytes_)


def _runs(extra: tuple[int, ...]) -> Iterator[KeyField]:
    """Bytes that follow each other as one part."""
    start = 0
    for n in range(1, len(extra) + 1):
        if n == len(extra) or extra[n] != extra[n - 1] + 1:
            yield KeyField(f"bytes_{extra[start]}_{extra[n - 1]}", extra[start], n - start)
            start = n
