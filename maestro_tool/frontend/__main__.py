"""``python -m maestro_tool.frontend [-I DIR] [-D NAME[=VALUE]] FILE.c ...`` prints the typed program."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from maestro_tool.diagnostics import MaestroError
from maestro_tool.frontend import fingerprint, load_program
from maestro_tool.frontend.show import show


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m maestro_tool.frontend", description="print the typed program of C files"
    )
    parser.add_argument("sources", nargs="+", type=Path, metavar="FILE.c")
    parser.add_argument("-I", dest="include_dirs", action="append", default=[], type=Path, metavar="DIR")
    parser.add_argument("-D", dest="defines", action="append", default=[], metavar="NAME[=VALUE]")
    parser.add_argument("--fingerprint", action="store_true", help="print the hash of what the program means instead")
    arguments = parser.parse_args()
    try:
        program = load_program(arguments.sources, arguments.include_dirs, arguments.defines)
    except MaestroError as error:
        print(error.render(), file=sys.stderr)
        return error.exit_status
    print(fingerprint(program) if arguments.fingerprint else show(program), end="\n" if arguments.fingerprint else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
