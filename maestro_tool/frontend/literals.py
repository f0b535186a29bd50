"""Constants as C spells them: integers, characters, strings, floating numbers."""

from __future__ import annotations

import re
import struct

from maestro_tool.frontend.c_types import (
    DOUBLE,
    FLOAT,
    INT,
    LLONG,
    LONG,
    UINT,
    ULLONG,
    ULONG,
    FloatType,
    IntType,
)

#: What to do instead.
HINT = "write a number of at most 64 bits, or characters and strings of plain bytes"


class LiteralError(ValueError):
    """Not a constant of C, or of a kind that is not supported."""


_INTEGER = re.compile(r"(0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+)([uUlL]*)")
_PART = re.compile(r'(u8|[LuU])?"((?:[^"\\]|\\.)*)"', re.S)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]+|[0-7]{1,3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.S)
_SIMPLE = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "e": 27, "E": 27}
_SIMPLE |= {c: ord(c) for c in "\"'?\\"}


def integer(text: str) -> tuple[int, IntType]:
    """Value and type of an integer constant (C11 6.4.4.1)."""
    match = _INTEGER.fullmatch(text)
    suffix = match[2].lower().replace("ll", "L") if match else "?"
    if match is None or suffix not in ("", "u", "l", "L", "ul", "lu", "uL", "Lu"):
        raise LiteralError(f"'{text}' is not an integer constant")
    digits = match[1].lower()
    decimal = not (digits.startswith("0") and digits != "0")
    base = 16 if digits.startswith("0x") else 2 if digits.startswith("0b") else 10 if decimal else 8
    try:
        value = int(digits[2:] if base in (2, 16) else digits, base)
    except ValueError:
        raise LiteralError(f"'{text}' is not an octal constant") from None
    candidates = ((UINT, INT), (ULONG, LONG), (ULLONG, LLONG))
    least = 2 if "L" in suffix else 1 if "l" in suffix else 0
    for unsigned, signed in candidates[least:]:
        if "u" not in suffix and value < 1 << (signed.bits - 1):
            return value, signed
        if ("u" in suffix or not decimal) and value < 1 << unsigned.bits:
            return value, unsigned
    raise LiteralError(f"'{text}' is too large for any integer type")


def floating(text: str) -> tuple[float, FloatType]:
    suffix = text[-1].lower()
    if suffix == "l":
        raise LiteralError("long double is not supported")
    type_ = FLOAT if suffix == "f" else DOUBLE  # hexadecimal ones end in a decimal exponent
    digits = text[:-1] if type_ == FLOAT else text
    try:
        value = float.fromhex(digits) if digits.lower().startswith("0x") else float(digits)
    except (ValueError, OverflowError):
        raise LiteralError(f"'{text}' is not a floating constant") from None
    return (round_to(value, type_.bits), type_)


def round_to(value: float, bits: int) -> float:
    """``value`` in the precision of a ``bits`` wide floating type."""
    if bits == 64:
        return value
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def character(text: str) -> int:
    """Value (as an int may hold it) of a character constant."""
    if not text.startswith("'"):
        raise LiteralError("wide and Unicode character constants are not supported")
    data = _unescape(text[1:-1])
    if not data:
        raise LiteralError("an empty character constant")
    if len(data) > 4:
        raise LiteralError("a character constant of more than 4 characters")
    if len(data) == 1:
        return data[0] - 256 if data[0] >= 128 else data[0]
    value = int.from_bytes(data, "big")  # gcc: 'ab' is 'a' << 8 | 'b'
    return value - (1 << 32) if value >= 1 << 31 else value


def string(text: str) -> bytes:
    """Bytes of a string literal (or of adjacent ones), without the final zero."""
    result, position = b"", 0
    for part in _PART.finditer(text):
        if part[1] not in (None, "u8") or text[position : part.start()].strip():
            raise LiteralError("wide and Unicode string literals are not supported")
        result += _unescape(part[2])
        position = part.end()
    if text[position:].strip():
        raise LiteralError("not a string literal")
    return result


def _unescape(text: str) -> bytes:
    result, position = bytearray(), 0
    for match in _ESCAPE.finditer(text):
        result += text[position : match.start()].encode()
        position = match.end()
        code = match[1]
        if code in _SIMPLE:
            result.append(_SIMPLE[code])
        elif code[0] in "uU" and len(code) > 1:
            result += chr(int(code[1:], 16)).encode()
        elif code[0] == "x" and len(code) > 1:
            result.append(_byte(int(code[1:], 16), code))
        elif code[0] in "01234567":
            result.append(_byte(int(code, 8), code))
        else:
            raise LiteralError(f"unknown escape sequence '\\{code}'")
    return bytes(result + text[position:].encode())


def _byte(value: int, code: str) -> int:
    if value > 255:
        raise LiteralError(f"escape sequence '\\{code}' is out of range")
    return value
