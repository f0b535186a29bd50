"""``explain=rebuild``: before each step that runs, which of its inputs changed, in words."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from SCons.Node.FS import Base

#: Values that steps depend on, which are no files, by a pattern of their text.
_VALUES: Final = (
    (re.compile(r"maestro [0-9a-f]+"), "this tool, or a package that it uses, changed"),
    (re.compile(r".*, and what they read: .*", re.DOTALL), "the compiler, DPDK, or what they read, changed"),
    (re.compile(r"headers of others .*"), "a header that the compiler read changed"),
    (re.compile(r"headers in .*"), "the folders of headers, or their order, changed"),
)


def always(node: Any, reason: str) -> None:
    """Have the step that makes ``node`` run in this build, and ``reason``, if it is not empty, told of it."""
    node.set_always_build()
    _forced().setdefault(node, []).extend([reason] if reason else [])


@functools.cache
def _forced() -> dict[Any, list[str]]:
    """Of this process, which is one build."""
    return {}


@functools.cache
def _told() -> set[int]:
    """Steps of this process that were explained."""
    return set()


def tell(node: Any) -> None:
    """Print why the step that makes ``node`` is about to run, once."""
    step = node.get_executor()
    if id(step) in _told():
        return
    _told().add(id(step))
    found = dict.fromkeys(reason for target in step.get_all_targets() for reason in reasons(target))
    print(f"WHY       {node}: {'; '.join(found) or 'it depends on the same in another order'}", flush=True)


def reasons(node: Any) -> Iterator[str]:
    """Why ``node`` is not up to date."""
    yield from _forced().get(node, ())
    known: Any = getattr(node.get_stored_info(), "binfo", None)
    if not all(hasattr(known, member) for member in ("bsources", "bdepends", "bimplicit", "bactsig")):
        yield "it was not built before"
        return
    if not node.exists():
        yield f"{node} is not there"
    known.prepare_dependencies()
    before, now = _inputs(known), _inputs(node.get_binfo())
    yield from _differences({k: getattr(s, "csig", None) for k, s in before.items()}, now)
    if known.bactsig != node.get_binfo().bactsig:
        yield _commands(str(known.bact).split(), str(node.get_binfo().bact).split())


def _inputs(info: Any) -> dict[Any, Any]:
    """What is known of the contents of each input."""
    kids = (*info.bsources, *info.bdepends, *info.bimplicit)
    return dict(zip(kids, (*info.bsourcesigs, *info.bdependsigs, *info.bimplicitsigs), strict=False))


def _differences(before: dict[Any, Any], now: dict[Any, Any]) -> Iterator[str]:
    for kid in now:
        if kid not in before:
            yield _of_value(str(kid)) or f"{kid} is new to it"
        elif isinstance(kid, Base) and kid.get_csig() != before[kid]:
            yield f"{kid} changed"
    for kid in before:
        if kid not in now:
            yield _of_value(str(kid)) or f"it no longer depends on {kid}"


def _of_value(text: str) -> str | None:
    """What it says that a value is another; None of the name of a file."""
    return next((words for pattern, words in _VALUES if pattern.fullmatch(text)), None)


def _commands(before: Sequence[str], now: Sequence[str]) -> str:
    gone, come = [w for w in before if w not in now], [w for w in now if w not in before]
    said = [f"{how} {' '.join(words)}" for how, words in (("without", gone), ("with", come)) if words]
    return f"its command changed: {', '.join(said)}" if said else "its command, or a flag in it, changed"
