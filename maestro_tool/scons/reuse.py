"""What a step has made is copied where the same is asked for again: another NIC, another name, the branch of before.

SCons knows what a file was made of: the files that it depends on, with their contents, and the commands.  The cache
knows by the same what they made, wherever that was: objects name no place (``-ffile-prefix-map``), and of the folder of
a program only what is below it counts.
"""

from __future__ import annotations

import functools
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from SCons.Action import ActionBase
from SCons.Node.FS import Base, File
from SCons.Util import hash_signature

from maestro_tool import canonical, fingerprint, inputs
from maestro_tool.cache import Stored
from maestro_tool.scons import depfile, lock, progress, shared

#: Flags with which a compiler writes nothing but the object, and that the object alone tells of.
_PLAIN: Final = re.compile(
    r"-[DUIO].*|-W(?![apl],).*|-(isystem|idirafter|iquote|include|imacros).*|-std=.*|-g([0-3]|gdb.*|dwarf.*)?|-m.*"
    r"|-pthread|-pipe|-w|--(param|sysroot)=.*"
    r"|-f(?!profile|branch-probabilities|auto-profile|test-coverage|dump|stack-usage|callgraph|opt-info|save-opt|plugin"
    r"|time-report|self-test|random-seed|repo|compare-debug|lto-partition).*"
)


def are_plain(flags: Sequence[str]) -> bool:
    """Whether all that a compiler makes with ``flags`` is the object, and all that it reads is known."""
    arguments = {i + 1 for i, flag in enumerate(flags) if flag in ("-include", "-imacros", "-isystem", "-idirafter")}
    return all(i in arguments or _PLAIN.fullmatch(flag) for i, flag in enumerate(flags))


def place(node: Any) -> str | None:
    """Where the file was that this build took from a cache: "local" or "remote"; None if it took it from none."""
    return _taken().get(str(node), "local" if getattr(node, "cached", 0) else None)


class Kept(ActionBase):  # type: ignore[misc]  # SCons has no types
    """An action whose targets are kept, and copied when all that they are made of is the same again.

    ``anywhere``: wherever the targets are; $MAESTRO_CELL is the folder of which only what is below it counts.
    ``still``: whether what was kept, of these targets, may be believed today.
    """

    def __init__(
        self, action: Any, *, anywhere: bool = False, still: Callable[[dict[str, bytes]], bool] = lambda kept: True
    ) -> None:
        self._action, self._anywhere, self._still = action, anywhere, still
        self.varlist, self.targets = (), "$TARGETS"

    __hash__ = object.__hash__

    def __call__(self, target: Any, source: Any, env: Any, *options: Any, **more: Any) -> Any:
        if executor := more.get("executor"):  # which has them all
            target, source = executor.get_all_targets(), executor.get_all_sources()
        if not lock.writes() or not env.get("MAESTRO_KEEPS", True):
            return self._action(target, source, env, *options, **more)
        key, store = self._key(target, env), shared.opened(env)
        with _alone(key):
            if self._copied(store.get(key), target):
                return 0
            status = self._action(target, source, env, *options, **more)
            if status or depfile.has_read_more(target[0]):
                return status
            if all(_is_unchanged(c) for c in target[0].children() if isinstance(c, File)):
                store.put(key, _packed([Path(t.abspath).read_bytes() for t in target]))
            return status

    def _copied(self, kept: Stored | None, target: Sequence[Any]) -> bool:
        contents = None if kept is None else _unpacked(kept.content, len(target))
        if (
            kept is None
            or contents is None
            or not self._still({t.name: c for t, c in zip(target, contents, strict=True)})
        ):
            return False
        canonical.write_files({Path(t.abspath): c for t, c in zip(target, contents, strict=True)})
        progress.print_command(f"COPY      {target[0]}{'  (remote)' if kept.place == 'remote' else ''}")
        _taken().update(dict.fromkeys(map(str, target), kept.place))
        return True

    def _key(self, target: Sequence[Any], env: Any) -> str:
        """SHA-256 of commands and dependencies, with the names of files: of a header, it says what is included."""
        cell = env.get("MAESTRO_CELL", "")
        unit = [env.File("#maestro/target")], [env.File("#maestro/source")]  # below: the top folder may have any name
        places = [_place(t, env, cell) for t in target] if self._anywhere else [t.get_path() for t in target]
        commands = bytes(self._action.get_contents(*unit, env)).decode(errors="surrogateescape")
        made_of = [[_place(child, env, cell), child.get_csig()] for child in target[0].children()]
        return f"step-{canonical.digest([places, commands, made_of])}"

    # What SCons asks of an action is of the one that is kept.

    def genstring(self, *arguments: Any, **options: Any) -> Any:
        return self._action.genstring(*arguments, **options)

    def get_presig(self, *arguments: Any, **options: Any) -> Any:
        return self._action.get_presig(*arguments, **options)

    def get_contents(self, *arguments: Any, **options: Any) -> Any:
        return self._action.get_contents(*arguments, **options)

    def get_implicit_deps(self, *arguments: Any, **options: Any) -> Any:
        return self._action.get_implicit_deps(*arguments, **options)

    def presub_lines(self, *arguments: Any, **options: Any) -> Any:
        return self._action.presub_lines(*arguments, **options)


def unchanged(kept: dict[str, bytes]) -> bool:
    """Whether what an analysis read, or did not find, is so today; ``kept``: with its record."""
    try:
        return not inputs.differ(kept[inputs.INPUTS].decode())
    except ValueError:
        return False


def _place(node: Any, env: Any, cell: str) -> str:
    """What a compiler may see of where a file is: of folders of this tool, and of the program, what is below."""
    if not isinstance(node, Base):
        return ""
    path, absolute = node.get_path(), Path(node.get_abspath())
    for folder, name in ((cell, "<program>"), (f"{env.get('MAESTRO_BUILD', '')}/analysis", "<analysis>")):
        if cell and path.startswith(f"{folder}/"):
            return f"{name}/{path.removeprefix(f'{folder}/') if name == '<program>' else node.name}"
    if absolute.is_relative_to(fingerprint.PACKAGE):
        return f"<tool>/{absolute.relative_to(fingerprint.PACKAGE)}"
    return f"*/{node.name}" if path.startswith("/") else str(path)


def _is_unchanged(child: File) -> bool:
    """Whether the file still is what the key says: what was edited meanwhile must not be kept as made of that."""
    try:
        found = os.stat(child.get_abspath())
        now = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
        if _unchanged().get(child) != now:
            if hash_signature(Path(child.get_abspath()).read_bytes()) != child.get_csig():
                return False
            _unchanged()[child] = now
    except OSError:
        return False
    return True


@functools.cache
def _unchanged() -> dict[File, tuple[int, ...]]:
    """Files of this process, which is one build, that were as keys say, and their states then."""
    return {}


def _packed(contents: Sequence[bytes]) -> bytes:
    return canonical.compact([len(c) for c in contents]).encode() + b"\n" + b"".join(contents)


def _unpacked(kept: bytes, count: int) -> list[bytes] | None:
    """The contents of ``count`` files, or None if that is something else."""
    head, _, rest = kept.partition(b"\n")
    sizes = [int(n) for n in re.findall(rb"\d+", head)]
    if len(sizes) != count or sum(sizes) != len(rest):
        return None
    ends = [sum(sizes[: i + 1]) for i in range(count)]
    return [rest[end - size : end] for size, end in zip(sizes, ends, strict=True)]


@functools.cache
def _taken() -> dict[str, str]:
    """Files of this process, which is one build, that were copied, and where they were."""
    return {}


_KEYS: Final = threading.Lock()


@contextmanager
def _alone(key: str) -> Iterator[None]:
    """Other steps of this build that would make the same wait, and copy it."""
    with _KEYS:
        own = _locks().setdefault(key, threading.Lock())
    with own:
        yield


@functools.cache
def _locks() -> dict[str, threading.Lock]:
    """Of this process, which is one build."""
    return {}
