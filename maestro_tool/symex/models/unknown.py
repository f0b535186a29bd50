"""Functions that are not followed, of which the user says that they only calculate."""

from __future__ import annotations

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.expr import Expr
from maestro_tool.symex import events
from maestro_tool.symex.models.provenance import reachable
from maestro_tool.symex.notes import NoteCode
from maestro_tool.symex.site import CallSite, Outcome


def pure(site: CallSite) -> Outcome:
    """A result that is not known: the same for the same numbers; new each time if it is given a pointer."""
    site.machine.note(site.loc, NoteCode.UNKNOWN_RESULT, site.name)
    if site.result_bits == 0:
        return None
    if site.result_kind != "int":
        site.fail(UnsupportedError, f"'{site.name}' returns no number", "only results that are numbers can be unknown")
    numbers = [a for a in site.args if isinstance(a, Expr) and a.width]
    if len(numbers) == len(site.args):
        return events.opaque(site.state, site.name, tuple(numbers), site.result_bits, site.loc)
    return events.unknown(site.state, site.result_bits, site.loc, reachable(site), function=site.name)
