"""The C steps that a build of this tool has run, as data for `SConstruct`, and as build.ninja."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maestro_tool import dpdk, runtime

HERE = Path(__file__).parent


def write(folder: Path) -> None:
    """Write cells.json, SConstruct and build.ninja to ``folder``/plain, of the build in ``folder``/build."""
    units = {
        unit["output"]: _unit(folder, unit)
        for unit in json.loads((folder / "build/compile_commands.json").read_text())
        if unit["file"].startswith("build/")
    }
    place = folder / "plain"
    place.mkdir(exist_ok=True)
    found = dpdk.find()
    cells = _cells(folder, units)
    known = {"cells": cells, "runtime": _runtime(cells), "link": [*found.libs, "-lm", "-lpthread"]}
    (place / "cells.json").write_text(json.dumps(known, indent=1))
    shutil.copy(HERE / "SConstruct", place / "SConstruct")
    (place / "build.ninja").write_text(_ninja(known))


def _unit(folder: Path, unit: dict[str, Any]) -> dict[str, Any]:
    words = unit["arguments"]
    flags = words[words.index("-c") + 1 : -1]
    absolute = [
        word if word[2:].startswith("/") else f"-I{folder / word[2:]}" for word in flags if word.startswith("-I")
    ]
    return {
        "source": str(folder / unit["file"]),
        "object": unit["output"].removeprefix("build/"),
        "folders": [word[2:] for word in absolute],
        "flags": [word for word in flags if not word.startswith("-I")],
    }


def _cells(folder: Path, units: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    cells = []
    for plan in sorted((folder / "build").glob("*/*/plan.json")):
        nf, nic = plan.parent.name, plan.parent.parent.name
        own = {name: unit for name, unit in units.items() if name.startswith(f"build/{nic}/{nf}/gen/")}
        main = own.pop(f"build/{nic}/{nf}/gen/main_{nf}.o")
        cells.append({
            "nf": nf, "main": main, "units": [*own.values()],
            "library": f"{nic}/{nf}/lib{nf}.a", "program": f"{nic}/{nf}/{nf}",
        })  # fmt: skip
    return cells


def _runtime(cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The runtime's library, compiled as the units of the first NF are, with the symbol that tables ask for."""
    main, units = cells[0]["main"], cells[0]["units"]
    symbol = {word for unit in units for word in unit["flags"] if word.startswith("-DMAESTRO_RUNTIME_SYMBOL=")}
    objects = [
        {"source": str(source), "object": f"runtime/{source.stem}.o", "folders": main["folders"][1:],
         "flags": [*main["flags"], *sorted(symbol)]}
        for source in sorted(runtime.SOURCE.glob("*.c"))
    ]  # fmt: skip
    return {"library": "runtime/libmaestro.a", "units": objects}


def _ninja(known: dict[str, Any]) -> str:
    lines = [
        "rule cc\n  command = gcc -MD -MF $out.d $flags -c $in -o $out\n  depfile = $out.d\n  deps = gcc",
        "rule ar\n  command = rm -f $out && ar rc $out $in && ranlib $out",
        f"rule link\n  command = gcc -o $out $in {_words(known['link'])}",
    ]
    for made in (known["runtime"], *known["cells"]):
        for unit in (*([made["main"]] if "main" in made else []), *made["units"]):
            flags = _words([*unit["flags"], *(f"-I{place}" for place in unit["folders"])])
            lines.append(f"build {unit['object']}: cc {unit['source']}\n  flags = {flags}")
        objects = " ".join(unit["object"] for unit in made["units"])
        lines.append(f"build {made['library']}: ar {objects}")
    programs: dict[str, list[str]] = {}
    for cell in known["cells"]:
        programs.setdefault(cell["nf"], []).append(cell["program"])
        libraries = f"{cell['library']} {known['runtime']['library']}"
        lines.append(f"build {cell['program']}: link {cell['main']['object']} {libraries}")
    lines += [f"build {nf}: phony {' '.join(made)}" for nf, made in programs.items()]
    return "\n".join(lines) + "\n"


def _words(words: Sequence[str]) -> str:
    return " ".join(shlex.quote(word).replace("$", "$$") for word in words)
