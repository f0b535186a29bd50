"""One way to write artifacts: sorted JSON, atomically, so that equal content means equal bytes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maestro_tool.diagnostics import InputError, SourceLocation


def dumps(value: Any) -> str:
    """Canonical JSON text of ``value`` (sorted keys, two spaces, newline at the end)."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=True) + "\n"


def compact(value: Any) -> str:
    """Canonical JSON on one line: the form that is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest(value: Any) -> str:
    """SHA-256 (hex) of the canonical form of a JSON value."""
    return hashlib.sha256(compact(value).encode()).hexdigest()


def read_text(path: Path) -> str:
    """What is in ``path``; `InputError` where that is no text."""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError("not JSON", SourceLocation(str(path), 1)) from error


def read_json(path: Path, schema: str) -> dict[str, Any]:
    """The object in ``path``, which must say ``"schema": schema``; raises `InputError` otherwise."""
    try:
        value = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg}", SourceLocation(str(path), error.lineno, error.colno)) from error
    except RecursionError as error:
        raise InputError("not JSON", SourceLocation(str(path), 1)) from error
    if not isinstance(value, dict) or value.get("schema") != schema:
        found = value.get("schema") if isinstance(value, dict) else None
        raise InputError(
            f"expected schema {schema!r}, found {found!r}",
            SourceLocation(str(path), 1),
            source_line="",
            hint="this file was not made by this version of the tool: build it again",
        )
    return value


def write_files(contents: Mapping[Path, str | bytes]) -> None:
    """Write all files or none: each goes to a temporary file first, renames come last."""
    staged: list[tuple[str, Path]] = []
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            staged.append((name, path))
            try:
                with os.fdopen(handle, "wb") as f:
                    f.write(content.encode() if isinstance(content, str) else content)
            except OSError as error:  # a full disk has no name
                raise OSError(error.errno, error.strerror, str(path)) from error
            os.chmod(name, 0o644)
        while staged:
            name, path = staged[0]
            os.replace(name, path)
            staged.pop(0)
    finally:
        for name, _ in staged:
            with contextlib.suppress(OSError):
                os.unlink(name)
