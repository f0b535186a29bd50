"""GNU spellings that the parser does not know, rewritten in place so that positions stay.

``__inline__`` becomes ``inline`` and so on.  Attributes are blanked; those that change a layout are remembered by the
position of the struct they belong to, those that change nothing the analysis sees are dropped, all others are errors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.frontend import flags
from maestro_tool.frontend.preprocess import Source
from maestro_tool.frontend.prune import prune

Position = tuple[int, int]  # line and column in the preprocessed text, from 1


@dataclass(frozen=True, slots=True)
class RecordAttributes:
    """What attributes say about a struct or union, or about a member: its own least alignment in bytes.

    ``pack``: the largest alignment of members, as #pragma pack says; 0: any.
    """

    packed: bool = False
    align: int = 1
    pack: int = 0


@dataclass(frozen=True, slots=True)
class Parsable:
    """Text for the parser; ``attributes`` by the position of the struct's name, or of its brace if it has none, and
    of members by that of their names."""

    text: str
    attributes: dict[Position, RecordAttributes]


_RENAMED = {
    "__extension__": "",
    "__inline": "inline",
    "__inline__": "inline",
    "__restrict": "restrict",
    "__restrict__": "restrict",
    "__const": "const",
    "__const__": "const",
    "__volatile": "volatile",
    "__volatile__": "volatile",
    "__signed": "signed",
    "__signed__": "signed",
    "__alignof__": "_Alignof",
    "__alignof": "_Alignof",
    "__builtin_offsetof": "offsetof",
    "__typeof": "typeof",
    "__typeof__": "typeof",
    "__auto_type": "auto",
}
_ASM = ("asm", "__asm", "__asm__")
# Says to the compiler only that memory may change: nothing to a program that runs alone.
_BARRIER = re.compile(r'\s*(?:volatile|__volatile__)?\s*\(\s*""\s*(?:::\s*:\s*"memory"\s*)?\)')
_ASM_HINT = "write it in C, or with a builtin function of gcc that is no assembly, such as __builtin_bswap32"
_PACK_HINT = "pack(1), pack(push, 1), pack(pop) and pack() are; or use __attribute__((packed))"
_ATTRIBUTE_HINT = "leave it out, if the program computes the same without"
_BY_TYPE_HINT = "write what it chooses"
# Word -> what is not supported, and what to do instead.
_REFUSED = {
    **dict.fromkeys(_ASM, ("inline assembly is not supported", _ASM_HINT)),
    **dict.fromkeys(
        ("__thread", "_Thread_local"),
        ("thread-local variables are not supported: an NF is sequential", "declare it static"),
    ),
    **dict.fromkeys(
        ("_Complex", "__complex__", "__real__", "__imag__"),
        ("complex numbers are not supported", "calculate with both parts, in integers where packets come in"),
    ),
    **dict.fromkeys(
        ("__int128", "__int128_t", "__uint128_t"),
        ("128-bit integers are not supported", "use uint64_t, two of them if need be"),
    ),
    "__label__": ("local labels are not supported", "use a label of the whole function"),
    "_Atomic": ("atomic types are not supported: an NF is sequential", "leave _Atomic out"),
    "_Generic": ("_Generic is not supported", _BY_TYPE_HINT),
    "__builtin_types_compatible_p": ("__builtin_types_compatible_p is not supported", _BY_TYPE_HINT),
    "__builtin_choose_expr": ("__builtin_choose_expr is not supported", _BY_TYPE_HINT),
}
# Change neither a layout nor what the program computes.
_HARMLESS = {
    "unused", "used", "always_inline", "noinline", "noreturn", "format", "format_arg", "hot", "cold",
    "warn_unused_result", "deprecated", "visibility", "nothrow", "leaf", "flatten", "may_alias", "fallthrough",
    "sentinel", "alloc_size", "artificial", "gnu_inline", "noclone", "unavailable", "access",
}  # fmt: skip
# What the compiler believes of a function without looking; the analysis looks.
_CLAIMS = {"const", "pure", "malloc", "nonnull", "returns_nonnull"}
_CLAIM_HINT = "leave it out: of functions that it sees, the compiler finds this out"
# Pragmas that change neither what is read nor what it means; pack is followed.
_PRAGMAS = re.compile(
    r"pack|once|message|region|endregion|mark|unroll|nounroll|omp|STDC FP_CONTRACT"
    r"|(?:push|pop)_macro|(?:GCC|clang) (?:diagnostic|warning|error|poison|system_header|dependency|unroll|visibility"
    r"|push_options|pop_options|reset_options|target|loop)"
)
# Sections in which the system finds functions that are called before main, and behind it; and notes of ours.
_RUNS = re.compile(r"\.(?:preinit|init|fini|ctors|dtors|tm_clone|note|maestro|interp|dyn)")
_WORDS = re.compile(
    r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|\b(?:'
    + "|".join(sorted((*_RENAMED, *_REFUSED, "__attribute__", "__attribute"), key=len, reverse=True))
    + r")\b|^[ \t]*#[ \t]*pragma[^\n]*",
    re.M,
)
_TOKENS = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|[A-Za-z_]\w*|[{};]|^[ \t]*#[^\n]*', re.M)
_ATTRIBUTE = re.compile(r"[^,()]+(?:\([^()]*(?:\([^()]*\)[^()]*)*\))?")


def rewrite(source: Source) -> Parsable:
    """Raises `UnsupportedError` at spellings of things that are not supported."""
    text = prune(source)
    attributed = False
    pieces: list[str] = []
    last = 0
    for match in _WORDS.finditer(text):
        word = match[0]
        new = _RENAMED.get(word)
        if new is not None:
            pieces += (text[last : match.start()], new.ljust(len(word)))
            last = match.end()
        elif word in _ASM and (barrier := _BARRIER.match(text, match.end())):
            pieces += (text[last : match.start()], re.sub(r"[^\n]", " ", text[match.start() : barrier.end()]))
            last = barrier.end()
        elif word in _REFUSED:
            message, hint = _REFUSED[word]
            raise _unsupported(message, source, text, match.start(), hint)
        elif word.startswith("__attribute"):
            attributed = True
        elif word.lstrip()[:1] == "#":
            attributed = _is_pack(word, source, text, match.start()) or attributed
    text = "".join(pieces) + text[last:]
    return _without_attributes(text, source) if attributed else Parsable(text, {})


def _is_pack(line: str, source: Source, text: str, offset: int) -> bool:
    """Whether a pragma is #pragma pack; others must not change a layout."""
    words = re.findall(r"\w+", line)[1:]
    if words[:1] in (["scalar_storage_order"], ["ms_struct"]):
        raise _unsupported(f"#pragma {words[0]} is not supported", source, text, offset, "use __attribute__((packed))")
    if words[:2] == ["GCC", "optimize"]:
        _check_optimize(line.partition("optimize")[2], source, text, offset)
    elif words and not any(_PRAGMAS.fullmatch(" ".join(words[:n])) for n in (1, 2)):
        named = " ".join(words[:2] if words[0] in ("GCC", "clang", "STDC") else words[:1])
        raise _unsupported(f"#pragma {named} is not supported", source, text, offset, "leave it out")
    return words[:1] == ["pack"]


def _check_optimize(arguments: str, source: Source, text: str, offset: int) -> None:
    """Refuses options, of #pragma GCC optimize or the attribute, that the command line could not have."""
    for option in re.findall(r"[\w.+=-]+", arguments):
        flag = f"-O{option}" if re.fullmatch(r"\d+", option) else option if option[0] == "-" else _option(option)
        row = flags.row_of(flag)
        if row is None or row.treatment != "kept":
            why = row.why if row is not None else "it may change what the program means"
            raise _unsupported(f"'{option}' for a part of a file is not supported: {why}", source, text, offset)


def _option(word: str) -> str:
    return f"-{word}" if re.fullmatch(r"O\w*", word) else f"-f{word}"


_PACK = re.compile(r"#\s*pragma\s+pack\s*\(\s*(?:(?P<do>push|pop)\s*)?,?\s*(?P<bytes>1|2|4|8|16)?\s*\)\s*")


@dataclass(slots=True)
class _Packing:
    """What #pragma pack says at a place: the largest alignment of members (0: any), and what was pushed."""

    now: int = 0
    pushed: list[int] = field(default_factory=list)

    def follow(self, line: str) -> bool:
        """Obey a line; False if it is no #pragma pack of a form that is known."""
        match = _PACK.fullmatch(line.strip())
        if match is None:
            return False
        if match["do"] == "push":
            self.pushed.append(self.now)
        if match["do"] == "pop":
            self.now = self.pushed.pop() if self.pushed else 0
        if match["bytes"] or match["do"] is None:
            self.now = int(match["bytes"] or 0)
        return True


@dataclass(slots=True)
class _Open:
    """An open brace; ``key``, ``found`` and ``pack`` if it is that of a struct or union."""

    key: Position | None
    found: list[str]
    pack: int = 0


def _without_attributes(text: str, source: Source) -> Parsable:
    starts = [0, *(m.end() for m in re.finditer("\n", text))]
    attributes: dict[Position, RecordAttributes] = {}
    pieces: list[str] = []
    last = 0
    stack: list[_Open] = []
    head: _Open | None = None  # struct or union seen, brace not yet
    closed: _Open | None = None  # its brace was just closed: attributes may follow
    typedef = False
    packing = _Packing()
    line = 0  # index into starts

    def position(offset: int) -> Position:
        nonlocal line
        while line + 1 < len(starts) and starts[line + 1] <= offset:
            line += 1
        return line + 1, offset - starts[line] + 1

    def finish(record: _Open) -> None:
        if record.key is not None and (record.found or record.pack):
            attributes[record.key] = _layout(record.found, source, record.key, record.pack)

    offset = 0
    while (match := _TOKENS.search(text, offset)) is not None:
        offset, token = match.end(), match[0]
        if token.startswith("__attribute"):
            names, offset = _attribute_list(text, match.end(), source)
            _check_functions(names, source, text, match.start())
            pieces += (text[last : match.start()], re.sub(r"[^\n]", " ", text[match.start() : offset]))
            last = offset
            if head is not None or closed is not None:
                owner = head or closed
                assert owner is not None
                owner.found += names
            elif (member := _member_before(text, match.start(), offset)) is not None and stack and stack[-1].key:
                key = position(member)
                before = attributes.get(key, RecordAttributes())
                more = _layout(names, source, key)
                attributes[key] = RecordAttributes(before.packed or more.packed, max(before.align, more.align))
            else:
                in_record = bool(stack) and stack[-1].key is not None
                _check_elsewhere(names, in_record or typedef, source, text, match.start())
            continue
        if closed is not None:
            finish(closed)
            closed = None
        if token.lstrip()[:1] == "#":
            if _is_pack(token, source, text, match.start()) and not packing.follow(token):
                raise _unsupported(
                    "this form of #pragma pack is not supported", source, text, match.start(), _PACK_HINT
                )
            continue
        if token in ("struct", "union"):
            head = _Open(None, [])
        elif token == "{":
            opened = head or _Open(None, [])
            opened.pack = packing.now
            if head is not None and head.key is None:
                head.key = position(match.start())
            stack.append(opened)
            head = None
        elif token == "}":
            record = stack.pop() if stack else _Open(None, [])
            closed = record if record.key is not None else None
        elif token == ";":
            typedef = typedef and bool(stack)
            head = None
        elif head is not None and head.key is None and re.match(r"\w", token):
            head.key = position(match.start())
        else:
            if head is not None and head.found:
                raise _unsupported("attributes of a struct belong to its definition", source, text, match.start())
            head = None
            if token == "typedef" and not stack:
                typedef = True
    if closed is not None:
        finish(closed)
    return Parsable("".join(pieces) + text[last:], attributes)


def _attribute_list(text: str, offset: int, source: Source) -> tuple[list[str], int]:
    """``((packed, aligned(4)))`` at ``offset`` -> its parts, where it ends."""
    depth, start = 0, offset
    for match in re.compile(r'"(?:[^"\\\n]|\\.)*"|[()]').finditer(text, offset):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if depth == 0:
            inner = text[start : match.end()].strip()[2:-2]
            return [p.strip() for p in _ATTRIBUTE.findall(inner) if p.strip()], match.end()
    raise _unsupported("an attribute without closing parenthesis", source, text, offset)


def _name(attribute: str) -> str:
    return attribute.split("(")[0].strip().removeprefix("__").removesuffix("__")


def _member_before(text: str, start: int, end: int) -> int | None:
    """Where the name is of the declarator that ends at ``start``, if attributes that end at ``end`` follow it."""
    behind = re.compile(r"\s*(?:[;,]|__attribute)").match(text, end)
    before = _DECLARATOR_END.search(text, max(0, start - _LONGEST_DECLARATOR), start) if behind else None
    return before.start("name") if before else None


_LONGEST_DECLARATOR = 400
_DECLARATOR_END = re.compile(
    r"(?P<name>[A-Za-z_]\w*)\s*(?:\[[^\[\]]*\]\s*)*(?::\s*\w+\s*)?(?:__attribute(?:__)?\s*\(\([^;{}]*?\)\)\s*)*\Z"
)


def _layout(found: list[str], source: Source, key: Position, pack: int = 0) -> RecordAttributes:
    packed, align = False, 1
    for attribute in found:
        name = _name(attribute)
        if name == "packed":
            packed = True
        elif name == "aligned":
            number = re.fullmatch(r"\w+\s*(?:\(\s*(\d+)\s*\))?", attribute)
            if number is None:
                raise UnsupportedError(f"alignment '{attribute}' is not a number", source.location(*key))
            align = max(align, int(number[1] or 16))
        elif name not in _HARMLESS:
            raise UnsupportedError(f"attribute '{name}' is not supported", source.location(*key), hint=_ATTRIBUTE_HINT)
    return RecordAttributes(packed, align, pack)


def _check_functions(names: list[str], source: Source, text: str, offset: int) -> None:
    """Refuses, at whatever place, what lets the compiler take a function for another than it is."""
    for attribute in names:
        name = _name(attribute)
        if name in _CLAIMS:
            raise _unsupported(f"attribute '{name}' is not supported", source, text, offset, _CLAIM_HINT)
        if name == "optimize":
            _check_optimize(attribute.partition("(")[2], source, text, offset)
        if name == "section" and _RUNS.search(attribute):
            raise _unsupported(f"attribute '{attribute}' is not supported", source, text, offset, _ATTRIBUTE_HINT)


def _check_elsewhere(names: list[str], layout_matters: bool, source: Source, text: str, offset: int) -> None:
    for attribute in names:
        name = _name(attribute)
        if name in _HARMLESS or name == "optimize" or (name in ("aligned", "section") and not layout_matters):
            continue
        hint = "packed and aligned belong behind a struct or a member's name" if name in ("packed", "aligned") else None
        raise _unsupported(f"attribute '{name}' is not supported here", source, text, offset, hint or _ATTRIBUTE_HINT)


def _unsupported(message: str, source: Source, text: str, offset: int, hint: str | None = None) -> UnsupportedError:
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return UnsupportedError(message, source.location(line, column), hint=hint)
