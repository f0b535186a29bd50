"""One way to write artifacts: sorted JSON, atomically, so that equal content means equal bytes."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def dumps(value: Any) -> str:
    """Canonical JSON text of ``value`` (sorted keys, two spaces, newline at the end)."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=True) + "\n"


def compact(value: Any) -> str:
    """Canonical JSON on one line: the form that is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest(value: Any) -> str:
    """SHA-256 (hex) of the canonical form of a JSON value."""
    return hashlib.sha256(compact(value).encode()).hexdigest()


def write_files(contents: Mapping[Path, str | bytes]) -> None:
    """Write all files or none: each goes to a temporary file first, renames come last."""
    staged: list[tuple[str, Path]] = []
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            staged.append((name, path))
            with os.fdopen(handle, "wb") as f:
                f.write(content.encode() if isinstance(content, str) else content)
            os.chmod(name, 0o644)
        while staged:
            name, path = staged[0]
            os.replace(name, path)
            staged.pop(0)
    finally:
        for name, _ in staged:
            try:
                os.unlink(name)
            except OSError:
                pass
