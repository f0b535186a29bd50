"""Conditions on macros must mean the same in the analysis and in the compiled program."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_tool import dpdk
from maestro_tool.diagnostics import ToolError, UnsupportedError
from maestro_tool.frontend import load_program

REFUSED = {
    "ifdef": "#ifdef RTE_MAX_LCORE\nint x;\n#endif",
    "ifndef with a value of one's own": "#ifndef RTE_MAX_LCORE\n#define RTE_MAX_LCORE 4\n#endif",
    "if": "#if RTE_MAX_LCORE > 4\nint x;\n#endif",
    "elif": "#if 0\n#elif defined(RTE_MAX_LCORE)\nint x;\n#endif",
    "inside a macro of one's own guard": "#ifndef _STDLIB_H\n#define _STDLIB_H\nint x;\n#endif",
    "two lines": "#if 1 && \\\n  defined RTE_MAX_LCORE\nint x;\n#endif",
    "presence of a header": "#if __has_include(<math.h>)\nint x;\n#endif",
}
ACCEPTED = {
    "guard": "#ifndef FLOW_H\n#define FLOW_H\nint x;\n#endif",
    "guard with underscores": "#ifndef _FLOW_H_INCLUDED_\n#define _FLOW_H_INCLUDED_\nint x;\n#endif",
    "default of one's own": "#ifndef MAX_FLOWS\n#define MAX_FLOWS 4\n#endif\nint x = MAX_FLOWS;",
    "verification": "#ifdef KLEE_VERIFICATION\nint x\n#endif",
    "of both headers": "#include <stdint.h>\n#ifdef UINT8_MAX\nint x;\n#endif",
    "of the compiler": "#ifdef __SSE4_2__\nint x;\n#endif",
    "comments and characters": "#if 1 /* RTE_MAX_LCORE */ + 'A' // RTE_MAX_LCORE\nint x;\n#endif",
}


@pytest.mark.parametrize("name", REFUSED)
def test_macros_of_the_real_headers_only_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.c"
    path.write_text("int f(void) { return 0; }\n" + REFUSED[name] + "\n", encoding="utf-8")
    with pytest.raises(UnsupportedError, match="a condition on") as caught:
        load_program([path])
    assert caught.value.location is not None and caught.value.location.line in (2, 3)
    assert caught.value.hint is not None


@pytest.mark.parametrize("name", ACCEPTED)
def test_others_are_not(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.c"
    path.write_text("int f(void) { return 0; }\n" + ACCEPTED[name] + "\n", encoding="utf-8")
    load_program([path])


def test_users_headers_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "own.h").write_text("#ifdef RTE_MAX_LCORE\nint x;\n#endif\n", encoding="utf-8")
    (tmp_path / "a.c").write_text('#include "own.h"\nint f(void) { return 0; }\n', encoding="utf-8")
    with pytest.raises(UnsupportedError, match="RTE_MAX_LCORE") as caught:
        load_program([tmp_path / "a.c"])
    assert caught.value.location is not None and caught.value.location.file.endswith("own.h")


def test_a_macro_given_with_d_is_known(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("#ifdef RTE_MAX_LCORE\nint x;\n#endif\n", encoding="utf-8")
    assert "x" in load_program([tmp_path / "a.c"], defines=["RTE_MAX_LCORE=4"]).globals


def test_without_dpdk_it_cannot_be_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> dpdk.Dpdk:
        raise ToolError("DPDK not found", hint="install it")

    monkeypatch.setattr(dpdk, "find", missing)
    (tmp_path / "a.c").write_text("#ifdef SOMETHING\nint x;\n#endif\n", encoding="utf-8")
    with pytest.raises(UnsupportedError, match="without DPDK") as caught:
        load_program([tmp_path / "a.c"])
    assert caught.value.hint == "install it"
