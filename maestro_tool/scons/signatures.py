"""SCons' file of signatures, where it cannot be written: one line, and the file of before stays.

The next build then knows of nothing that this one made, finds that files are not as noted (`outputs`), and makes them.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

from SCons import SConsign, dblite

from maestro_tool.scons import mistakes


def guard() -> None:
    """Have SCons keep its signatures here, unless it does so elsewhere as the user says; before it opens the file."""
    if SConsign.DB_Module is dblite:
        SConsign.DB_Module = sys.modules[__name__]


def open(name: str, *mode: Any) -> _Signatures:  # SCons' name for it (dbm_module)
    """The database in a file, as `SCons.dblite` has it."""
    try:
        return _Signatures(dblite.open(name, *mode))
    except OSError as error:
        mistakes.end(f"{error.filename or name}: {error.strerror or error}: what is built cannot be noted")


class _Signatures:
    """What SCons uses of a database."""

    def __init__(self, database: Any) -> None:
        self._database = database

    def __getitem__(self, key: str) -> bytes:
        value: bytes = self._database[key]
        return value

    def __setitem__(self, key: str, value: bytes) -> None:
        self._database[key] = value

    def sync(self) -> None:
        """Write the file, or end the build."""
        try:
            self._database.sync()
        except OSError as error:
            self._forget()
            mistakes.end(
                f"{self._database._file_name}: {error.strerror or error}: "
                "what was built is not noted, and the next build makes it again"
            )

    def _forget(self) -> None:
        """No second attempt when Python ends, and no half of a file."""
        self._database._needs_sync = self._database.needs_sync = False  # as versions of SCons call it
        with contextlib.suppress(OSError):
            os.unlink(self._database._tmp_name)

    def close(self) -> None:
        self._database.close()
