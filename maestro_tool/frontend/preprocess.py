"""C sources -> preprocessed text, with a table that says where each of its lines comes from.

The compiler's preprocessor does the work, but sees only this folder's small ``headers/`` and the NF's own files: the
real headers of DPDK and glibc are 50,000 lines a file, full of what no C parser but the compilers' own accepts.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from maestro_tool import dpdk, runtime
from maestro_tool.diagnostics import InputError, SourceLocation, ToolError, UnsupportedError
from maestro_tool.frontend import flags, line_directives, macros, unknown
from maestro_tool.frontend.columns import Columns
from maestro_tool.frontend.comparison import compare
from maestro_tool.frontend.compiler import Compilation, Compiler, find, run_at_once
from maestro_tool.frontend.conditionals import HEADERS, check_conditionals
from maestro_tool.frontend.copies import Copies

#: What the analysis reads where the compiler reads the runtime's, DPDK's and the system's headers.  headers/lib is
#: there for "../nf-log.h", which NFs include from a folder below nf.h's.
#: The runtime's come last: those that say in C what they do are read as they are compiled (`dialects`).
_STUBS = (f"-I{HEADERS}", f"-I{HEADERS / 'lib'}", f"-I{runtime.INCLUDE}", "-nostdinc")

#: Where preprocessors say that macros are from: gcc, clang.
_COMMAND_LINES = ("<command-line>", "<command line>")
_BUILT_IN = "<built-in>"

_MARKER = re.compile(r'#(?:line)? (\d+) "((?:[^"\\]|\\.)*)"[ \d]*')
#: What the compiler itself defines, and options as gcc has them that turn into such: all before the first other line.
_OWN_MACROS = re.compile(r'# \d+ [^\n]*\n(?:# \d+ "<built-in>"[ \d]*\n(?:#define [^\n]*\n)*)+')
_DIRECTIVE = re.compile(r"#(?:define (\w+) (.*)|(?:define|undef|ident|sccs)\b)")
_DIAGNOSTIC = re.compile(r"(?P<file>[^\n:]+):(?P<line>\d+):(?:(?P<column>\d+):)? (?:fatal )?error: (?P<text>.*)")
_INCLUDED = re.compile(r"^(?:In file included|\s+) ?from (?P<file>[^\n:]+):(?P<line>\d+)", re.MULTILINE)
_MISSING = re.compile(
    r"'?(?P<name>[^':]+)'?(?:: No such file or directory| file not found)"
    r"|no include path in which to search for (?P<nowhere>\S+)"  # where none is left for #include_next
)


@dataclass(frozen=True, slots=True)
class Source:
    """A preprocessed translation unit.  ``text`` has no line markers; line N of it (from 1) is line
    ``numbers[N-1]`` of ``files[N-1]``."""

    path: Path
    text: str
    files: tuple[str, ...]
    numbers: tuple[int, ...]
    columns: Columns
    macros: tuple[tuple[str, str], ...] = ()  # those of our headers, and DPDK's version: name, text; without arguments

    def location(self, line: int, column: int) -> SourceLocation:
        """Where a position of ``text`` is in the user's files."""
        if not 0 < line <= len(self.files):
            return SourceLocation(str(self.path), 1)
        file, number = self.files[line - 1], self.numbers[line - 1]
        return SourceLocation(file, number, self.columns.restore(file, number, self._line(line), column))

    def last_line(self) -> int:
        """The last line of the text that has anything on it."""
        return self.text.rstrip().count("\n") + 1

    def file(self, line: int) -> str:
        return self.files[line - 1] if 0 < line <= len(self.files) else str(self.path)

    def _line(self, line: int) -> str:
        return self.columns.preprocessed_line(id(self), self.text, line)


#: How names of files begin that are not the user's: our headers', and the compiler's ``<built-in>``.
_NOT_OWN = ("<", f"{HEADERS}{os.sep}", f"{runtime.INCLUDE}{os.sep}")


def is_own(file: str) -> bool:
    """Whether a file is the user's."""
    return not file.startswith(_NOT_OWN)


def own_files_of(sources: Iterable[Source]) -> tuple[str, ...]:
    """The user's files that lines of these are from, in order."""
    named = dict.fromkeys(file for source in sources for file in dict.fromkeys(source.files))
    return tuple(filter(is_own, named))


def command(compiler: Compiler, compilation: Compilation) -> list[str]:
    """The analysis' preprocessor: the compiler's, with all its flags in their order, then this folder's headers.

    So files that the NF brings win over ours of the same name, as they do in the compiler.
    """
    kept = [word for flag, argument in flags.checked(compilation.flags) for word in flags.as_words(flag, argument)]
    return [*compiler.command, *kept, *_STUBS, "-E", "-dD", "-fdiagnostics-color=never", "-x", "c"]


def preprocess(
    sources: Sequence[Path], compilation: Compilation, copies: Copies
) -> tuple[list[Source], tuple[tuple[str, str | None], ...]]:
    """Run the preprocessor over each source; raises what is wrong with the first wrong one.

    Refuses conditions that the compiled program decides otherwise.  The second result: see `check_conditionals`.
    """
    compiler = find(compilation)
    searched = copies.searched(compilation)
    words = command(compiler, searched)
    columns = Columns()
    _check_line_directives(copies.contents, copies)
    # One after the other: a build has other processes for its other processors.
    outputs = run_at_once(words, [copies.place(path) for path in sources])
    outputs = outputs or [_run(words, path, copies) for path in sources]
    found = [_source(output, path, columns, copies) for output, path in zip(outputs, sources, strict=True)]
    own = own_files_of(found)
    _check_files(own)
    _check_line_directives((file for file in own if not copies.is_copied(file)), copies)
    first = check_conditionals(own, copies.texts, compiler, words, searched)
    if compilation.headers:
        compare(sources, own, compiler, words, searched, copies)
    return found, first


def _check_line_directives(files: Iterable[str], copies: Copies) -> None:
    for file in files:
        line_directives.check(file, copies.texts(file), lambda name: is_own(_file_name(name)))


def _check_files(own: Iterable[str]) -> None:
    """Generated code includes headers by these names, and would get the NF's."""
    for file in own:
        name = os.path.basename(file)
        if name.startswith("maestro") and (runtime.INCLUDE / name).is_file():
            raise UnsupportedError(
                f"the runtime has a header '{name}', too, which generated code includes",
                SourceLocation(file, 1),
                hint="give it another name",
            )


def _run(words: Sequence[str], path: Path, copies: Copies) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run([*words, str(copies.place(path))], capture_output=True, env=environment, check=False)
    except OSError as error:
        raise ToolError(f"cannot run {words[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise _error(done.stderr.decode(errors="replace"), path, copies)
    return done.stdout.decode(errors="replace")


def _source(output: str, path: Path, columns: Columns, copies: Copies) -> Source:
    source = without_markers(output, path, columns)
    real = {file: copies.real(file) for file in set(source.files)}
    return replace(source, files=tuple(real[file] for file in source.files))


def _error(stderr: str, path: Path, copies: Copies) -> InputError | UnsupportedError | ToolError:
    """What the preprocessor complains about, as one of our errors."""
    match = _DIAGNOSTIC.search(stderr)
    if match is None:
        return ToolError(f"the C preprocessor failed on {path}: {stderr.strip() or 'no message'}")
    location = SourceLocation(
        copies.real(os.path.normpath(match["file"])), int(match["line"]), int(match["column"] or 0)
    )
    if not is_own(location.file):  # a header of ours that stands for one that the analysis does not have
        included = ((copies.real(os.path.normpath(m["file"])), int(m["line"])) for m in _INCLUDED.finditer(stderr))
        location = next((SourceLocation(file, line) for file, line in included if is_own(file)), location)
    missing = _MISSING.fullmatch(match["text"])
    if missing is None:
        return InputError(match["text"], location)
    name = missing["name"] or missing["nowhere"]
    error = InputError(f"header '{name}' not found", location)
    line = error._read_source_line() or ""
    if re.search(r"#\s*include\s*<", line):
        return UnsupportedError(
            f"header <{name}> is not known to the analysis",
            location,
            hint=unknown.hint("header", name),
        )
    error.hint = "headers are looked for beside the file that includes them and in the include folders given"
    return error


def without_markers(output: str, path: Path, columns: Columns, *, checked: bool = True) -> Source:
    """Blank the ``# 12 "file.c"`` lines and remember what they say.

    ``checked``: whether names of macros are (`macros`).
    """
    lines = output.split("\n")
    files: list[str] = []
    numbers: list[int] = []
    file, number, own = str(path), 1, True
    if (first := _OWN_MACROS.match(output)) is not None:  # hundreds of lines, of which none is looked at
        skipped = first[0].count("\n")
        lines[:skipped], files, numbers = [""] * skipped, [_BUILT_IN] * skipped, [0] * skipped
        file, own = _BUILT_IN, False
    names: dict[str, str] = {}
    defined: dict[str, str] = {}
    for index, line in enumerate(lines[len(files) :], len(files)):
        files.append(file)
        numbers.append(number)
        number += 1
        if line[:1] != "#":
            continue
        match = _MARKER.fullmatch(line.rstrip())
        if match is not None:
            number = int(match[1])
            file = names.get(match[2]) or names.setdefault(match[2], _file_name(match[2]))
            own = is_own(file)
            lines[index] = ""
        elif (directive := _DIRECTIVE.match(line)) is not None:
            lines[index] = ""
            if checked and own:
                macros.check(line, SourceLocation(file, number - 1))
            elif checked and file in _COMMAND_LINES:
                _check_option(line)
                if directive[1] == dpdk.VERSION_MACRO:
                    defined[directive[1]] = directive[2]
            elif directive[1] is not None and not own and not file.startswith("<"):
                defined[directive[1]] = directive[2]
        elif not re.match(r"#\s*pragma\b", line):
            raise InputError("this line marker is malformed", SourceLocation(file, number - 1), source_line=line)
    return Source(path, "\n".join(lines), tuple(files), tuple(numbers), columns, tuple(defined.items()))


def _check_option(line: str) -> None:
    """As of the user's files, of what -D and -U say; these have no place in a file."""
    try:
        macros.check(line, SourceLocation("", 0), everywhere=True)
    except UnsupportedError as error:
        raise UnsupportedError(f"-D or -U: {error.message}", hint=error.hint) from None


def _file_name(quoted: str) -> str:
    """The name in a line marker: bytes that are no ASCII are written as octal numbers, one by one."""

    def plain(m: re.Match[str]) -> str:
        if m[1]:
            return m[1]
        return bytes(int(octal, 8) & 0xFF for octal in m[0].split("\\")[1:]).decode("utf-8", "surrogateescape")

    name = re.sub(r'\\([\\"])|(?:\\[0-7]{3})+', plain, quoted)
    return name if name.startswith("<") else os.path.normpath(name)
