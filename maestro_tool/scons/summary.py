"""What a build says at its end: what each program is, and what failed."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from SCons.Node import executed, up_to_date
from SCons.Script import GetBuildFailures, GetOption

from maestro_tool import steps
from maestro_tool.scons import cells, compile_commands, mistakes, outputs, progress
from maestro_tool.scons.cells import Product

#: Files to which steps tell of themselves.
_REPORTS = ".reports"
#: Notes of an analysis that are shown; plan.json has all.
_MAX_NOTES = 5


def declare(folder: str, product: Product) -> None:
    """Have ``product`` in the summary at the end of this build, if it is built or found up to date; ``folder``: where
    that builds."""
    _declared()[folder, product.nf, product.nic] = product


def declared(folder: str, nf: str, nic: str) -> Product | None:
    """What was declared for this."""
    return _declared().get((folder, nf, nic))


def phases() -> dict[Any, str]:
    """What is done to make each node that was declared."""
    return progress.named(part for product in _declared().values() for part in product.phases())


def begin(folder: str) -> str:
    """A build begins, which may write to ``folder``: at its end it has `cells.NAME`.  Returns where steps tell of
    themselves: one file of this process, whichever folders it builds in."""
    if folder not in _begun():
        place = Path(folder).absolute()
        with contextlib.suppress(OSError):
            for path in (place / cells.NAME, *place.glob(f"{_REPORTS}-*")):
                path.unlink(missing_ok=True)
        _begun()[folder] = place / f"{_REPORTS}-{os.getpid()}"
    return str(next(iter(_begun().values())))


@functools.cache
def _begun() -> dict[str, Path]:
    """Folders of this process, which is one build, each with a file in it for what steps tell."""
    folders: dict[str, Path] = {}
    atexit.register(_end, folders)
    return folders


def _end(folders: dict[str, Path]) -> None:
    reports = next(iter(folders.values()))
    said, failures = steps.read(reports), list(GetBuildFailures())
    for folder, place in folders.items():
        products = [product for key, product in _declared().items() if key[0] == folder]
        if GetOption("clean"):
            compile_commands.remove(place.parent)
            continue
        cells.write(place.parent, products, failures, said)
        compile_commands.write(folder, place.parent, failures=bool(failures))
        if any(p.program.get_state() in (executed, up_to_date) for p in products):  # then all was declared
            outputs.forget(place.parent)
    with contextlib.suppress(OSError):
        reports.unlink(missing_ok=True)


@functools.cache
def _declared() -> dict[tuple[str, str, str], Product]:
    """Of this process, which is one build, by folder; environments are copied and cannot hold it."""
    products: dict[tuple[str, str, str], Product] = {}
    atexit.register(_print, products)
    return products


def _print(products: dict[tuple[str, str, str], Product]) -> None:
    if any(GetOption(o) for o in ("clean", "no_exec", "question", "silent", "help")):
        return
    failures = list(GetBuildFailures())
    reports = steps.read(next(iter(_begun().values()))) if _begun() else {}
    lines = [line for p in products.values() for line in _describe(p, reports)]
    if products:
        lines.append(cells.steps_in_words(list(products.values()), reports))
    if failures:
        lines.append("")
        lines.append("Failed:")
        lines += [f"  {f.node!s}: {mistakes.reason(f)}" for f in failures]
    progress.erase()
    try:
        _say("".join(f"{line}\n" for line in lines))
    except BrokenPipeError:  # nobody reads it
        pass
    except OSError as error:
        print(f"scons: standard output: {error.strerror or error}: what was built is not shown", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what Python still holds would be an error of its own at the end


def _say(text: str) -> None:
    """Print it, and have an error where that fails: SCons' own standard output loses what cannot be written."""
    sys.stdout.flush()
    rest = text.encode(errors="replace")
    while rest:
        rest = rest[os.write(1, rest) :]


def _describe(product: Product, reports: cells.Reports) -> Iterator[str]:
    """All that is to be said of what this build has made, and with verbose=1; a line of what it found up to date."""
    # Not what stands in build/ from before: what this build was asked for and has made or checked.
    if product.program.get_state() not in (executed, up_to_date):
        return
    title = f"{product.nf} for {product.nic}"
    try:
        plan = json.loads(Path(str(product.plan)).read_text(encoding="utf-8"))
        constraints = [c["text"] for c in plan["constraints"]] or ["no constraint: any core may take any packet"]
        notes = [f"  note: {n['location']}: {n['text']}" for n in plan.get("notes", ())]
        strategy = plan["strategy"]
        relaxed = dict.fromkeys(r["kind"] for r in plan.get("relaxations", ()))
    except (OSError, ValueError, KeyError, TypeError):
        return  # an unfinished build; the failures say why
    if not cells.is_built(product) and not product.verbose:
        kinds = f", relaxed: {', '.join(relaxed)}" if relaxed else ""
        yield f"{title}: {strategy}{kinds}; up to date: {product.program}"
        return
    yield ""
    yield f"{title}: {strategy}"
    yield from (f"  {text}" for text in constraints)
    yield from (f"  {text}" for text in plan.get("why", ()))
    if traffic := plan.get("traffic"):
        gains = (f"{n}: {traffic['before'][n]} -> {ratio}" for n, ratio in traffic["after"].items())
        yield f"  tables for {traffic['source']} ({traffic['packets']} packets), max/mean load: {', '.join(gains)}"
    yield from (f"  relaxed: {r['text']}" for r in plan.get("relaxations", ()))
    yield from notes[:_MAX_NOTES]
    if len(notes) > _MAX_NOTES:
        yield f"  note: {len(notes) - _MAX_NOTES} more in {product.plan}"
    if spent := cells.spent_on(product, reports):
        yield f"  {spent}"
    yield f"  {product.program}"
