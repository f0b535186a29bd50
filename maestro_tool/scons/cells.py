"""``summary.json`` in the build folder: what a build made of each NF for each NIC, for other programs."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from SCons.Node import executed, failed, up_to_date

from maestro_tool import canonical
from maestro_tool.scons import mistakes, reuse, spent
from maestro_tool.steps import Report

#: What steps tell, by what they make.
Reports = Mapping[str, Sequence[Report]]

SCHEMA = "maestro-summary/1"
NAME = "summary.json"


@dataclass(frozen=True)
class Product:
    """What was declared for one NF and NIC: nodes of SCons.  ``objects``: those of the NF, not the runtime's.
    ``verbose``: all is said of it, even if it is up to date."""

    nf: str
    nic: str
    plan: Any
    program: Any
    profiles: tuple[Any, ...] = ()
    analysis: Any = None
    generated: tuple[Any, ...] = ()
    objects: tuple[Any, ...] = ()
    library: Any = None
    runtime: tuple[Any, ...] = ()
    verbose: bool = False

    def phases(self) -> tuple[tuple[str, Sequence[Any]], ...]:
        """What is done, with the nodes that it makes."""
        return (
            ("check", self.profiles),
            ("analyse", [self.analysis]),
            ("generate", [self.plan, *self.generated]),
            ("compile", [*self.runtime[1:], *self.objects]),
            ("archive", [*self.runtime[:1], self.library]),
            ("link", [self.program]),
        )

    def nodes(self) -> list[Any]:
        """Its own, and the analysis, in the order in which they are made."""
        found = (*self.profiles, self.analysis, *self.generated, self.plan, *self.objects, self.library, self.program)
        return [node for node in found if node is not None]


def write(folder: Path, products: Sequence[Product], failures: Sequence[Any], reports: Reports) -> None:
    """Write the file; a disk that is full, or no longer there, is no error of its own."""
    document = {
        "schema": SCHEMA,
        "cells": [_cell(product, failures, reports) for product in products],
        "steps": _steps(products, reports),
    }
    with contextlib.suppress(OSError):
        canonical.write_files({folder / NAME: canonical.dumps(document)})


def _cell(product: Product, failures: Sequence[Any], reports: Reports) -> dict[str, Any]:
    errors = list(_errors(product, failures, reports))
    is_there = product.program.get_state() in (executed, up_to_date) and not errors
    plan = _plan(product) if is_there else {}
    if errors:
        status = "failed"
    elif not is_there:
        status = "not-reached"
    else:
        status = "built" if is_built(product) else "up-to-date"
    return {
        "nf": product.nf,
        "nic": product.nic,
        "strategy": plan.get("strategy"),
        "status": status,
        "reused": _all_reused(product, reports),
        "seconds": round(spent.seconds(_names(product.nodes())), 3),
        "relaxations": plan.get("relaxations", []),
        "program": str(product.program) if is_there else None,
        "error": "\n".join(errors) or None,
    }


def is_built(product: Product) -> bool:
    """Whether one of its steps ran in this build."""
    return any(node.get_state() == executed for node in product.nodes())


def spent_on(product: Product, reports: Reports) -> str:
    """How long its steps took, and what they took from elsewhere; "" if they took no time."""
    seconds = spent.seconds(_names(product.nodes()))
    reused = [part for part, place in _all_reused(product, reports).items() if place != "no"]
    return f"took {seconds:.1f} s{', reused: ' if reused else ''}{', '.join(reused)}" if seconds else ""


def steps_in_words(products: Sequence[Product], reports: Reports) -> str:
    """How many steps a build has run, and how many it had not to."""
    count = _steps(products, reports)
    return f"steps run: {count['ran']}; from the local cache: {count['local']}; from the remote: {count['remote']}"


def _all_reused(product: Product, reports: Reports) -> dict[str, str]:
    return {
        "analysis": _reused([product.analysis], reports, "symex"),
        "solution": _reused([product.plan], reports, "rss"),
        "generated": _reused([product.plan, *product.generated], reports),
        "objects": _reused(product.objects, reports),
    }


def _steps(products: Sequence[Product], reports: Reports) -> dict[str, int]:
    """Steps that ran; those whose result came from a cache instead. What is up to date is neither."""
    first = {
        str(n): n
        for p in products
        for n in (*p.profiles, p.analysis, p.plan, *p.objects, p.library, p.program, *p.runtime)
    }
    done = [node for node in first.values() if node is not None and node.get_state() in (executed, failed)]
    found = [_reused([node], reports, "symex") for node in done]
    return {"ran": found.count("no"), "local": found.count("local"), "remote": found.count("remote")}


def _reused(nodes: Iterable[Any], reports: Reports, phase: str = "") -> str:
    """Where all were: "local" if each is up to date, or came from a cache, or its step took ``phase`` from one;
    "remote" if any came from there."""
    found = [_place(node, reports, phase) for node in nodes] or ["no"]
    return next((place for place in ("no", "remote") if place in found), "local")


def _place(node: Any, reports: Reports, phase: str) -> str:
    if node is None:
        return "no"
    if node.get_state() == executed:
        if (place := reuse.place(node)) is not None:
            return place
        return next((t.reused[phase] for t in _of([node], reports) if phase in t.reused), "no")
    return "local" if node.get_state() == up_to_date else "no"


def _errors(product: Product, failures: Sequence[Any], reports: Reports) -> Iterator[str]:
    """What failed of the product; where a step said why, its words."""
    own = {str(node) for node in product.nodes()}
    for failure in failures:
        if str(failure.node) in own:
            said = [t.error for t in _of([failure.node], reports) if t.error]
            yield said[-1] if said else f"{failure.node}: {mistakes.reason(failure)}"


def _of(nodes: Iterable[Any], reports: Reports) -> list[Report]:
    """What the steps tell that make the nodes, each of which makes one of them."""
    return [t for name in _names(nodes) for t in reports.get(name, ())]


def _names(nodes: Iterable[Any]) -> set[str]:
    """Of the nodes, and the folder that `maestro generate` fills."""
    paths = [str(node) for node in nodes if node is not None]
    return {*paths, *(os.path.dirname(p) for p in paths if os.path.basename(p) == "plan.json")}


def _plan(product: Product) -> dict[str, Any]:
    try:
        plan: dict[str, Any] = json.loads(Path(str(product.plan)).read_text(encoding="utf-8"))
        return plan
    except (OSError, ValueError):
        return {}
