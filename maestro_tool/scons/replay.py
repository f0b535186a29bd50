"""`env.Replay` and `env.Bench`: running what was built.  Both always run; what they run is built first."""

from __future__ import annotations

from typing import Any


def add(env: Any) -> None:
    """Register the pseudo-builders in ``env``."""
