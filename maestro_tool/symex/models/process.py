"""exit, abort and failed assertions: set-up stops with the NF's message; a packet's path ends there.

While packets are handled, the sequential program ends at such a place too, so nothing can be asked of the
paths through it.
"""

from __future__ import annotations

from maestro_tool.diagnostics import InputError
from maestro_tool.symex.models.log import formatted
from maestro_tool.symex.notes import NoteCode
from maestro_tool.symex.site import CallSite, Outcome


def _end(site: CallSite, reason: str) -> Outcome:
    from maestro_tool.symex.machine import PathEndedError

    if site.machine.in_setup:
        output = " ".join(site.machine.output[-3:])
        site.fail(
            InputError,
            f"set-up stopped: {reason}" + (f" (last output: {output})" if output else ""),
            "are the NF's arguments right?",
        )
    site.machine.note(site.loc, NoteCode.PATHS_LEFT_OUT, reason)
    site.machine.leave_out(site.state, site.loc, NoteCode.PATHS_LEFT_OUT, reason)
    raise PathEndedError


def exit_process(site: CallSite) -> Outcome:
    """void exit(int)"""
    return _end(site, f"{site.name}() was called")


def rte_exit(site: CallSite) -> Outcome:
    """void rte_exit(int exit_code, const char *format, ...)"""
    return _end(site, formatted(site, 1) if site.machine.in_setup else "rte_exit() was called")


def assert_fail(site: CallSite) -> Outcome:
    """void __assert_fail(const char *assertion, const char *file, unsigned line, const char *function)"""
    return _end(site, f"assertion failed: {site.string(0)}" if site.args else "an assertion failed")
