"""<ctype.h> in the C locale, on characters that may be unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from maestro_tool.expr import Expr, nodes
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.values import from_bool

_DIGIT, _UPPER, _LOWER = ((48, 57),), ((65, 90),), ((97, 122),)
#: Ranges of the codes that belong to each class.
CLASSES: Final[Mapping[str, tuple[tuple[int, int], ...]]] = {
    "isdigit": _DIGIT,
    "isupper": _UPPER,
    "islower": _LOWER,
    "isalpha": _UPPER + _LOWER,
    "isalnum": _DIGIT + _UPPER + _LOWER,
    "isxdigit": (*_DIGIT, (65, 70), (97, 102)),
    "isspace": ((9, 13), (32, 32)),
    "isblank": ((9, 9), (32, 32)),
    "iscntrl": ((0, 31), (127, 127)),
    "isprint": ((32, 126),),
    "isgraph": ((33, 126),),
    "ispunct": ((33, 47), (58, 64), (91, 96), (123, 126)),
}


def _within(value: Expr, ranges: tuple[tuple[int, int], ...]) -> Expr:
    result = nodes.FALSE
    for first, last in ranges:
        above = nodes.compare("sle", nodes.const(first, value.width), value)
        result = nodes.lor(result, nodes.land(above, nodes.compare("sle", value, nodes.const(last, value.width))))
    return result


def is_of_class(site: CallSite) -> Outcome:
    """int isdigit(int) and its kin: not zero if it is; compare the result with zero only."""
    return from_bool(_within(site.expr(0), CLASSES[site.name]), site.result_bits)


def change_case(site: CallSite) -> Outcome:
    """int toupper(int), int tolower(int)"""
    value = site.expr(0)
    upper = site.name == "toupper"
    changed = nodes.binary("xor", value, nodes.const(32, value.width))
    return nodes.ite(_within(value, _LOWER if upper else _UPPER), changed, value)
