"""Source locations and the errors a user may see.

One root, few leaves.  A phase raises; only the command line (``cli``) and the SCons shim turn an
error into text and an exit status.  Anything that is not a `MaestroError` is a bug of this tool.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class SourceLocation:
    """A place in a user's file.  Lines and columns count from 1; column 0 means unknown."""

    file: str
    line: int
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.column else f"{self.file}:{self.line}"


class MaestroError(Exception):
    """Root of all errors that are not bugs.

    ``source_line`` is the text of the line at ``location``; ``hint`` says what to do.
    """

    exit_status = 1

    def __init__(
        self,
        message: str,
        location: SourceLocation | None = None,
        *,
        source_line: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.source_line = source_line
        self.hint = hint

    def render(self) -> str:
        """The error as a compiler would print it: location, text, source line with a caret, hint."""
        lines = [f"{self.location}: error: {self.message}" if self.location else f"error: {self.message}"]
        source = self.source_line if self.source_line is not None else self._read_source_line()
        if source is not None and self.location:
            lines.append(f"    {source.expandtabs(1)}")
            if self.location.column:
                lines.append("    " + " " * (self.location.column - 1) + "^")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def _read_source_line(self) -> str | None:
        if self.location is None:
            return None
        try:
            with open(self.location.file, encoding="utf-8", errors="replace") as f:
                for number, text in enumerate(f, 1):
                    if number == self.location.line:
                        return text.rstrip("\n")
        except OSError:
            pass
        return None


class InputError(MaestroError):
    """What the user gave is wrong: a syntax error, a bad profile, a capture that does not exist."""


class UnsupportedError(MaestroError):
    """The input may be right, but this tool cannot follow it; it never guesses instead."""


class ResourceLimitError(MaestroError):
    """A budget (paths, loop iterations, solver work) ran out: *could not decide*."""


class ToolError(MaestroError):
    """Something this tool needs is missing or failed: a compiler, DPDK, a NIC."""
