"""Output is ignored while packets are handled; in set-up it is kept for error messages."""

from __future__ import annotations

import re

from maestro_tool.diagnostics import MaestroError, UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.symex.memory import Block, External
from maestro_tool.symex.models.format import following, listed
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.values import Pointer

_CONVERSION = re.compile(r"%(?:%|[-+ #0]*\d*(?:\.\d+)?(?:hh|h|ll|l|z|j|t)?([diuxXcsp]))")
_COUNT = re.compile(r"%[^a-zA-Z%]*[hlqjztL]*n")


def formatted(site: CallSite, position: int) -> str:
    """What printf would write, with ``?`` for what is not a plain number or string."""
    listed_there = site.name.startswith("v")
    rest = listed(site, position + 1) if listed_there else following(site, position + 1)

    def one(match: re.Match[str]) -> str:
        if match.group() == "%%":
            return "%"
        value = next(rest, None)
        kind = match.group(1)
        try:
            if kind == "s" and value is not None:
                return site.machine.string(site.state, value, site.loc)
        except MaestroError:
            return "?"
        if not isinstance(value, Expr) or not value.is_const or value.width == 0:
            return "?"
        if kind in "di":
            return str(nodes.signed(value.const, value.width))
        return chr(value.const & 0x7F) if kind == "c" else format(value.const, kind if kind in "xX" else "d")

    return _CONVERSION.sub(one, site.string(position)).strip()


def _check_format(site: CallSite, position: int) -> None:
    """Output must change nothing: no %n, and while packets are handled a format that is there to be read."""
    address = site.args[position] if position < len(site.args) else None
    block = site.state.memory.get(address.block) if isinstance(address, Pointer) else None
    if block is None or not (block.const or site.machine.in_setup):
        site.fail(UnsupportedError, f"the format of '{site.name}' is no constant", "write the format as a literal")
    if _COUNT.search(site.string(position).replace("%%", "")):
        site.fail(UnsupportedError, f"'{site.name}' with %n writes to memory", "do without %n")


def _log(site: CallSite, position: int) -> Outcome:
    _check_format(site, position)
    if site.machine.in_setup:
        site.machine.output.append(formatted(site, position))
    return site.answer(0)


def printf(site: CallSite) -> Outcome:
    """int printf(const char *format, ...)"""
    return _log(site, 0)


def fprintf(site: CallSite) -> Outcome:
    """int fprintf(FILE *, const char *format, ...), int vfprintf(FILE *, const char *format, va_list)"""
    return _log(site, 1)


def rte_log(site: CallSite) -> Outcome:
    """int rte_log(uint32_t level, uint32_t type, const char *format, ...)"""
    return _log(site, 2)


def ignored(site: CallSite) -> Outcome:
    """Anything whose only effect is output."""
    return site.answer(0) if site.result_bits else None


def text(site: CallSite) -> Outcome:
    """char *nf_mac_to_str(...), char *nf_rte_ipv4_to_str(...): a string that only output functions may read."""
    return Pointer(site.state.memory.add(Block("text for output", None, External())))
