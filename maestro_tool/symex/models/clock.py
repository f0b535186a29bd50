"""The time of the packet: the program reads the clock once per packet and the API gives no other."""

from __future__ import annotations

from maestro_tool.expr.symbols import NOW
from maestro_tool.symex.site import CallSite, Outcome


def current_time(site: CallSite) -> Outcome:
    """vigor_time_t current_time(void), recent_time(void)"""
    return NOW
