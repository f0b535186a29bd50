"""The compiler that builds the NF, and what it says of itself: the analysis must preprocess with no other.

Its predefined macros show what it compiles for.  What they say differently from what `c_types` assumes is refused,
whichever flag or target made it so.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from maestro_tool.diagnostics import ToolError, UnsupportedError
from maestro_tool.frontend import flags as table

_COMPILERS = ("gcc", "cc", "clang")

#: Where no build system says otherwise: GNU C11, a CPU with SSE4.2, DPDK's old names of the Ethernet addresses (its
#: rename of 21.11), and what libVig's Makefile defines (NF API, section 1).
DEFAULT_FLAGS = ("-std=gnu11", "-O3", "-msse4.2", "-Dd_addr=dst_addr", "-Ds_addr=src_addr", "-DCAPACITY_POW2")


@dataclass(frozen=True, slots=True)
class Compilation:
    """How units are compiled.  ``compiler``: the command's first words; empty: gcc, or what else there is.

    ``flags``: all others, in their order.  ``headers``: folders of the real headers that the analysis' small ones
    stand for, in the compiler's order; empty: the lines that are compiled are not compared with those analysed.
    """

    compiler: tuple[str, ...] = ()
    flags: tuple[str, ...] = DEFAULT_FLAGS
    headers: tuple[str, ...] = ()

    def with_more(self, include_dirs: Sequence[Path], defines: Sequence[str]) -> Compilation:
        """With ``-D`` and ``-I`` behind the other flags, as compilers' command lines have them."""
        return replace(self, flags=(*self.flags, *(f"-D{d}" for d in defines), *(f"-I{d}" for d in include_dirs)))


DEFAULT = Compilation()

#: Macro -> its value where the target is as `c_types` has it; None: not defined.
_MODEL: dict[str, tuple[str | None, str]] = {
    "__CHAR_BIT__": ("8", "bytes have other than 8 bits"),
    "__CHAR_UNSIGNED__": (None, "char is unsigned; -fsigned-char makes it signed"),
    "__SIZEOF_SHORT__": ("2", "short has other than 2 bytes"),
    "__SIZEOF_INT__": ("4", "int has other than 4 bytes"),
    "__SIZEOF_LONG__": ("8", "long has other than 8 bytes"),
    "__SIZEOF_LONG_LONG__": ("8", "long long has other than 8 bytes"),
    "__SIZEOF_POINTER__": ("8", "pointers have other than 8 bytes"),
    "__SIZEOF_WCHAR_T__": ("4", "wchar_t has other than 4 bytes"),
    "__SIZEOF_FLOAT__": ("4", "float has other than 4 bytes"),
    "__SIZEOF_DOUBLE__": ("8", "double has other than 8 bytes"),
    "__SIZE_TYPE__": ("long unsigned int", "size_t is not unsigned long"),
    "__BYTE_ORDER__": ("__ORDER_LITTLE_ENDIAN__", "numbers are not little-endian"),
    "__FAST_MATH__": (None, "floating-point numbers are not calculated as IEEE 754 says"),
}
_DEFINE = re.compile(r"#define (\w+)(?:\([^)]*\))?[ ]?(.*)")


@dataclass(frozen=True, slots=True)
class Compiler:
    """``command``: its words; ``version`` and ``target`` as it says them; ``macros``: those it defines by itself."""

    command: tuple[str, ...]
    version: str
    target: str
    macros: frozenset[str]


def find(compilation: Compilation) -> Compiler:
    """Ask the compiler of ``compilation``; raises `ToolError` if there is none, `UnsupportedError` if it, or a flag,
    makes programs that the analysis does not model."""
    kept = [f"{flag}{argument}" for flag, argument in table.checked(compilation.flags) if _says_what_for(flag)]
    if not compilation.compiler:
        found = next((c for c in map(shutil.which, _COMPILERS) if c), None)
        if found is None:
            raise ToolError("no C compiler found", hint="install gcc (Debian: apt-get install gcc)")
        return _asked((found,), tuple(kept))
    if shutil.which(compilation.compiler[0]) is None:
        raise ToolError(f"the C compiler '{compilation.compiler[0]}' was not found", hint="install it, or set CC=")
    return _asked(compilation.compiler, tuple(kept))


def _says_what_for(flag: str) -> bool:
    """Whether the flag may change what is compiled for: all but macros, folders and files."""
    return flag not in ("-D", "-U", "-I", "-isystem", "-idirafter", "-iquote", "-include", "-imacros")


@lru_cache
def _asked(command: tuple[str, ...], flags: tuple[str, ...]) -> Compiler:
    output = run([*command, *flags, "-E", "-dM", "-x", "c", os.devnull])
    macros = {m[1]: m[2] for m in map(_DEFINE.fullmatch, output.splitlines()) if m is not None}
    if "__GNUC__" not in macros:
        raise UnsupportedError(f"the compiler '{' '.join(command)}' is neither gcc nor clang", hint="set CC=gcc")
    for macro, (value, otherwise) in _MODEL.items():
        if macros.get(macro) != value:
            raise UnsupportedError(
                f"the compiler '{' '.join((*command, *flags))}' makes programs that the analysis does not model: "
                f"{otherwise}",
                hint="NFs are analysed as compiled for x86-64 or ARM64 with Linux' conventions",
            )
    kind = "clang" if "__clang__" in macros else "gcc"
    target = run([*command, *flags, "-dumpmachine"]).strip()
    return Compiler(command, f"{kind} {macros.get('__VERSION__', '').strip(chr(34))}", target, frozenset(macros))


def run(command: Sequence[str], text: str | None = None) -> str:
    """What a command of the compiler prints; raises `ToolError` with its message where it fails."""
    try:
        done = subprocess.run(
            command,
            input=None if text is None else text.encode(),
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C"},
            check=False,
        )
    except OSError as error:
        raise ToolError(f"cannot run {command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise ToolError(f"'{' '.join(command[:1])}' failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace")


#: How what -E prints of a file begins.
_BEGIN = re.compile(r'^# [01] "[^\n]*"\n(?=# [01] "<built-in>")', re.MULTILINE)


def run_at_once(command: Sequence[str], files: Sequence[Path]) -> list[str] | None:
    """What ``command``, a preprocessor that is asked for macros, too, prints of each file, from one process for all:
    to start one takes the compiler's driver a fifth of the time.

    None where each needs its own: one is wrong, or prints what looks like the begin of another.
    """
    try:
        output = run([*command, *map(str, files)])
    except ToolError:
        return None
    begins = [m.start() for m in _BEGIN.finditer(output)]
    if len(begins) != len(files) or begins[:1] != [0]:
        return None
    return [output[start:end] for start, end in zip(begins, [*begins[1:], len(output)], strict=True)]
