"""Refuses ``#if`` on macros that the analysis and the compiled program do not agree on.

The analysis reads small headers of its own, which define few of the macros of DPDK's and glibc's headers.  What the
user's files define themselves is the same in both worlds; of other macros that they test, the real headers are asked,
and only then: preprocessing those takes a few tenths of a second.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from maestro_tool import dpdk, runtime
from maestro_tool.diagnostics import SourceLocation, ToolError, UnsupportedError
from maestro_tool.frontend import flags
from maestro_tool.frontend.compiler import Compilation, Compiler, run

HEADERS = Path(__file__).parent / "headers"
#: Folders of the API's headers as programs are compiled with them.
RUNTIME = (runtime.INCLUDE, runtime.INCLUDE / "lib")

_CONDITION = re.compile(r"[ \t]*#[ \t]*(?:if|ifdef|ifndef|elif|elifdef|elifndef)\b(.*)", re.DOTALL)
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?(?:\*/|$)|//.*")
_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_GUARD = re.compile(r"(?!RTE_)[A-Z][A-Z0-9_]*_H(?:PP)?(?:_INCLUDED)?_*")
_DEFINED = re.compile(r"#define (\w+)")

# NFs of this family test these; neither world has them unless the user says -D, which sets them in both.
_NEITHER = frozenset({"KLEE_VERIFICATION", "NFOS", "_NO_VERIFAST_", "ENABLE_LOG", "NDEBUG", "DEBUG", "__cplusplus"})
_WHERE = re.compile(r"\b__(?:BASE_FILE|DATE|TIME|TIMESTAMP|COUNTER|INCLUDE_LEVEL)__\b")
_NUMBER = re.compile(r"\d\w*")
_HINT = "write the code without the condition, or test a macro of your own that you define with -D"


def check_conditionals(
    files: Iterable[str],
    text_of: Callable[[str], str],
    compiler: Compiler,
    command: Sequence[str],
    compilation: Compilation,
) -> tuple[tuple[str, str | None], ...]:
    """``command``: the analysis' preprocessor with its options.  ``files``: the user's sources and headers.

    Returns what a unit must find before its first line, of the macros that conditions test: (name, its value if that
    is a whole number and "" for any other; None: it is not defined).  Raises `UnsupportedError` at a condition that may
    differ, or that cannot be compared as there is no DPDK.
    """
    texts = {f: text_of(f) for f in files}
    own = {name for text in texts.values() for name in _DEFINE.findall(text)}
    _check_options(compilation)
    given = _given(compilation)
    same = given.keys() | _NEITHER | compiler.macros
    open_names: dict[str, SourceLocation] = {}
    first: dict[str, str | None] = {}
    for file, text in texts.items():
        _check_names(file, text)
        for name, location in _tested(file, text):
            if name.startswith("__has_"):
                raise UnsupportedError(f"a condition on '{name}' is not supported", location, hint=_HINT)
            if name.startswith("MAESTRO_") and name not in given:
                raise UnsupportedError(f"'{name}' is a name of generated programs", location, hint=_HINT)
            if name in same:
                first[name] = given.get(name, "" if name in compiler.macros else None)
                continue
            if name in own and _GUARD.fullmatch(name):
                continue
            open_names.setdefault(name, location)
    if not open_names:
        return tuple(sorted(first.items()))
    known = _macros(command)
    real = _macros([*compiler.command, *_words(compilation), *_real_folders(compilation, open_names), "-E", "-x", "c"])
    for name, location in open_names.items():
        if (name in known) != (name in real):
            where = "the real headers define it" if name in real else "only the analysis' headers define it"
            raise UnsupportedError(
                f"a condition on '{name}' differs in the compiled program: {where}", location, hint=_HINT
            )
    # Headers of -include come before the first line; they may define what the user's files do.
    included = [a for f, a in flags.words(compilation.flags) if f in ("-include", "-imacros") and a != "rte_config.h"]
    before = own if included else set()
    first |= dict.fromkeys(open_names.keys() - known - before)
    return tuple(sorted(first.items()))


def _given(compilation: Compilation) -> dict[str, str | None]:
    """Macros of -D and -U: the value if it is a whole number, "" for any other; None of -U."""
    found: dict[str, str | None] = {}
    for flag, argument in flags.words(compilation.flags):
        name, equals, value = argument.partition("=")
        if flag == "-D":
            value = value if equals else "1"
            found[name.split("(", 1)[0]] = value if _NUMBER.fullmatch(value) else ""
        elif flag == "-U":
            found[name] = None
    return found


def _words(compilation: Compilation) -> list[str]:
    return [word for flag in flags.checked(compilation.flags) for word in flags.as_words(*flag)]


def _real_folders(compilation: Compilation, open_names: dict[str, SourceLocation]) -> list[str]:
    """Options for the folders of the real headers: those that the build names, or where DPDK is installed."""
    if compilation.headers:
        return [f"-I{folder}" for folder in (*RUNTIME, *compilation.headers)]
    try:
        found = dpdk.find()
    except ToolError as error:
        name, location = next(iter(open_names.items()))
        raise UnsupportedError(
            f"whether '{name}' is defined cannot be known without DPDK: {error.message}",
            location,
            hint=error.hint or _HINT,
        ) from None
    return [*found.cflags, *(f"-I{folder}" for folder in (*RUNTIME, *found.include_dirs))]


def _check_names(file: str, text: str) -> None:
    """Refuse macros whose value is when, or from what file, a unit is preprocessed."""
    for match in _WHERE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        column = match.start() - text.rfind("\n", 0, match.start())
        message = f"'{match[0]}' is another each time that the file is preprocessed"
        raise UnsupportedError(message, SourceLocation(file, line, column), hint="do without it")


def _check_options(compilation: Compilation) -> None:
    """The same of macros that -D makes."""
    for flag, argument in flags.words(compilation.flags):
        if flag == "-D" and (match := _WHERE.search(argument)) is not None:
            message = f"-D{argument}: '{match[0]}' is another each time that a file is preprocessed"
            raise UnsupportedError(message, hint="do without it")


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


def _macros(command: Sequence[str]) -> frozenset[str]:
    """The macros defined after all headers that the analysis knows, as ``command`` finds them."""
    names = sorted(p.relative_to(HEADERS).as_posix() for p in HEADERS.rglob("*.h"))
    text = "".join(f"#if __has_include(<{n}>)\n#include <{n}>\n#endif\n" for n in names)
    return frozenset(_DEFINED.findall(run([*command, "-dM", "-"], text)))
