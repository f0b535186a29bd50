"""The SCons tool ``maestro``: ``Environment(tools=["default", "maestro"])``.

It adds pseudo-builders, each of which returns nodes:

    env.Parallelize("fw", NIC="soft")      executable, library, header and plan of the parallel program
    env.SequentialNF("fw")                 the same NF as a program for one core
    env.Replay(...)                        a run of both over a capture
    env.ExplainNF("fw", NIC="soft")        how packets flow, what they share, what is decided and why

The phases run as commands (``python -m maestro_tool ...``), never inside SCons: its worker threads have small stacks,
z3 is not thread-safe there, and a command can be shown, repeated and killed.  One process of a build has imported what
they need, and forks for each (`steps`).  This package is a thin layer of declarations, and the only importer of SCons.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Any

from SCons.Subst import Literal

from maestro_tool import fingerprint
from maestro_tool.scons import builders, commands, machines, parallelize, progress, replay, shared

#: Modules that the phases cannot do without.
_NEEDED = ("graphviz", "jinja2", "pycparser", "pydantic", "rich", "yaml", "z3")

#: Variables of the user that the commands of a build see, besides those of pkg-config.
_ENVIRONMENT = (
    "PATH", "MAESTRO_CACHE", "MAESTRO_CACHE_KEY", "MAESTRO_CACHE_LIMIT", "MAESTRO_CACHE_MODE", "MAESTRO_CACHE_URL",
    "MAESTRO_CACHE_WAIT", "MAESTRO_CLUSTER", "MAESTRO_DEBUG",
    "TERM", "COLORTERM", "COLUMNS", "NO_COLOR", "FORCE_COLOR",
)  # fmt: skip


def missing_packages() -> list[str]:
    """Python packages that the phases need and this interpreter lacks, by their pip names."""
    return [fingerprint.DISTRIBUTIONS[m][0] for m in _NEEDED if importlib.util.find_spec(m) is None]


def generate(env: Any, **defaults: Any) -> None:
    """Add construction variables, builders and methods to ``env``; runs nothing."""
    env.SetDefault(
        MAESTRO_PYTHON=Literal(sys.executable),
        MAESTRO_NFS="nfs",
        MAESTRO_CONFIGS="configs",
        MAESTRO_BUILD="build",
        MAESTRO_CACHE_URL="",
        MAESTRO_CLUSTER="",
        MAESTRO_CACHE_MODE="",
        MAESTRO_VERBOSE=False,
        PRINT_CMD_LINE_FUNC=progress.print_command,
        NIC="soft",
        STRATEGY="auto",
    )
    env.Replace(**defaults)
    for name in os.environ:
        if name in _ENVIRONMENT or name.startswith("PKG_CONFIG_"):
            env["ENV"].setdefault(name, os.environ[name])
    env["ENV"]["PATH"] = os.environ.get("PATH", env["ENV"].get("PATH", os.defpath))
    env["ENV"]["PYTHONPATH"] = str(builders.PACKAGE.parent)
    shared.use(env)
    machines.use(env)
    builders.add(env)
    parallelize.add(env)
    replay.add(env)
    commands.add(env)


def exists(env: Any) -> bool:
    """Whether the phases can run here."""
    return not missing_packages()
