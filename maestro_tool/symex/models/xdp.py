"""The context of programs for XDP (runtime/include/maestro_xdp_context.h): helpers are not given it, and find it."""

from __future__ import annotations

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.symex.site import CallSite, Outcome


def maestro_xdp_begins(site: CallSite) -> Outcome:
    """void maestro_xdp_begins(struct xdp_md *)"""
    site.state.cursor.context = site.pointer(0)
    return None


def maestro_xdp_context(site: CallSite) -> Outcome:
    """struct xdp_md *maestro_xdp_context(void)"""
    context = site.state.cursor.context
    if context is None:
        site.fail(UnsupportedError, f"'{site.name}' is called outside of a program for XDP")
    return context
