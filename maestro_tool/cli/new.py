"""``new``: a small NF to start from, with a test; and an SConstruct where there is none."""

from __future__ import annotations

import argparse
from pathlib import Path

from maestro_tool import canonical, nf
from maestro_tool.diagnostics import InputError

_TEMPLATES = Path(__file__).parent / "templates"
_SCONSTRUCT = Path("SConstruct")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = subparsers.add_parser("new", help="write a small NF to start from, with a test")
    p.add_argument("name", metavar="NAME", help="what to call it: letters, digits and _")
    p.add_argument("folder", nargs="?", type=Path, default=Path("nfs"), metavar="DIR",
                   help="where its folder goes (default: nfs)")  # fmt: skip
    p.set_defaults(run=_new)


def _new(args: argparse.Namespace) -> None:
    nf.check_name(args.name)
    folder = args.folder / args.name
    words = {"@NAME@": args.name, "@FOLDER@": folder.as_posix(), "@NFS@": args.folder.as_posix()}
    files = {
        folder / f"{args.name}.c": _filled("nf.c.in", words),
        folder / f"test_{args.name}.py": _filled("test.py.in", words),
    }
    inside = not args.folder.is_absolute() and ".." not in args.folder.parts
    if inside and not _SCONSTRUCT.exists():
        files[_SCONSTRUCT] = _filled("SConstruct.in", words)
    if folder.exists() or folder.is_symlink():
        raise InputError(f"{folder} exists; nothing is overwritten", hint="choose another name, or remove it")
    canonical.write_files(files)
    print("\n".join(f"wrote {path}" for path in files))
    print(_next(args.name, folder, args.folder))


def _filled(template: str, words: dict[str, str]) -> str:
    text = (_TEMPLATES / template).read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def _next(name: str, folder: Path, nfs: Path) -> str:
    """What to do with it."""
    if _SCONSTRUCT.exists() and "maestro" in _SCONSTRUCT.read_text(encoding="utf-8", errors="replace"):
        known = name if nfs == Path("nfs") else folder.as_posix()
        return (
            f"next: scons nf={known}              # the parallel program, build/soft/{name}/{name}\n"
            f"      scons explain nf={known}      # how Maestro sees it\n"
            f"      python {folder}/test_{name}.py"
        )
    return (
        "next: add to your SConstruct\n"
        '      env = Environment(tools=["default", "maestro"], '
        'toolpath=[PyPackageDir("maestro_tool.scons.site_tools")])\n'
        f'      env.Parallelize("{name}", Glob("{folder.as_posix()}/*.c"), NIC="soft")'
    )
