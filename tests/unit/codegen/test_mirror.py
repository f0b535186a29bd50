"""The NF's own files as each worker needs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_tool.codegen.mirror import mirror_files
from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.frontend import load_program

NF = """static unsigned limit;
static const unsigned most = 7;
{declaration}
int nf_init(void) {{ {use} return 1; }}
"""


@pytest.mark.parametrize(
    ("declaration", "use", "line"),
    [
        ("static unsigned *where = &limit;", "*where = 3;", 3),
        ("static const struct { const char *name; unsigned *where; } table[] = {{\"limit\", &limit}};",
         "*table[0].where = 3;", 3),
        ("", "static unsigned *where = &limit; *where = 3;", 4),
    ],
)  # fmt: skip
def test_addresses_of_what_each_worker_has(tmp_path: Path, declaration: str, use: str, line: int) -> None:
    source = tmp_path / "nf.c"
    source.write_text(NF.format(declaration=declaration, use=use))
    program = load_program([source], [], [])
    with pytest.raises(UnsupportedError, match="the address of 'limit'") as caught:
        mirror_files(program, tmp_path, {}, per_worker=True, named=True)
    assert caught.value.location is not None and caught.value.location.line == line
    assert "nf.c" in mirror_files(program, tmp_path, {}, per_worker=False, named=True)


def test_addresses_of_constants(tmp_path: Path) -> None:
    source = tmp_path / "nf.c"
    source.write_text(NF.format(declaration="static const unsigned *where = &most;", use="limit = *where;"))
    text = mirror_files(load_program([source], [], []), tmp_path, {}, per_worker=True, named=True)["nf.c"]
    assert "_Thread_local static unsigned limit;" in text
