"""Where NIC profiles are looked for, by name or by path.  Reads no YAML: a build asks this every time it starts."""

from __future__ import annotations

import re
from pathlib import Path

from maestro_tool.diagnostics import InputError

_PACKAGE = Path(__file__).parent
_EXTENDS = re.compile(r"^extends:[ \t]*[\"']?([A-Za-z0-9_-]+)", re.MULTILINE)


def folders(own: Path = Path("configs")) -> list[Path]:
    """The user's ``configs/`` first; then the profiles that come with the tool (in a wheel, in a checkout)."""
    shipped = (_PACKAGE / "configs", _PACKAGE.parent / "configs")
    found = [p for p in (own, *shipped) if p.is_dir()]
    return [p for n, p in enumerate(found) if not any(p.samefile(q) for q in found[:n])]


def known(own: Path = Path("configs")) -> dict[str, Path]:
    """All profiles by name."""
    found: dict[str, Path] = {}
    for folder in folders(own):
        for path in folder.glob("*.yaml"):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def resolve(nic: str, own: Path = Path("configs")) -> Path:
    """The file of the profile ``nic``: a name, or a path to a YAML file."""
    if nic.endswith(".yaml"):
        return Path(nic)
    profiles = known(own)
    if nic not in profiles:
        raise InputError(f"unknown NIC '{nic}'", hint=f"known: {', '.join(profiles)}; or give a path to a .yaml file")
    return profiles[nic]


def split(nic: str) -> list[str]:
    """``A+B``: the cards of port 0, port 1 ...; one name: of all ports."""
    return [nic] if Path(nic).is_file() else [part for part in nic.split("+") if part] or [nic]


def label(nic: str) -> str:
    """``nic`` as part of a path: stems of files, joined by ``+``."""
    return "+".join(Path(part).stem if part.endswith(".yaml") else part for part in split(nic))


def with_bases(path: Path, own: Path = Path("configs")) -> list[Path]:
    """``path`` and the profiles that it extends; what is wrong with them is said when they are loaded."""
    chain = [path]
    for profile in chain:
        try:
            match = _EXTENDS.search(profile.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
        for folder in (path.parent, *folders(own)) if match else ():
            base = folder / f"{match[1]}.yaml" if match else None
            if base is not None and base.is_file():
                if base not in chain:
                    chain.append(base)
                break
    return chain
