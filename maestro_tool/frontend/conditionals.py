"""Refuses ``#if`` on macros that the analysis and the compiled program do not agree on.

The analysis reads small headers of its own, which define few of the macros of DPDK's and glibc's headers.  What the
user's files define themselves is the same in both worlds; of other macros that they test, the real headers are asked,
and only then: preprocessing those takes a few tenths of a second.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from maestro_tool import dpdk
from maestro_tool.diagnostics import SourceLocation, ToolError, UnsupportedError

_CONDITION = re.compile(r"[ \t]*#[ \t]*(?:if|ifdef|ifndef|elif|elifdef|elifndef)\b(.*)", re.DOTALL)
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?(?:\*/|$)|//.*")
_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_GUARD = re.compile(r"(?!RTE_)[A-Z][A-Z0-9_]*_H(?:PP)?(?:_INCLUDED)?_*")
_DEFINED = re.compile(r"#define (\w+)")

# NFs of this family test these; neither world has them unless the user says -D, which sets them in both.
_NEITHER = frozenset({"KLEE_VERIFICATION", "NFOS", "_NO_VERIFAST_", "ENABLE_LOG", "NDEBUG", "DEBUG", "__cplusplus"})
_HINT = "write the code without the condition, or test a macro of your own that you define with -D"


def check_conditionals(
    files: Iterable[str], headers: Path, runtime: Sequence[Path], command: Sequence[str], defines: Sequence[str]
) -> None:
    """``command``: the analysis' preprocessor with its options.  ``files``: the user's sources and headers.

    ``headers``: the analysis' own; ``runtime``: include folders the program is compiled with besides DPDK's.
    Raises `UnsupportedError` at a condition that may differ, or that cannot be compared as there is no DPDK.
    """
    texts = {f: _text(f) for f in files if Path(f).is_file()}
    own = {name for text in texts.values() for name in _DEFINE.findall(text)}
    given = {d.split("=", 1)[0] for d in defines}
    open_names: dict[str, SourceLocation] = {}
    for file, text in texts.items():
        for name, location in _tested(file, text):
            if name.startswith("__has_"):
                raise UnsupportedError(f"a condition on '{name}' is not supported", location, hint=_HINT)
            if name in _NEITHER or name in given or (name in own and _GUARD.fullmatch(name)):
                continue
            open_names.setdefault(name, location)
    if not open_names:
        return
    first = next(iter(open_names.values()))
    try:
        found = dpdk.find()
    except ToolError as error:
        raise UnsupportedError(
            f"whether '{next(iter(open_names))}' is defined cannot be known without DPDK: {error.message}",
            first,
            hint=error.hint or _HINT,
        ) from None
    known = _macros(command, headers)
    folders = [f"-I{d}" for d in (*runtime, *found.include_dirs)]
    real_flags = ["-E", "-x", "c", "-std=gnu11", "-O3", "-DCAPACITY_POW2", *dpdk.RENAMES, *found.cflags]
    real = _macros([command[0], *real_flags, *(f"-D{d}" for d in defines), *folders], headers)
    for name, location in open_names.items():
        if (name in known) != (name in real):
            where = "the real headers define it" if name in real else "only the analysis' headers define it"
            raise UnsupportedError(
                f"a condition on '{name}' differs in the compiled program: {where}", location, hint=_HINT
            )


def _text(file: str) -> str:
    return Path(file).read_text(encoding="utf-8", errors="replace")


def _tested(file: str, text: str) -> Iterator[tuple[str, SourceLocation]]:
    """Macro names in the conditions of a file, inactive ones too."""
    lines = text.split("\n")
    for index, line in enumerate(lines):
        last, whole = index, line
        while whole.rstrip("\r").endswith("\\") and last + 1 < len(lines):
            last += 1
            whole = whole.rstrip("\r")[:-1] + lines[last]
        match = _CONDITION.match(_COMMENT.sub(" ", whole))
        if match is None:
            continue
        for name in _NAME.findall(_LITERAL.sub(" ", match[1])):
            if name != "defined":
                yield name, SourceLocation(file, index + 1, max(line.find(name), 0) + 1)


def _macros(command: Sequence[str], headers: Path) -> frozenset[str]:
    """The macros defined after all headers that the analysis knows, as ``command`` finds them."""
    names = sorted(p.relative_to(headers).as_posix() for p in headers.rglob("*.h"))
    text = "".join(f"#if __has_include(<{n}>)\n#include <{n}>\n#endif\n" for n in names)
    try:
        done = subprocess.run(
            [*command, "-dM", "-"],
            input=text.encode(),
            capture_output=True,
            env={**os.environ, "LC_ALL": "C"},
            check=False,
        )
    except OSError as error:
        raise ToolError(f"cannot run {command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise ToolError(f"the headers cannot be preprocessed: {done.stderr.decode(errors='replace').strip()}")
    return frozenset(_DEFINED.findall(done.stdout.decode(errors="replace")))
