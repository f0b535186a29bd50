"""String functions of set-up, on concrete strings."""

from __future__ import annotations

import re

from maestro_tool.diagnostics import InputError
from maestro_tool.expr import nodes
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.values import NULL, NullPointer, Pointer


def strlen(site: CallSite) -> Outcome:
    """size_t strlen(const char *)"""
    return site.answer(len(site.string(0)))


def strcmp(site: CallSite) -> Outcome:
    """int strcmp(const char *, const char *)"""
    a, b = site.string(0), site.string(1)
    return site.answer((a > b) - (a < b))


def strncmp(site: CallSite) -> Outcome:
    """int strncmp(const char *, const char *, size_t)"""
    n = site.number(2, "the size")
    a, b = site.string(0)[:n], site.string(1)[:n]
    return site.answer((a > b) - (a < b))


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
    """char *strchr(const char *, int)"""
    text, wanted = site.string(0) + "\0", chr(site.number(1) & 0xFF)
    at = text.find(wanted)
    return NULL if at < 0 else site.pointer(0).plus(nodes.const(at, 64))


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
    value, used = scan_integer(site.string(0), site.number(2))
    if site.name in ("strtoul", "strtoull", "strtoumax"):
        if abs(value) >= 1 << 64:
            value = (1 << 64) - 1
    else:
        value = max(-(1 << 63), min(value, (1 << 63) - 1))
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
