"""The ``maestro`` command: the one place where errors become text and an exit status.

    0  done              1  the user's mistake, or something this tool needs is missing
    2  wrong usage       3  a bug of this tool

Only the module of the command that is asked for is imported, so that each starts as fast as it can.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from dataclasses import dataclass
from typing import Any

from maestro_tool import __version__, steps
from maestro_tool.diagnostics import MaestroError

EXIT_BUG = 3
#: What a shell reports for a program that wrote to a closed pipe, or was interrupted.
EXIT_PIPE = 141
EXIT_INTERRUPT = 130


@dataclass(frozen=True, slots=True)
class Group:
    """Commands that live in one module; its ``register(subparsers)`` adds them."""

    module: str
    commands: tuple[str, ...]


GROUPS = (
    Group("maestro_tool.cli.build", ("analyse", "solve", "generate", "sequential")),
    Group("maestro_tool.cli.explain", ("explain",)),
    Group("maestro_tool.cli.certify", ("certify",)),
    Group("maestro_tool.cli.verify", ("verify",)),
    Group("maestro_tool.cli.new", ("new",)),
    Group("maestro_tool.cli.steering", ("table", "queue", "rss")),
    Group("maestro_tool.cli.predict", ("predict",)),
    Group("maestro_tool.cli.inspect", ("profile", "cache")),
    Group("maestro_tool.cli.traffic", ("traffic", "run", "compare")),
    Group("maestro_tool.cli.bench", ("bench",)),
)


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status and never raises."""
    words = sys.argv[1:] if argv is None else argv
    if os.environ.get(steps.FILE):
        from maestro_tool import reads

        reads.begin()
    try:
        arguments = _parser(words).parse_args(words)
        status: int | None = arguments.run(arguments)
        sys.stdout.flush()
        return status or 0
    except SystemExit as stop:  # argparse: 0 after --help, 2 after a usage error
        return stop.code if isinstance(stop.code, int) else 2
    except MaestroError as error:
        print(error.render(), file=sys.stderr)
        steps.tell(words, error=error.render())
        return error.exit_status
    except BrokenPipeError:
        _close_output()
        return EXIT_PIPE
    except OSError as error:
        what = error.filename or ("input/output" if _close_output() else "standard output")
        message = f"error: {what}: {error.strerror or error}"
        print(message, file=sys.stderr)
        steps.tell(words, error=message)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPT
    except Exception as error:
        _report_bug(words, error)
        return EXIT_BUG


def _close_output() -> bool:
    """Whether what was printed could be written; if not, Python tries once more at exit: to something that takes it."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def console() -> None:
    """The console script."""
    sys.exit(main())


class _Command(argparse.ArgumentParser):
    """Takes an optional argument behind options too: argparse gives it up when it meets the first option."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        found, rest = super().parse_known_args(args, namespace)
        optional = [a for a in self._actions if not a.option_strings and a.nargs == argparse.OPTIONAL]
        if len(rest) == len(optional) == 1 and not rest[0].startswith("-") and getattr(found, optional[0].dest) is None:
            convert: Any = optional[0].type or str
            setattr(found, optional[0].dest, convert(rest.pop()))
        return found, rest


def _parser(words: list[str]) -> argparse.ArgumentParser:
    """The parser with the asked command only, or with all of them if none of them is asked for."""
    parser = argparse.ArgumentParser(
        prog="maestro", description="Builds correct parallel programs out of sequential network functions."
    )
    parser.add_argument("--version", action="version", version=f"maestro {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Command)
    asked = [g for g in GROUPS if words and words[0] in g.commands]
    for group in asked or GROUPS:
        importlib.import_module(group.module).register(subparsers)
    return parser


def _report_bug(words: list[str], error: Exception) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    print(
        f"internal error: {type(error).__name__}{where}: {error}\n"
        f"  This is a bug of maestro {__version__}, not of your input: please report it with these lines and the NF.\n"
        f"  command: maestro {' '.join(words)}\n"
        "  MAESTRO_DEBUG=1 prints where it happened.",
        file=sys.stderr,
    )
    if os.environ.get("MAESTRO_DEBUG"):
        traceback.print_exception(error)
