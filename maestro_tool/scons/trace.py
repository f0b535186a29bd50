"""``trace=FILE``: when each command of a build ran, as Chrome, Perfetto and Speedscope show it."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maestro_tool import canonical
from maestro_tool.scons import spent


def begin(file: Path) -> None:
    """Have the file written when the build ends."""
    atexit.register(_write, file.absolute())


def _write(file: Path) -> None:
    try:
        canonical.write_files({file: canonical.dumps({"traceEvents": events(spent.commands())})})
    except OSError as error:
        print(f"scons: {file}: {error.strerror or error}: the trace is not written", file=sys.stderr)


def events(commands: Sequence[spent.Command]) -> list[dict[str, Any]]:
    """Complete events of the trace format: a row for each worker of -j, microseconds from the first command on."""
    first = min((c.start for c in commands), default=0.0)
    workers = list(dict.fromkeys(c.thread for c in sorted(commands, key=lambda c: c.start)))
    return [
        {
            "name": _name(command),
            "cat": "step",
            "ph": "X",
            "ts": round((command.start - first) * 1e6),
            "dur": round(command.seconds * 1e6),
            "pid": 1,
            "tid": workers.index(command.thread) + 1,
            "args": {"command": " ".join(command.words)},
        }
        for command in commands
    ]


def _name(command: spent.Command) -> str:
    """The program, or the command of this tool, and what it makes."""
    words = list(command.words)
    at = words.index("maestro_tool") + 1 if "maestro_tool" in words else 0
    made = sorted(command.outputs)[0] if "-o" in words else ""
    return f"{os.path.basename(words[at])} {made}".strip()
