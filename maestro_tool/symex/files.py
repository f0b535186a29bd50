"""Files that set-up reads: their content is part of what the plan was made for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.symex.callpath import PinnedFile

Reader = Callable[[str], bytes | None]

#: Configuration, not data: set-up is interpreted, a character at a time.
LARGEST_FILE = 16 << 20


@dataclass(slots=True)
class Stream:
    """An open file: where its reader is, and whether a read has met the end."""

    name: str
    data: bytes
    at: int = 0
    ended: bool = False

    def read(self, count: int) -> bytes:
        """Up to ``count`` bytes."""
        found = self.data[self.at : self.at + count]
        self.at += len(found)
        self.ended = self.ended or len(found) < count
        return found

    def line(self, limit: int) -> bytes:
        """Up to and with the next newline, at most ``limit`` bytes."""
        end = self.data.find(b"\n", self.at, self.at + limit)
        return self.read(end + 1 - self.at if end >= 0 else limit)


def content(name: str) -> bytes | None:
    """The file's bytes; None if it does not exist.  UnsupportedError if it cannot be read."""
    path = Path(name)
    try:
        if not path.is_file() and path.stat():  # opening a FIFO would wait, and a device may have no end
            raise UnsupportedError(f"'{name}' is no regular file: each run, and each worker, may read something else")
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise UnsupportedError(f"the file '{name}' is too large to be read by the analysis")
        return data
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UnsupportedError(f"the file '{name}' cannot be read: {error.strerror}") from None


def digest(data: bytes) -> str:
    """SHA-256, hexadecimal: what the program compares at its start (runtime/src/files.c)."""
    return hashlib.sha256(data).hexdigest()


@dataclass(slots=True)
class Files:
    """What set-up opened: ``streams`` by the number of the memory block that stands for the FILE.

    ``read``: the bytes of a file by its name, or None if there is no such file.
    """

    read: Reader = content
    streams: dict[int, Stream] = field(default_factory=dict)
    pinned: dict[str, PinnedFile] = field(default_factory=dict)

    def open(self, name: str, loc: int) -> Stream | None:
        """None if there is no such file; ``name`` has a character for each byte (`access.string`)."""
        try:
            name = name.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            raise UnsupportedError(f"the name of the file {name!r} is not UTF-8", hint="give it another name") from None
        data = self.read(name)
        self.pinned.setdefault(name, PinnedFile(name, None if data is None else digest(data), loc))
        return None if data is None else Stream(name, data)


def changed(files: tuple[PinnedFile, ...]) -> PinnedFile | None:
    """The first file whose content is no longer what it was."""
    for file in files:
        data = content(file.name)
        if file.digest != (None if data is None else digest(data)):
            return file
    return None
