"""Programs for XDP: what of a file is one, which maps it defines, and the text that makes it an NF.

Sections tell (``SEC("xdp")``, ``SEC(".maps")``).  They are read off the preprocessed text, where bpf_helpers.h leaves
a mark for each (`SECTION`); programs are compiled without.  To the program's file is added nf_init, which makes the
maps, and nf_process, which calls the program and says where its verdict leads: behind all else, so that positions stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from maestro_tool.diagnostics import InputError, MaestroError, SourceLocation, UnsupportedError
from maestro_tool.dialects import XDP_OWN_MAP_DEF, XDP_SECTION
from maestro_tool.frontend.preprocess import Source, is_own
from maestro_tool.frontend.unknown import instead
from maestro_tool.xdp import Attachment

#: Defined when sections are looked for.
SECTION: Final = f"{XDP_SECTION}(name)=maestro_section(name)"

_OWN_MAP_DEF = re.compile(r"\bstruct\s+bpf_map_def\s*\{")
_TOKEN = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[A-Za-z_]\w*|\d\w*|\S")
_PROGRAM = re.compile(r"xdp(?:\.frags)?(?:[/_].*)?")

#: Types of maps that are made, and as what (maestro_bpf_maps.h).  One CPU has one part of a map with a part for each.
_MAPS: Final = {
    "BPF_MAP_TYPE_HASH": "MAESTRO_HASH",
    "BPF_MAP_TYPE_ARRAY": "MAESTRO_ARRAY",
    "BPF_MAP_TYPE_PERCPU_HASH": "MAESTRO_HASH",
    "BPF_MAP_TYPE_PERCPU_ARRAY": "MAESTRO_ARRAY",
    "BPF_MAP_TYPE_LRU_HASH": "MAESTRO_LRU_HASH",
    "BPF_MAP_TYPE_LRU_PERCPU_HASH": "MAESTRO_LRU_HASH",
    "BPF_MAP_TYPE_LPM_TRIE": "MAESTRO_TRIE",
    # Slots that are empty are keys that are not there.
    "BPF_MAP_TYPE_DEVMAP": "MAESTRO_HASH",
    "BPF_MAP_TYPE_DEVMAP_HASH": "MAESTRO_HASH",
}
_OF_DEVICES: Final = ("BPF_MAP_TYPE_DEVMAP", "BPF_MAP_TYPE_DEVMAP_HASH")


@dataclass(frozen=True, slots=True)
class Map:
    """``kind``: BPF_MAP_TYPE_...; the others are C expressions."""

    name: str
    place: SourceLocation
    kind: str
    key_size: str
    value_size: str
    entries: str


@dataclass(frozen=True, slots=True)
class Sections:
    """``programs``: functions by name."""

    programs: dict[str, SourceLocation]
    maps: tuple[Map, ...]
    passes: SourceLocation | None  # where XDP_PASS is used first


def defines(texts: Iterable[str]) -> dict[str, str]:
    """Macros of the NF's units, by the texts of its files.

    Programs for newer versions of libbpf have `struct bpf_map_def` of their own.
    """
    return {XDP_OWN_MAP_DEF: "1"} if any(map(_OWN_MAP_DEF.search, texts)) else {}


# --------------------------------------------------------------------------- what is there


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class _Reader:
    """The tokens of a file, after the preprocessor."""

    source: Source
    tokens: list[_Token]

    def at(self, i: int) -> str:
        return self.tokens[i].text if 0 <= i < len(self.tokens) else ""

    def place(self, i: int) -> SourceLocation:
        text, offset = self.source.text, self.tokens[min(i, len(self.tokens) - 1)].offset
        return self.source.location(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))

    def fail(self, i: int, kind: type[MaestroError], message: str, hint: str) -> NoReturn:
        raise kind(message, self.place(i), hint=hint)

    def is_word(self, i: int) -> bool:
        return re.fullmatch(r"[A-Za-z_]\w*", self.at(i)) is not None

    def closes(self, i: int) -> int:
        """Where the bracket closes that opens at ``i``."""
        depth = 0
        for k in range(i, len(self.tokens)):
            depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(self.at(k), 0)
            if depth == 0:
                return k
        return len(self.tokens)

    def opens(self, i: int) -> int:
        """Where the bracket opens that closes at ``i``."""
        depth = 0
        for k in range(i, -1, -1):
            depth += {")": 1, "}": 1, "]": 1, "(": -1, "{": -1, "[": -1}.get(self.at(k), 0)
            if depth == 0:
                return k
        return 0

    def text(self, first: int, end: int) -> str:
        return " ".join(t.text for t in self.tokens[first:end])


def sections(source: Source) -> Sections:
    """Programs and maps of a file, and of the headers of the NF's that it includes."""
    reader = _Reader(source, [_Token(m[0], m.start()) for m in _TOKEN.finditer(source.text)])
    programs: dict[str, SourceLocation] = {}
    maps: list[Map] = []
    passes = None
    for i, token in enumerate(reader.tokens):
        if token.text == "XDP_PASS" and passes is None and is_own(reader.place(i).file):
            passes = reader.place(i)
        if token.text != "maestro_section" or reader.at(i + 1) != "(":
            continue
        name, behind = reader.at(i + 2)[1:-1], reader.closes(i + 1) + 1
        if name == ".maps":
            maps.append(_map(reader, i, behind))
        elif name == "maps":
            maps.append(_older_map(reader, i, behind))
        elif _PROGRAM.fullmatch(name):
            at = _function(reader, behind)
            programs[reader.at(at)] = reader.place(at)
    return Sections(programs, tuple(maps), passes)


def _function(reader: _Reader, i: int) -> int:
    """The name of the function that is declared at ``i``."""
    while i < len(reader.tokens) and not (reader.is_word(i) and reader.at(i + 1) == "("):
        i += 1
    if reader.at(i).startswith("__attribute"):
        return _function(reader, reader.closes(i + 1) + 1)
    return i


def _map(reader: _Reader, section: int, behind: int) -> Map:
    """``struct { __uint(type, T); __type(key, K); ... } name SEC(".maps");``"""
    name = section - 1
    if not reader.is_word(name) or reader.at(name - 1) != "}" or reader.at(behind) not in (";", "="):
        hint = 'write struct { __uint(type, ...); ... } name SEC(".maps");'
        reader.fail(name, UnsupportedError, "a map's members and its name belong together", hint)
    last, variable = name - 1, reader.at(name)
    members: dict[str, str] = {}  # name -> the number that __uint says, or "" for a type
    i = reader.opens(last) + 1
    while i < last:
        end = i
        while end < last and reader.at(end) != ";":
            end = reader.closes(end) + 1 if reader.at(end) in ("(", "{", "[") else end + 1
        star = next((k for k in range(i, end) if reader.at(k) == "*" and reader.is_word(k + 1)), None)
        if star is not None:
            is_number = reader.at(star + 2) == ")" and reader.at(star + 3) == "["
            bound = reader.text(star + 4, reader.closes(star + 3)) if is_number else ""
            members[reader.at(star + 1)] = bound
        i = end + 1
    return _checked(reader, name, members.get("type", ""), Map(
        variable, reader.place(name), members.get("type", ""),
        _size(reader, name, "key", members), _size(reader, name, "value", members),
        members.get("max_entries") or "0",
    ))  # fmt: skip


def _size(reader: _Reader, name: int, of: str, members: dict[str, str]) -> str:
    if of in members:
        return f"sizeof(*{reader.at(name)}.{of})"
    return members.get(f"{of}_size") or "0"


def _older_map(reader: _Reader, section: int, behind: int) -> Map:
    """``struct bpf_map_def SEC("maps") name = {.type = T, ...};``"""
    name = behind if reader.is_word(behind) else section - 1
    equals = max(name, behind - 1) + 1
    if not reader.is_word(name) or reader.at(equals) != "=" or reader.at(equals + 1) != "{":
        hint = 'write struct bpf_map_def SEC("maps") name = {.type = ..., ...};'
        reader.fail(name, UnsupportedError, "a map needs its members where it is defined", hint)
    first, end = equals + 2, reader.closes(equals + 1)
    designated = (
        k for k in range(first, end) if (reader.at(k), reader.at(k + 1), reader.at(k + 2)) == (".", "type", "=")
    )
    at = next(designated, first - 3) + 3
    variable = reader.at(name)
    return _checked(reader, name, reader.at(at), Map(
        variable, reader.place(name), reader.at(at),
        f"{variable}.key_size", f"{variable}.value_size", f"{variable}.max_entries",
    ))  # fmt: skip


def _checked(reader: _Reader, name: int, kind: str, made: Map) -> Map:
    if kind not in _MAPS:
        message = f"map '{made.name}' is of a type that is not supported: {kind or 'none is given'}"
        reader.fail(name, UnsupportedError, message, instead(kind) or f"{' and '.join(_MAPS)} are")
    return made


# --------------------------------------------------------------------------- what is added


def added(sources: Sequence[Source], attachment: Attachment) -> tuple[Source, str]:
    """The program's file, and the text that is to be behind it."""
    found = {source.path: sections(source) for source in sources}
    source, name = _chosen(sources, found, attachment.program)
    here = found[source.path]
    for other in sources:
        if other is not source and (strays := [m for m in found[other.path].maps if m not in here.maps]):
            hint = f"define it in {source.path.name}, or in a header that this file includes"
            raise UnsupportedError(f"map '{strays[0].name}' is not in the program's file", strays[0].place, hint=hint)
    if attachment.passes is None and here.passes is not None:
        raise InputError(
            "nf.yaml does not say where frames go that the program leaves to the kernel",
            here.passes,
            hint="write xdp: {pass: PORT}, or {pass: drop}",
        )
    return source, _text(source, name, here, attachment)


def _chosen(sources: Sequence[Source], found: Mapping[Path, Sections], asked: str) -> tuple[Source, str]:
    """The file and the name of the program that is meant."""
    programs = [(source, name) for source in sources for name in found[source.path].programs]
    meant = [(source, name) for source, name in programs if asked in ("", name)]
    if len(meant) == 1:
        return meant[0]
    if not programs:
        hint = 'mark its function: SEC("xdp") int f(struct xdp_md *ctx)'
        raise InputError("there is no program for XDP", SourceLocation(str(sources[0].path), 1), hint=hint)
    source, first = programs[0]
    place, known = found[source.path].programs[first], ", ".join(name for _, name in programs)
    message = "there are several programs" if not asked or meant else f"no program is called '{asked}'"
    raise InputError(message, place, hint=f"say which is meant, nf={source.path.name}:FUNCTION; there are {known}")


def _text(source: Source, name: str, found: Sections, attachment: Attachment) -> str:
    place = found.programs[name]
    ways = [f"        case {index}: return {port};" for index, port in attachment.redirect]
    passes = attachment.passes if isinstance(attachment.passes, int) else "NF_DROP"
    lines = [
        "",
        *_SET_UP,  # before any #line: variables are looked for where they are in the text
        "bool nf_init(void) {",
        *(line for m in found.maps for line in _creation(source, m)),
        *(line for m in found.maps if m.kind in _OF_DEVICES for line in _slots(m, attachment)),
        "  for (int i = 1; i < maestro_argc; i++) {",
        "    const char *word = maestro_argv[i];",
        *(f'    if (maestro_bpf_map_set(&{m.name}, "{m.name}", word)) continue;' for m in found.maps),
        '    rte_exit(EXIT_FAILURE, "%s sets no entry of a map: write MAP[KEY]=VALUE\\n", word);',
        "  }",
        "  return true;",
        "}",
        *_line(source, place),
        "int nf_process(struct rte_mbuf *mbuf, int64_t now) {",
        "  struct xdp_md context;",
        "  (void)now;",
        "  maestro_xdp_frame(&context, mbuf);",
        "  context.maestro_ifindex = UINT32_MAX;  /* none */",
        "  context.maestro_mbuf = mbuf;",
        *_interfaces(attachment),
        "  maestro_xdp_begins(&context);",
        *_line(source, place),
        f"  switch ({name}(&context)) {{",
        f"    case XDP_PASS: return {passes};",
        "    case XDP_TX: return mbuf->port;",
        "    case XDP_REDIRECT:",
        "      switch (context.maestro_ifindex) {",
        *ways,
        "        default: return NF_DROP;",
        "      }",
        "    default: return NF_DROP;",
        "  }",
        "}",
    ]
    return "\n".join(lines) + "\n"


#: Options are entries of maps.
_SET_UP: Final = (
    "static int maestro_argc;",
    "static char **maestro_argv;",
    "void nf_config_init(int argc, char **argv) {",
    "  maestro_argc = argc;",
    "  maestro_argv = argv;",
    "}",
    'void nf_config_usage(void) { puts("  MAP[KEY]=VALUE ...  entries of maps: numbers, or bytes as 10.0.0.1"); }',
)


def _interfaces(attachment: Attachment) -> list[str]:
    """Each port's interface, of those that nf.yaml gives one; that of another has no value."""
    known: dict[int, int] = {}
    for index, port in attachment.redirect:
        known.setdefault(port, index)
    cases = [f"    case {port}: context.ingress_ifindex = {index}; break;" for port, index in known.items()]
    return ["  switch (mbuf->port) {", *cases, "  }"] if cases else []


def _creation(source: Source, made: Map) -> Sequence[str]:
    arguments = f"&{made.name}, {_MAPS[made.kind]}, {made.key_size}, {made.value_size}, {made.entries}"
    return [*_line(source, made.place), f"  if (!maestro_bpf_map_create({arguments})) return false;"]


def _slots(made: Map, attachment: Attachment) -> Iterable[str]:
    """A slot leads to the interface of its number, as long as no option says another."""
    for index, _ in attachment.redirect:
        yield f'  if ({index} < {made.entries}) (void)maestro_bpf_map_set(&{made.name}, "", "[{index}]={index}");'


def _line(source: Source, place: SourceLocation) -> list[str]:
    """What follows is said to be there, if that is in this file."""
    return [f"#line {place.line}"] if place.file == str(source.path) else []
