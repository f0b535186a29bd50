"""The rows are the only list of operations: other phases follow what a row says."""

from __future__ import annotations

import ast
from pathlib import Path

import maestro_tool
from maestro_tool.operations import OPERATIONS

ROOT = Path(maestro_tool.__file__).parent

#: They record operations, so they name them; `symex.models` also binds C functions, some of which are called so.
RECORDERS = {"operations/table.py", "operations/parts.py", "symex/events.py", "symex/packet.py"}
#: An effect, and the C function that makes an index allocator, are called as an operation is.
NAMESAKES = {"operations/row.py": {"expire"}, "frontend/library.py": {"dchain_allocate"}}
#: The checker of certificates knows operations by itself: it would check nothing if it followed the rows.  Its list is
#: compared with them (tests/certify), and an operation that it does not know is refused.
INDEPENDENT = (
    *(
        f"certificate/{name}.py"
        for name in ("binding", "read", "shapes", "ledger", "key_storage", "turns", "twins", "relaxations")
    ),
    "certify/",
)


def _operations_named(path: Path) -> set[str]:
    """Those that a string of the file is the name of, or several names."""
    strings = (n.value for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Constant))
    words = (set(s.split()) for s in strings if isinstance(s, str))
    return {name for found in words if OPERATIONS.keys() >= found for name in found}


def test_no_other_file_lists_operations() -> None:
    named = {path.relative_to(ROOT).as_posix(): _operations_named(path) for path in ROOT.rglob("*.py")}
    assert all(named[file] for file in RECORDERS)
    others = {
        f: n for f, n in named.items() if n and f not in RECORDERS and not f.startswith(("symex/models/", *INDEPENDENT))
    }
    assert others == NAMESAKES
