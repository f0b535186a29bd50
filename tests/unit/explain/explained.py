"""Explanations of the NFs of this repository, and of C text."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

from rich.console import Console

from maestro_tool import pipeline, profiles
from maestro_tool.cache import NoCache
from maestro_tool.explain import Explanation, terminal
from maestro_tool.nic import load_profile

ROOT = Path(__file__).resolve().parents[3]


@cache
def explained(nf: str, nic: str = "soft") -> Explanation:
    return explain_sources(tuple(sorted((ROOT / "nfs" / nf).glob("*.c"))), nf, nic)


def explain_sources(sources: tuple[Path, ...], name: str, nic: str = "soft") -> Explanation:
    watch = pipeline.Stopwatch()
    analysed = pipeline.analyse(pipeline.Request(sources), NoCache(), watch)
    card = load_profile(profiles.resolve(nic, ROOT / "configs"), profiles.folders(ROOT / "configs"))
    return pipeline.explain(analysed, (card,), name, "auto", NoCache(), watch)


def shown(explanation: Explanation, width: int = 80, **options: bool) -> str:
    out = io.StringIO()
    terminal.show(explanation, Console(file=out, width=width, highlight=False, **options))  # type: ignore[arg-type]
    return out.getvalue()
