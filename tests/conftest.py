"""For all tests: they neither use nor fill a cache that the user has set; summaries that they record are printed."""

import os
from typing import Any

os.environ.pop("MAESTRO_CACHE", None)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints what tests gave to ``record_property("summary", text)``, also from the processes of xdist."""
    reports = [r for outcome in ("passed", "failed") for r in terminalreporter.stats.get(outcome, ())]
    for text in (value for r in reports if r.when == "call" for name, value in r.user_properties if name == "summary"):
        terminalreporter.write_line(str(text))
