"""String functions of set-up, on concrete strings."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Iterator

from maestro_tool.diagnostics import InputError
from maestro_tool.expr import nodes
from maestro_tool.symex.models.format import following, listed, printed
from maestro_tool.symex.models.stdio import put, set_errno
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.values import NULL, NullPointer, Pointer, Value

_LOWER_CASE = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def strlen(site: CallSite) -> Outcome:
    """size_t strlen(const char *)"""
    return site.answer(len(site.string(0)))


def strcmp(site: CallSite) -> Outcome:
    """int strcmp(const char *, const char *), strncmp, strcasecmp, strncasecmp (the C locale's letters)"""
    a, b = site.string(0), site.string(1)
    if "case" in site.name:
        a, b = (text.translate(_LOWER_CASE) for text in (a, b))
    if site.name.startswith("strn"):
        n = site.number(2, "the size")
        a, b = a[:n], b[:n]
    return site.answer((a > b) - (a < b))


def strnlen(site: CallSite) -> Outcome:
    """size_t strnlen(const char *, size_t)"""
    n = site.number(1, "the size")
    return site.answer(next((i for i, code in _codes(site, n) if code == 0), n))


def _codes(site: CallSite, count: int) -> Iterator[tuple[int, int]]:
    """(index, byte) of up to ``count`` bytes at the first argument; each is read when it is asked for."""
    for i in range(count):
        byte = site.machine.load_bytes(site.state, site.pointer(0).plus(nodes.const(i, 64)), 1, site.loc)[0]
        yield i, site.machine.concrete(site.state, byte, site.loc, "a byte")


def strncpy(site: CallSite) -> Outcome:
    """char *strncpy(char *, const char *, size_t): pads with zeros, does not terminate a long string."""
    n = site.number(2, "the size")
    data = site.string(1).encode("latin-1")[:n].ljust(n, b"\0")
    if n:
        site.store(0, n, nodes.const(int.from_bytes(data, "little"), 8 * n))
    return site.args[0]


def strcpy(site: CallSite) -> Outcome:
    """char *strcpy(char *, const char *)"""
    data = site.string(1).encode("latin-1") + b"\0"
    site.store(0, len(data), nodes.const(int.from_bytes(data, "little"), 8 * len(data)))
    return site.args[0]


def strdup(site: CallSite) -> Outcome:
    """char *strdup(const char *)"""
    return site.machine.new_string(site.state, site.string(0), "a string")


def strchr(site: CallSite) -> Outcome:
    """char *strchr(const char *, int), char *strrchr(const char *, int)"""
    text, wanted = site.string(0) + "\0", chr(site.number(1) & 0xFF)
    return _inside(site, text.rfind(wanted) if site.name == "strrchr" else text.find(wanted))


def strstr(site: CallSite) -> Outcome:
    """char *strstr(const char *, const char *)"""
    return _inside(site, site.string(0).find(site.string(1)))


def strpbrk(site: CallSite) -> Outcome:
    """char *strpbrk(const char *, const char *accepted)"""
    text, accepted = site.string(0), site.string(1)
    return _inside(site, next((i for i, c in enumerate(text) if c in accepted), -1))


def strspn(site: CallSite) -> Outcome:
    """size_t strspn(const char *, const char *accepted), size_t strcspn(const char *, const char *rejected)"""
    text, characters = site.string(0), site.string(1)
    counts = site.name == "strspn"
    return site.answer(next((i for i, c in enumerate(text) if (c in characters) != counts), len(text)))


def _inside(site: CallSite, at: int) -> Outcome:
    """The address of character ``at`` of the first argument; NULL if there is none."""
    return NULL if at < 0 else site.pointer(0).plus(nodes.const(at, 64))


def strtok(site: CallSite) -> Outcome:
    """char *strtok(char *, const char *separators), char *strtok_r(char *, const char *separators, char **rest)"""
    machine, separators = site.machine, site.string(1)
    rest: Value = site.args[0]
    if isinstance(rest, NullPointer):
        rest = machine.strtok_rest
        if site.name == "strtok_r":
            rest = machine.load(site.state, site.args[2], 8, "pointer", site.loc)
    word: Outcome = NULL
    if isinstance(rest, Pointer):
        text = machine.string(site.state, rest, site.loc)
        start = len(text) - len(text.lstrip(separators))
        end = next((i for i in range(start, len(text)) if text[i] in separators), len(text))
        word = rest.plus(nodes.const(start, 64)) if start < len(text) else NULL
        if end < len(text):
            machine.store(site.state, rest.plus(nodes.const(end, 64)), 1, nodes.const(0, 8), site.loc)
        rest = rest.plus(nodes.const(min(end + 1, len(text)), 64)) if word != NULL else NULL
    machine.strtok_rest = rest
    if site.name == "strtok_r":
        site.store(2, 8, rest)
    return word


def strcat(site: CallSite) -> Outcome:
    """char *strcat(char *, const char *), char *strncat(char *, const char *, size_t)"""
    added = site.string(1)
    if site.name == "strncat":
        added = added[: site.number(2, "the size")]
    put(site, site.pointer(0).plus(nodes.const(len(site.string(0)), 64)), added.encode("latin-1") + b"\0")
    return site.args[0]


def sprintf(site: CallSite) -> Outcome:
    """int sprintf(char *, const char *format, ...), int vsprintf(char *, const char *format, va_list)"""
    text = printed(site, 1, (listed if site.name[0] == "v" else following)(site, 2))
    put(site, site.args[0], text.encode("latin-1", "replace") + b"\0")
    return site.answer(len(text))


def snprintf(site: CallSite) -> Outcome:
    """int snprintf(char *, size_t, const char *format, ...), int vsnprintf(char *, size_t, const char *, va_list)"""
    text = printed(site, 2, (listed if site.name[0] == "v" else following)(site, 3))
    size = site.number(1, "the size")
    if size:
        put(site, site.args[0], text.encode("latin-1", "replace")[: size - 1] + b"\0")
    return site.answer(len(text))


def strerror(site: CallSite) -> Outcome:
    """char *strerror(int): a text that only output functions may read."""
    return site.machine.new_string(site.state, os.strerror(site.signed(0)), "an error's text")


def memchr(site: CallSite) -> Outcome:
    """void *memchr(const void *, int, size_t)"""
    size, wanted = site.number(2, "the size"), site.number(1) & 0xFF
    return _inside(site, next((i for i, code in _codes(site, size) if code == wanted), -1))


_FLOAT = re.compile(r"[ \t\n\v\f\r]*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")


def strtod(site: CallSite) -> Outcome:
    """double strtod(const char *, char **end), double atof(const char *): decimal numbers"""
    match = _FLOAT.match(site.string(0))
    if site.name == "strtod" and not isinstance(site.args[1], NullPointer):
        site.store(1, 8, site.pointer(0).plus(nodes.const(match.end() if match else 0, 64)))
    return float(match.group(1)) if match else 0.0


_ERANGE = 34
_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?)(.*)", re.DOTALL)


def scan_integer(text: str, base: int) -> tuple[int, int]:
    """(value, characters used) as strtol reads them; (0, 0) without digits."""
    match = _NUMBER.match(text)
    assert match is not None
    sign, rest = match.groups()
    start = match.start(2)
    if base in (0, 16) and re.match(r"0[xX][0-9a-fA-F]", rest):
        base, start, rest = 16, start + 2, rest[2:]
    elif base == 0:
        base = 8 if rest.startswith("0") else 10
    digits = 0
    for c in rest:
        if not c.isascii() or not c.isalnum() or int(c, 36) >= base:
            break
        digits += 1
    if digits == 0:
        return 0, 0
    value = int(rest[:digits], base)
    return (-value if sign == "-" else value), start + digits


def strtol(site: CallSite) -> Outcome:
    """long strtol(const char *, char **end, int base), and its unsigned and 64-bit kin: saturating."""
    exact, used = scan_integer(site.string(0), site.number(2))
    if site.name in ("strtoul", "strtoull", "strtoumax"):
        value = exact if abs(exact) < 1 << 64 else (1 << 64) - 1
    else:
        value = max(-(1 << 63), min(exact, (1 << 63) - 1))
    if value != exact:
        set_errno(site, _ERANGE)
    if not isinstance(site.args[1], NullPointer):
        start = site.pointer(0)
        site.store(1, 8, start.plus(nodes.const(used, 64)))
    return site.answer(value)


def atoi(site: CallSite) -> Outcome:
    """int atoi(const char *), long atol(const char *)"""
    return site.answer(scan_integer(site.string(0), 10)[0])


def nf_util_parse_int(site: CallSite) -> Outcome:
    """uintmax_t nf_util_parse_int(const char *text, const char *name, int base, char next)"""
    text = site.string(0)
    value, used = scan_integer(text, site.number(2))
    following = (text + "\0")[used]
    if used == 0 or following != chr(site.number(3) & 0xFF):
        site.fail(
            InputError, f"set-up stopped: cannot parse '{text}' as {site.string(1)}", "correct the NF's arguments"
        )
    return site.answer(max(-(1 << 63), min(value, (1 << 63) - 1)))


def pointer_after(pointer: Pointer, characters: int) -> Pointer:
    """``pointer`` moved over ``characters`` bytes."""
    return pointer.plus(nodes.const(characters, 64))
