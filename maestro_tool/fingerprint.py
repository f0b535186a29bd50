"""Hashes that say "the same question was asked before"; the only maker of cache keys.

A key covers all that can change an answer: the input by its meaning, the options, this tool's own sources of the
phases concerned, and the versions of the packages these build on.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

from maestro_tool import canonical

PACKAGE = Path(__file__).parent

#: What an analysis depends on, besides the program: folders and files of this package.
ANALYSIS_PHASES = (
    "frontend", "symex", "sharding", "operations", "solver", "expr", "packet", "forms.py", "meaning.py", "own_files.py",
    "canonical.py", "made_of.py",
)  # fmt: skip
#: What an RSS solution depends on, besides constraints and profile.
RSS_PHASES = (
    "rss", "solver", "expr", "packet", "nic", "sharding/plan.py", "forms.py", "meaning.py", "canonical.py",
    "choices.py",
)  # fmt: skip
#: What turns them into plan.json, certificate.json and C.
GENERATION_PHASES = (
    "sharding", "operations", "rss", "nic", "codegen", "certificate", "strategies.py", "pipeline.py", "plan_json.py",
    "choices.py", "made_of.py",
)  # fmt: skip

_SUFFIXES = (".py", ".h", ".c", ".in", ".j2", ".json")
_PACKAGES = ("pycparser", "z3-solver")


@cache
def tool(phases: tuple[str, ...]) -> str:
    """SHA-256 (hex) of the sources of ``phases`` and of the versions of what they import."""
    h = hashlib.sha256()
    for phase in phases:
        root = PACKAGE / phase
        files = [root] if root.is_file() else [p for p in root.rglob("*") if p.suffix in _SUFFIXES]
        for path in sorted(files):
            content = path.read_bytes()
            h.update(f"{path.relative_to(PACKAGE).as_posix()} {len(content)}\n".encode())
            h.update(content)
    for package in _PACKAGES:
        h.update(f"{package} {metadata.version(package)}\n".encode())
    return h.hexdigest()


def analysis_key(program: str, arguments: tuple[str, ...], ports: int, limits: str) -> str:
    """Key of an analysis; ``program`` is ``frontend.fingerprint``: no comments, layout or locations in it."""
    return "analysis-" + canonical.digest(
        {
            "tool": tool(ANALYSIS_PHASES),
            "program": program,
            "arguments": list(arguments),
            "ports": ports,
            "limits": limits,
        }
    )


def solution_key(problem: str) -> str:
    """Key of an RSS solution; ``problem`` is ``rss.Problem.digest``: constraints and what the NIC can hash."""
    return "rss-" + canonical.digest({"tool": tool(RSS_PHASES), "problem": problem})
