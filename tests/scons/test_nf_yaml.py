"""nf.yaml: what it may say, and where mistakes are shown."""

import shutil
from pathlib import Path

import pytest

from maestro_tool import nf
from maestro_tool.diagnostics import InputError

FILES = {
    "fw.c": '#include "fw.h"\n#include <stdio.h>\n  #  include "missing.h"\n#include "../outside.h"\n',
    "fw.h": '#ifdef X\n#include "sub/tables.inc"\n#endif\n#include "fw.h"\n',
    "sub/tables.c": '#include "tables.inc"\n',
    "sub/tables.inc": "",
    "unused.h": "",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fw" / "sub").mkdir(parents=True)
    (tmp_path / "outside.h").write_text("")
    for name, text in FILES.items():
        (tmp_path / "fw" / name).write_text(text)
    return Path("fw")


def test_without_description(folder: Path) -> None:
    found = nf.load(folder)
    assert found.sources == (Path("fw/fw.c"), Path("fw/sub/tables.c"))
    assert found.headers == (Path("fw/fw.h"), Path("fw/sub/tables.inc"), Path("outside.h"))
    assert found.root == Path()
    assert (found.arguments, found.ports) == ((), 2)


def test_headers_above_the_folder_that_one_stands_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    found = nf.load(Path())
    assert found.root == Path("..") and Path("../outside.h") in found.headers


def test_what_builds_and_tools_leave_is_no_source(folder: Path) -> None:
    for name in ("build/soft/fw/gen/fw.c", ".venv/lib/x.c", "sub/build/y.c"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("")
    assert nf.load(folder).sources == (Path("fw/fw.c"), Path("fw/sub/tables.c"))


def test_description(folder: Path) -> None:
    (folder / "nf.yaml").write_text("sources: [fw.c]\narguments: [--wan, 1]\nports: 3\n")
    found = nf.load(folder)
    assert (found.sources, found.arguments, found.ports) == ((Path("fw/fw.c"),), ("--wan", "1"), 3)
    (folder / "nf.yaml").write_text("limits: {unroll: 9, paths: 10}\nfunctions: {g: {pure: true}, f: {pure: true}}\n")
    found = nf.load(folder)
    assert (found.limits, found.pure) == ((("paths", 10), ("unroll", 9)), ("f", "g"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port: 2", "nf.yaml:1:1: error: unknown field 'port'"),
        ("ports: 2\nports: 3", "nf.yaml:2:1: error: 'ports' is given twice"),
        ("ports: many", "nf.yaml:1:8: error: 'ports' must be a number from 1 to 32"),
        ("ports: 0", "nf.yaml:1:8: error: 'ports' must be"),
        ("arguments: --wan", "nf.yaml:1:12: error: 'arguments' must be a list"),
        ("arguments: [[1]]", "nf.yaml:1:13: error: 'arguments' must be a list of strings"),
        ("sources: [nope.c]", "nf.yaml:1:10: error: source 'nope.c' does not exist"),
        ("sources: []", "nf.yaml:1:10: error: 'sources' names no file"),
        ("limits: {rounds: 3}", "nf.yaml:1:10: error: limits.rounds: unknown value 'rounds'"),
        ("limits: {unroll: many}", "nf.yaml:1:18: error: 'limits.unroll' must be a number"),
        ("limits: [unroll]", "nf.yaml:1:9: error: 'limits' must be a mapping"),
        ("functions: {f: {writes: x}}", "nf.yaml:1:16: error: 'functions.f' must be {pure: true}"),
        ("functions: {f: {pure: false}}", "nf.yaml:1:16: error: 'functions.f' must be {pure: true}"),
        ("functions: {f: true}", "nf.yaml:1:16: error: 'functions.f' must be {pure: true}"),
        ("functions: {9f: {pure: true}}", "nf.yaml:1:13: error: 'functions.9f' must be a function's name"),
        ("functions: [f]", "nf.yaml:1:12: error: 'functions' must be a mapping"),
        ("functions: {f: {pure: true}, f: {pure: true}}", "nf.yaml:1:30: error: 'f' is given twice"),
        ("- 1", "nf.yaml:1:1: error: a description is a mapping (key: value)"),
        ("a: [1", "error: not YAML"),
        ("a: \x01", "error: not YAML"),
        ("!!python/object:os.system {}", "nf.yaml:1:1: error: python/object:os.system values are not allowed here"),
        ("ports: 2.0", "nf.yaml:1:8: error: 'ports' must be"),
        ("ports: 0x2", "nf.yaml:1:8: error: 'ports' must be"),
        ("a: &a [*a]", "error: too many or too deeply nested values"),
        ("arguments:", "nf.yaml:1:11: error: 'arguments' must be a list"),
    ],
)
def test_mistakes_are_located(folder: Path, text: str, message: str) -> None:
    (folder / "nf.yaml").write_text(text)
    with pytest.raises(InputError) as error:
        nf.load(folder)
    assert message in error.value.render()


def test_names_become_c_identifiers(folder: Path) -> None:
    """A folder may have any name; one that somebody chooses must be a C name."""
    assert nf.known(Path()) == {"fw": Path("fw")}
    for name, called in (("my-fw", "my_fw"), ("9x", "_9x")):
        folder = folder.rename(folder.parent / name)
        assert nf.known(Path()) == {called: Path(name)}
        assert nf.folder_of(name, Path()) == nf.folder_of(called, Path()) == Path(name)
        assert nf.load(folder).name == nf.name_of(folder) == called
        with pytest.raises(InputError, match="cannot name an NF"):
            nf.check_name(name)
    shutil.copytree(folder, folder.parent / "_9x")
    with pytest.raises(InputError, match="9x and _9x would both be called _9x"):
        nf.known(Path())
