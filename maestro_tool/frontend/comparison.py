"""What is compiled is what was analysed: the user's lines that are left with the real headers, and with ours.

The analysis reads small headers in place of the runtime's, DPDK's and the system's.  These define other macros, so a
condition in the user's files may be decided otherwise, in ways that `conditionals` does not see (it asks which macros
there are, not what they say).  So each unit is preprocessed once with the real ones, too, up to its directives only:
which lines are left, in which order, must be the same.  And no name that the user takes for their own may be a macro
there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from maestro_tool.diagnostics import SourceLocation, ToolError, UnsupportedError
from maestro_tool.frontend import flags
from maestro_tool.frontend.compiler import Compilation, Compiler, run, run_at_once
from maestro_tool.frontend.conditionals import HEADERS, RUNTIME
from maestro_tool.frontend.copies import Copies
from maestro_tool.frontend.uncommented import uncommented

#: With the end of the line before, which is found ten times as fast as the start of a line.
_MARKER = re.compile(r'\n# (\d+) "((?:[^"\\\n]|\\.)*)"([ \d]*)(?=\n|\Z)')
_DIRECTIVE = re.compile(r"\n#(define|undef) (\w+)(\(?)")
_NAMES = re.compile(r"\b([A-Za-z_]\w*)\b(\s*\()?")
_CONDITIONAL = re.compile(r"[ \t]*#[ \t]*(?:if|ifdef|ifndef|el|endif)")
_SYSTEM = "3"  # flag of a marker: the file is a system header
#: How names begin of files that are neither the user's nor the system's.
_NO_USERS = ("<", *(f"{folder}{os.sep}" for folder in (*RUNTIME, HEADERS)))


@dataclass(slots=True)
class _Left:
    """What a unit's directives leave: the user's lines in order; text of headers, with the macros that it defines."""

    lines: list[tuple[str, int]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)  # of these lines, where the compiler prints them as they are
    system: set[str] = field(default_factory=set)  # names of headers of the system
    headers: list[str] = field(default_factory=list)  # each begins with the end of the line before

    def macros(self, names: Set[str]) -> dict[str, bool]:
        """Those of ``names`` that headers define as macros; whether they take arguments."""
        found: dict[str, bool] = {}
        for text in self.headers:
            for directive, name, arguments in _DIRECTIVE.findall(text):
                if name not in names:
                    continue
                if directive == "define":
                    found[name] = bool(arguments)
                else:
                    found.pop(name, None)
        return found

    def mentions(self, name: str) -> bool:
        """Whether the word is anywhere in a header."""
        return any(re.search(rf"\b{name}\b", text) for text in self.headers if name in text)


def compare(
    sources: Sequence[Path],
    own: Sequence[str],
    compiler: Compiler,
    command: Sequence[str],
    compilation: Compilation,
    copies: Copies,
) -> None:
    """``command``: the analysis' preprocessor; ``own``: the user's files, as it read them.

    Raises `UnsupportedError` at the first line that is not the same in the compiled program.
    """
    real = [
        *compiler.command,
        *(word for flag in flags.checked(compilation.flags) for word in flags.as_words(*flag)),
        *(f"-I{folder}" for folder in RUNTIME),
        *(word for folder in compilation.headers for word in ("-isystem", folder)),
        *("-E", "-x", "c"),
    ]
    verbatim = _has_directives_only(compiler)
    option = "-fdirectives-only" if verbatim else "-dD"
    grouped = (lambda file, line: line) if verbatim else _groups(copies)
    known = frozenset(own)
    others = [os.path.normpath(f) for f in _folders_of_others(compilation)]

    def check(printed: str, really: str) -> None:
        analysed = _left(printed, known, copies, grouped)
        compiled = _left(really, known, copies, grouped)
        _check_lines(analysed.lines, compiled.lines)
        if verbatim:
            _check_texts(analysed, compiled)
        _check_stand_ins(compiled, others)
        _check_names(analysed, compiled, copies)

    places = [copies.place(source) for source in sources]
    outputs = (_run_each([*words, option], places) for words in (command, real))
    for printed, really in zip(*outputs, strict=True):
        check(printed, really)


def _run_each(command: Sequence[str], files: Sequence[Path]) -> Sequence[str]:
    return run_at_once(command, files) or [run([*command, str(file)]) for file in files]


def _has_directives_only(compiler: Compiler) -> bool:
    """Whether the compiler can print lines as they are (gcc can, clang from 15 on)."""
    if compiler.version.startswith("gcc "):
        return True
    try:
        run([*compiler.command, "-E", "-fdirectives-only", "-x", "c", os.devnull])
    except ToolError:
        return False
    return True


def _groups(copies: Copies) -> Callable[[str, int], int]:
    """For a compiler that prints lines with all macros expanded, and some in another line: lines between two
    conditions of a file are left together, or none of them is."""
    starts: dict[str, list[int]] = {}

    def group(file: str, line: int) -> int:
        if file not in starts:
            found, first = [0], 0
            for number, text in enumerate(copies.texts(file).split("\n"), 1):
                if _CONDITIONAL.match(text):
                    first = number
                found.append(first)
            starts[file] = found
        return starts[file][min(line, len(starts[file]) - 1)]

    return group


def _left(output: str, own: frozenset[str], copies: Copies, grouped: Callable[[str, int], int]) -> _Left:
    left = _Left()
    names: dict[tuple[str, bool], tuple[str, bool]] = {}
    for file, system, number, text in _segments(output):
        if (file, system) not in names:
            real = copies.real(_normal(file))
            names[file, system] = real, real not in own and (system or file.startswith(_NO_USERS))
        real, is_header = names[file, system]
        if is_header:
            left.headers.append(f"\n{text}")
            if system:
                left.system.add(real)
            continue
        for line, content in enumerate(text.split("\n"), number):
            if content.strip():
                place = (real, grouped(real, line))
                if not left.lines or left.lines[-1] != place:
                    left.lines.append(place)
                    left.texts.append(content.strip())
                else:
                    left.texts[-1] += content.strip()
    return left


def _segments(output: str) -> Iterator[tuple[str, bool, int, str]]:
    """(file, whether it is a system header, number of the first line, text) between markers."""
    output = f"\n{output}"
    markers = list(_MARKER.finditer(output))
    for marker, following in zip(markers, [*markers[1:], None], strict=True):
        text = output[marker.end() + 1 : following.start() if following else len(output)]
        yield marker[2], _SYSTEM in marker[3].split(), int(marker[1]), text


def _normal(quoted: str) -> str:
    name = re.sub(r'\\([\\"]|[0-7]{3})', lambda m: m[1] if len(m[1]) == 1 else chr(int(m[1], 8)), quoted)
    return name if name.startswith("<") else os.path.normpath(name)


def _check_lines(analysed: list[tuple[str, int]], compiled: list[tuple[str, int]]) -> None:
    if analysed == compiled:
        return
    pairs = zip(analysed, compiled, strict=False)
    at = next((i for i, (a, c) in enumerate(pairs) if a != c), min(len(analysed), len(compiled)))
    here, there = (lines[at] if at < len(lines) else None for lines in (analysed, compiled))
    hint = (
        "a condition around it depends on what the runtime's, DPDK's or the system's headers define: write the code "
        "without it, or test a macro of your own"
    )
    # The one of the two that the other does not have at all says more.
    if there is not None and (here is None or there not in analysed):
        other = f"goes on at {here[0]}:{here[1]}" if here else "has ended"
        message = f"this is compiled, but not analysed: there, the analysis {other}"
        raise UnsupportedError(message, SourceLocation(*there), hint=hint)
    assert here is not None
    other = f"goes on at {there[0]}:{there[1]}" if there else "has ended"
    message = f"this is analysed, but not compiled: there, the compiler {other}"
    raise UnsupportedError(message, SourceLocation(*here), hint=hint)


def _check_texts(analysed: _Left, compiled: _Left) -> None:
    """Lines of one number are one line: #line may give several the same."""
    for place, here, there in zip(compiled.lines, analysed.texts, compiled.texts, strict=True):
        if here != there:
            raise UnsupportedError(
                "another line of this number is compiled than is analysed",
                SourceLocation(*place),
                source_line=there,
                hint="remove #line, or the condition around it",
            )


def _folders_of_others(compilation: Compilation) -> Iterator[str]:
    """Folders of headers that compilers take for the system's, as the user names them; not DPDK's."""
    words = [argument for flag, argument in flags.words(compilation.flags) if flag in ("-isystem", "-idirafter")]
    for folder in (*words, *filter(None, os.environ.get("C_INCLUDE_PATH", "").split(os.pathsep))):
        if os.path.realpath(folder) not in {os.path.realpath(d) for d in compilation.headers}:
            yield folder


def _check_stand_ins(compiled: _Left, folders: Sequence[str]) -> None:
    """The analysis has headers of its own for those of the system: no others may stand for these unseen."""
    for file in sorted(compiled.system):
        for folder in folders:
            name = os.path.relpath(file, folder)
            if not name.startswith("..") and (HEADERS / name).is_file():
                raise UnsupportedError(
                    f"this is compiled in place of the system's <{name}>, for which the analysis has one of its own",
                    SourceLocation(file, 1),
                    hint="name its folder with -I (CPPPATH), where it is read, or another system with --sysroot",
                )


def _check_names(analysed: _Left, compiled: _Left, copies: Copies) -> None:
    """No name of the user's is a macro of the real headers that ours do not mention."""
    files = dict.fromkeys(file for file, _ in compiled.lines)
    texts = {file: uncommented(copies.texts(file)) for file in files}
    used = {match[1] for text in texts.values() for match in _NAMES.finditer(text)}
    unknown = {name: takes for name, takes in compiled.macros(used).items() if not analysed.mentions(name)}
    for text in texts.values():
        for match in re.finditer(r"^[ \t]*#[ \t]*(?:define|undef)[ \t]+(\w+)", text, re.MULTILINE):
            unknown.pop(match[1], None)
    lines = set(compiled.lines)
    for file, text in texts.items():
        for match in _NAMES.finditer(text):
            takes = unknown.get(match[1])
            if takes is None or (takes and not match[2]):
                continue
            line = text.count("\n", 0, match.start()) + 1
            if (file, line) not in lines and not _is_grouped(lines, file):
                continue
            raise UnsupportedError(
                f"'{match[1]}' is a macro of the real headers, which the analysis does not know",
                SourceLocation(file, line, match.start() - text.rfind("\n", 0, match.start())),
                hint="use another name, or do without",
            )


def _is_grouped(lines: set[tuple[str, int]], file: str) -> bool:
    """Whether lines are known by their groups only, the first of which is 0."""
    return (file, 0) in lines
