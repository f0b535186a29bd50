"""How long the processes of one build have waited for a remote, and what they have said of it.

They share a folder: a file there is as long as they have waited (a byte is 10 ms, appended by whoever waited), and
empty ones say what has happened.  So there is no lock, and a process that is killed leaves nothing undone.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

#: The folder of the build that a process belongs to, and the seconds that builds wait in all.
STATE = "MAESTRO_CACHE_STATE"
WAIT = "MAESTRO_CACHE_WAIT"
SECONDS = 20.0
_LONGEST = 3600.0
_UNIT = 0.01


class Waiting:
    """``seconds``: what all processes may wait together for what turns out to be of no use."""

    def __init__(self, folder: Path, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._folder = folder

    def left(self) -> float:
        """Seconds that may still be waited; none where nobody can note how many."""
        try:
            return self.seconds - _UNIT * os.stat(self._folder / "waited").st_size
        except FileNotFoundError:
            return self.seconds if self._folder.is_dir() else 0.0
        except OSError:
            return 0.0

    def add(self, seconds: float) -> None:
        """So long was waited; less than nothing is nothing."""
        if (count := min(math.ceil(seconds / _UNIT), int(_LONGEST / _UNIT))) > 0:
            self._append("waited", b"." * count)

    def first(self, what: str) -> bool:
        """Whether nobody has noted ``what`` before; now it is noted."""
        try:
            os.close(os.open(self._folder / what, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        except OSError:
            return False
        return True

    def has(self, what: str) -> bool:
        """Whether somebody has noted ``what``."""
        return (self._folder / what).exists()

    def _append(self, name: str, content: bytes) -> None:
        with contextlib.suppress(OSError):
            file = os.open(self._folder / name, os.O_APPEND | os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, content)
            finally:
                os.close(file)


def of(environment: Mapping[str, str]) -> Waiting:
    """That of the build which set the variables, or one of this process; ValueError where they say nothing usable."""
    text = environment.get(WAIT) or str(SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST:
        raise ValueError(f"{WAIT}={text}: expected seconds, at most {_LONGEST:.0f}")
    return Waiting(Path(environment[STATE]) if environment.get(STATE) else _own(), seconds)


def _own() -> Path:
    folder = tempfile.mkdtemp(prefix="maestro-waiting-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
