"""What printf writes, and what scanf reads: the conversions of C11 7.21.6, on values that are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.symex.site import CallSite
from maestro_tool.symex.values import NullPointer, Pointer, Value

_CONVERSION = re.compile(
    r"%(?P<flags>[-+ #0]*)(?P<width>\*|\d+)?(?:\.(?P<precision>\*|\d*))?(?P<length>hh|h|ll|l|z|j|t|L)?(?P<kind>.)",
    re.DOTALL,
)
_BITS = {"hh": 8, "h": 16, "": 32, "l": 64, "ll": 64, "z": 64, "j": 64, "t": 64}
_VA_NEXT, _VA_STEP = 8, 8  # as in frontend/calls.py

#: The next argument: of this many bits, or a float.
Arguments = Iterator[Value]


def following(site: CallSite, position: int) -> Arguments:
    """The arguments from ``position`` on."""
    return iter(site.args[position:])


def listed(site: CallSite, position: int) -> Arguments:
    """The arguments that are left in the va_list at ``position``, which stays where it is."""
    place = site.pointer(position).plus(nodes.const(_VA_NEXT, 64))
    here = site.machine.load(site.state, place, 8, "pointer", site.loc)
    while isinstance(here, Pointer):
        block = site.state.memory.get(here.block)
        cell = block.cells.get(here.offset) if block is not None and isinstance(here.offset, int) else None
        if cell is None:
            return
        yield cell[1]
        here = here.plus(nodes.const(_VA_STEP, 64))


def printed(site: CallSite, position: int, arguments: Arguments) -> str:
    """What printf writes with the format at ``position``; UnsupportedError if a value is not known."""

    def number(bits: int, signed: bool) -> int:
        value = next(arguments, None)
        if isinstance(value, NullPointer):
            return 0
        if not isinstance(value, Expr):
            site.fail(UnsupportedError, f"'{site.name}' writes a value that is not known")
        whole = site.machine.concrete(site.state, value, site.loc, f"a value that {site.name} writes")
        return nodes.signed(whole % (1 << bits), bits) if signed else whole % (1 << bits)

    def one(match: re.Match[str]) -> str:
        kind, length = match["kind"], match["length"] or ""
        if kind == "%":
            return "%"
        width, precision = (
            str(number(32, True)) if match[part] == "*" else match[part] for part in ("width", "precision")
        )
        style = f"%{match['flags']}{width or ''}" + ("" if precision is None else f".{precision}")
        if kind in "di":
            return f"{style}d" % number(_BITS[length], True)
        if kind in "uxXo":
            return f"{style}{'d' if kind == 'u' else kind}" % number(_BITS[length], False)
        if kind == "c":
            return f"{style}c" % chr(number(8, False))
        value = next(arguments, None)
        if kind == "s" and value is not None:
            text = "(null)" if isinstance(value, NullPointer) else site.machine.string(site.state, value, site.loc)
            return f"{style}s" % text
        if kind in "fFeEgG" and isinstance(value, float):
            return f"{style}{kind}" % value
        site.fail(UnsupportedError, f"'{site.name}' with '{match.group()}' is not supported")

    return _CONVERSION.sub(one, site.string(position))


# --------------------------------------------------------------------------- scanf


@dataclass(frozen=True, slots=True)
class Scanned:
    """``result`` of scanf: conversions stored, -1 if the input ended before the first; ``used`` characters."""

    result: int
    used: int


_SPACE = " \t\n\v\f\r"
_SCAN = re.compile(
    r"%(?P<drop>\*?)(?P<width>\d*)(?P<length>hh|h|ll|l|z|j|t)?(?P<kind>\[\^?\]?[^\]]*\]|.)|(?P<space>\s+)|(?P<plain>.)",
    re.DOTALL,
)
_NUMBERS = {
    "d": (r"[+-]?[0-9]+", 10), "u": (r"[+-]?[0-9]+", 10), "x": (r"[+-]?(?:0[xX])?[0-9a-fA-F]+", 16),
    "X": (r"[+-]?(?:0[xX])?[0-9a-fA-F]+", 16), "o": (r"[+-]?[0-7]+", 8),
    "i": (r"[+-]?(?:0[xX][0-9a-fA-F]+|[0-9]+)", 0),
}  # fmt: skip


def scan(site: CallSite, text: str, position: int, store: Callable[[Value, bytes], None]) -> Scanned:
    """sscanf of ``text`` with the format at ``position``; ``store(pointer, bytes)`` gets each conversion."""
    targets = following(site, position + 1)
    at = stored = 0
    for match in _SCAN.finditer(site.string(position)):
        kind = match["kind"]
        if match["space"] is not None or (kind is not None and kind[0] not in "[cn%"):
            while at < len(text) and text[at] in _SPACE:
                at += 1
        if match["space"] is not None:
            continue
        if match["plain"] is not None or kind == "%":
            if text[at : at + 1] != (match["plain"] or "%"):
                return Scanned(stored if stored or at < len(text) else -1, at)
            at += 1
            continue
        if kind == "n":
            store(_target(site, targets), at.to_bytes(_BITS[match["length"] or ""] // 8, "little"))
            continue
        if at >= len(text):
            return Scanned(stored or -1, at)
        found = _converted(site, match, text[at:])
        if found is None:
            return Scanned(stored, at)
        used, data = found
        at += used
        if not match["drop"]:
            store(_target(site, targets), data)
            stored += 1
    return Scanned(stored, at)


def _target(site: CallSite, targets: Arguments) -> Value:
    target = next(targets, None)
    if target is None:
        site.fail(UnsupportedError, f"'{site.name}' has fewer arguments than its format says")
    return target


def _converted(site: CallSite, match: re.Match[str], text: str) -> tuple[int, bytes] | None:
    """(characters used, bytes to store) of one conversion at the start of ``text``; None if nothing matches."""
    kind, width = match["kind"], int(match["width"] or 0)
    if kind == "c":
        data = text[: width or 1].encode("latin-1")
        return (len(data), data) if len(data) == (width or 1) else None
    text = text[:width] if width else text
    if kind == "s" or kind[0] == "[":
        # The brackets mean in C what they mean in a regular expression, once \ and [ are plain.
        characters = r"\S" if kind == "s" else "[" + kind[1:-1].replace("\\", "\\\\").replace("[", "\\[") + "]"
        word = re.match(f"{characters}+", text)
        return (word.end(), word.group().encode("latin-1") + b"\0") if word else None
    if kind not in _NUMBERS:
        site.fail(UnsupportedError, f"'{site.name}' with '{match.group()}' is not supported")
    pattern, base = _NUMBERS[kind]
    digits = re.match(pattern, text)
    if digits is None:
        return None
    bits = _BITS[match["length"] or ""]
    plain = digits.group()
    octal = base == 0 and re.fullmatch(r"[+-]?0[0-7]*", plain)
    value = int(plain, 8 if octal else base if base else (16 if "x" in plain.lower() else 10))
    return digits.end(), (value % (1 << bits)).to_bytes(bits // 8, "little")
