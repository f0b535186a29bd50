"""What an analysis read, for the next build: files by content, and where it would find others instead.

A build declares the files that it can find by their text.  What else is read is known only when it was: headers whose
names macros make or the compiler's options say, files that set-up opens.  Absence counts, too: a file that set-up did
not find, a place that is searched for a header before the one where it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro_tool import canonical, runtime

#: Written beside an analysis: all that was read; and what is compiled from where it is, not mirrored below gen/.
INPUTS, OUTSIDE = "inputs.json", "outside.json"
#: Variables of compilers with folders of headers.
FOLDER_VARIABLES = ("CPATH", "C_INCLUDE_PATH")
_STUBS = Path(__file__).parent / "frontend" / "headers"


@dataclass(frozen=True, slots=True)
class Read:
    """``sources``: the user's files that were preprocessed, below ``root`` or not; also those that are not there, since
    the tool makes them (`own_files`).  ``folders``: where headers are sought.  ``opened``: what set-up opened, with its
    SHA-256, or None if there was no such file.  ``others``: files and folders that nobody declared to be read
    (`reads`)."""

    sources: tuple[str, ...]
    root: Path
    folders: tuple[Path, ...]
    opened: tuple[tuple[str, str | None], ...] = ()
    others: tuple[str, ...] = ()


def folders(
    flags: Sequence[str], options: Sequence[str] = ("-iquote", "-isystem", "-idirafter", "-I")
) -> tuple[Path, ...]:
    """Where a compiler with these flags looks for headers, as ``options`` among them say."""
    found: list[Path] = []
    for flag, following in zip(flags, [*flags[1:], ""], strict=False):  # no flags: nothing follows
        for option in options:
            if flag.startswith(option):
                found.append(Path(flag.removeprefix(option) or following))
                break
    return tuple(found)


def folders_of_environment(environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Where compilers look for headers besides, as variables say; an empty name is the folder that they run in."""
    said = (environment[name] for name in FOLDER_VARIABLES if environment.get(name))
    return tuple(Path(folder) for folders in said for folder in folders.split(os.pathsep))


def texts(read: Read) -> dict[str, str]:
    """The contents of `INPUTS` and `OUTSIDE`."""
    present = [f for f in read.sources if os.path.isfile(f)]
    contents = {f: _digest(f) for f in present}
    places = sorted({os.path.normpath(p) for p in [*map(str, read.folders), *(os.path.dirname(f) for f in present)]})
    own = (os.path.relpath(f, p) for f in present for p in places)
    ours = {p.relative_to(folder).as_posix() for folder in (_STUBS, runtime.INCLUDE) for p in folder.rglob("*.h")}
    names = sorted({n for n in own if not n.startswith("..")} | ours)
    inputs = {
        "files": {f: contents.get(f) for f in read.sources}
        | {name: _digest(name) for name in read.others}
        | dict(read.opened),
        "places": places,
        "names": names,
        "found": _found(places, names),
    }
    outside = {f: contents[f] for f in present if os.path.relpath(f, read.root).startswith("..")}
    return {INPUTS: canonical.compact(inputs) + "\n", OUTSIDE: canonical.dumps(outside)}


def files(record: Path) -> tuple[str, ...]:
    """Names of the files that `texts` told of; none if there is no record."""
    try:
        return tuple(json.loads(record.read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def changed(record: Path) -> bool:
    """Whether what `texts` told of is otherwise now; not if there is no record: then all is to be made anyway."""
    return record.exists() and bool(differences(record))


def differences(record: Path) -> list[str]:
    """Files that are otherwise than `texts` told, or that are new or gone; the record's own name, if it is damaged."""
    try:
        return differ(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return [str(record)]


def differ(record: str) -> list[str]:
    """The same of the content of a record; ValueError if it is none."""
    try:
        known: Mapping[str, Any] = json.loads(record)
        found = _found(known["places"], known["names"])
        moved = set(known["found"]).symmetric_difference(found)
        edited = {name for name, content in known["files"].items() if _digest(name) != content}
        return sorted(moved | edited) or ([] if found == known["found"] else found)
    except (OSError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("no record of what was read") from error


def _found(places: Sequence[str], names: Iterable[str]) -> list[str]:
    """Of the paths that are made of both, those that are files."""
    found: list[str] = []
    for name in names:
        for place in places:
            with contextlib.suppress(OSError, ValueError):
                if os.path.isfile(path := os.path.join(place, name)):
                    found.append(path)
    return found


def _digest(name: str) -> str | None:
    """SHA-256 of a file, or of the names in a folder; None if there is no such thing."""
    try:
        if os.path.isdir(name):
            return hashlib.sha256("\0".join(sorted(os.listdir(name))).encode("utf-8", "surrogateescape")).hexdigest()
        return hashlib.sha256(Path(name).read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None
