"""``verify``: what a binary was made of, and whether the sources and the plan beside it are those."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from maestro_tool import canonical, elf, made_of
from maestro_tool.diagnostics import InputError, MaestroError

SCHEMA = "maestro-verify/1"
_LARGEST = 1 << 30
#: What each note has, and of which type.
_MEMBERS: dict[str, type | tuple[type, ...]] = {
    "nf": str, "nic": str, "strategy": str, "maestro": str, "digest": str, "program": str, "compiler": str,
    "target": str, "flags": list, "plan": (str, type(None)),
}  # fmt: skip


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = subparsers.add_parser("verify", help="what a binary was made of; whether sources and plan beside it are those")
    p.add_argument("binary", type=Path, help="a program that Maestro built, its library, or one that has that linked")
    p.add_argument("--json", action="store_true", help=f"for programs: {SCHEMA} (docs/verify.md)")
    p.set_defaults(run=_verify)


def _verify(args: argparse.Namespace) -> int:
    found = [{**note, **_compared(note, args.binary.parent)} for note in _notes(args.binary)]
    matches = bool(found) and all(note["matches"] for note in found)
    if args.json:
        document = {"schema": SCHEMA, "binary": str(args.binary), "matches": matches, "made_of": found}
        print(canonical.dumps(document), end="")
    else:
        print("".join(f"{line}\n" for note in found for line in _text(args.binary, note)), end="")
    return 0 if matches else 1


def _notes(binary: Path) -> list[dict[str, Any]]:
    """The contents of Maestro's notes; `InputError` if the file has none."""
    try:
        if binary.stat().st_size > _LARGEST:
            raise InputError(f"{binary} is too large for a program")
        notes = elf.notes(binary.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {binary}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{binary}: {error}", hint="give a program or a library that Maestro built") from error
    contents = [n.content for n in notes if (n.owner, n.type) == (made_of.OWNER, made_of.TYPE)]
    if not contents:
        raise InputError(f"{binary} does not say what it was made of", hint="Maestro did not build it, or an older one")
    return [_read(content, binary) for content in contents]


def _read(content: bytes, binary: Path) -> dict[str, Any]:
    try:
        note = json.loads(content.decode("ascii"))
    except (ValueError, RecursionError):
        note = None
    if not isinstance(note, dict) or note.get("schema") != made_of.SCHEMA:
        raise InputError(f"{binary}: its note is not of this version", hint=f"this one reads {made_of.SCHEMA}")
    if not all(isinstance(note.get(name), kind) for name, kind in _MEMBERS.items()):
        raise InputError(f"{binary}: its note is damaged")
    return {name: note[name] for name in _MEMBERS}


def _compared(note: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Whether plan.json and the sources that it names are those of the note, and what is wrong."""
    path = folder / "plan.json"
    if note["plan"] is None:
        return {"matches": False, "problems": ["it has no plan: it is the sequential program"]}
    try:
        raw = path.read_bytes()
    except OSError as error:
        return {"matches": False, "problems": [f"{path} cannot be read: {error.strerror}"]}
    if hashlib.sha256(raw).hexdigest() != note["plan"]:
        return {"matches": False, "problems": [f"{path} is not the plan that it was built with"]}
    problems = list(_differences(note, path))
    return {"matches": not problems, "problems": problems}


def _differences(note: dict[str, Any], path: Path) -> Iterator[str]:
    """What is wrong with the sources; ``path`` is the right plan."""
    from maestro_tool import pipeline, plan_json

    origin = plan_json.read(path)["made_of"]
    build = origin["build"]
    request = pipeline.Request(
        sources=tuple(map(Path, build["sources"])),
        include_dirs=tuple(map(Path, build["include_dirs"])),
        defines=tuple(build["defines"]),
        compiler=tuple(build["compiler"]),
        flags=tuple(build["flags"]),
    )
    base = _base(request.sources, path)
    if base is None:
        yield f"source {request.sources[0]} is not there: verify where the build was run"
        return
    try:
        with contextlib.chdir(base):
            today = pipeline.made_of(request)
    except MaestroError as error:
        yield f"the sources cannot be read as they were: {error.render()}"
        return
    if today.program != note["program"]:
        yield "the sources mean something else than when it was built"
    for what, built, now in (
        ("compiler", note["compiler"], today.compiler),
        ("target", note["target"], today.target),
        ("flags", note["flags"], list(today.flags)),
    ):
        if built != now:
            yield f"the {what} was {_shown(built)}, and is {_shown(now)} now"


def _base(sources: tuple[Path, ...], plan: Path) -> Path | None:
    """The folder in which the build was run: this one, or one above the plan."""
    candidates = (Path(), *plan.resolve().parents)
    return next((folder for folder in candidates if all((folder / s).is_file() for s in sources)), None)


def _shown(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


def _text(binary: Path, note: dict[str, Any]) -> list[str]:
    if note["matches"]:
        said = [f"{binary}: made of these sources and this plan"]
    else:
        said = [f"{binary}: NOT shown to be made of these sources and this plan", *(f"  {p}" for p in note["problems"])]
    return [
        *said,
        f"  NF        {note['nf']} for {note['nic']}, {note['strategy']}, by Maestro {note['maestro']}",
        f"  program   {note['program']}",
        f"  plan      {note['plan'] or 'none'}",
        f"  compiler  {note['compiler']} for {note['target']}",
        f"  flags     {' '.join(note['flags'])}",
        f"  digest    {note['digest']}",
    ]
