"""What a build says at its end: what each program is, and what failed."""

from __future__ import annotations

import atexit
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from SCons.Script import GetBuildFailures, GetOption

from maestro_tool.scons.parallelize import Product


def at_end(env: Any) -> None:
    """Print a summary of ``env``'s programs when SCons ends."""
    if not any(GetOption(o) for o in ("clean", "no_exec", "silent", "help")):
        atexit.register(_print, env["MAESTRO_PRODUCTS"])


def _print(products: list[Product]) -> None:
    failures = list(GetBuildFailures())
    failed = {str(f.node) for f in failures}
    lines = [line for p in {(p.nf, p.nic): p for p in products}.values() for line in _describe(p, failed)]
    if failures:
        lines.append("")
        lines.append("Failed:")
        lines += [f"  {f.node!s}: {_reason(f)}" for f in failures]
    with contextlib.suppress(BrokenPipeError):
        print("\n".join(lines), flush=True)


def _describe(product: Product, failed: set[str]) -> Iterator[str]:
    title = f"{product.nf} for {product.nic}"
    program = Path(str(product.program))
    if {str(product.plan), str(program)} & failed or not program.is_file():
        return
    try:
        plan = json.loads(Path(str(product.plan)).read_text(encoding="utf-8"))
        constraints = [c["text"] for c in plan["constraints"]] or ["no constraint: any core may take any packet"]
        strategy = plan["strategy"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # an unfinished build; the failures say why
    yield ""
    yield f"{title}: {strategy}"
    yield from (f"  {text}" for text in constraints)
    yield from (f"  {text}" for text in plan.get("why", ()))
    if traffic := plan.get("traffic"):
        gains = (f"{n}: {traffic['before'][n]} -> {ratio}" for n, ratio in traffic["after"].items())
        yield f"  tables for {traffic['source']} ({traffic['packets']} packets), max/mean load: {', '.join(gains)}"
    yield from (f"  relaxed: {r['text']}" for r in plan.get("relaxations", ()))
    yield f"  {program}"


def _reason(failure: Any) -> str:
    command = failure.command
    if isinstance(command, list):
        text = " ".join(str(word) for word in command)
        for phase in ("analyse", "generate", "sequential", "run", "bench"):
            if f"maestro_tool {phase}" in text:
                return f"maestro {phase} failed; its message is above"
    return str(failure.errstr)
