"""Where NIC profiles are looked for, by name or by path.  Reads no YAML: a build asks this every time it starts."""

from __future__ import annotations

import re
from pathlib import Path

from maestro_tool.diagnostics import InputError

_PACKAGE = Path(__file__).parent
#: How nearly all profiles say it, and where a comment says the word, too; all else is left to a parser.
_EXTENDS = re.compile(r"^extends:[ \t]+(?P<quote>[\"']?)(?P<name>[\w.+-]+)(?P=quote)[ \t]*(?:#.*)?\r?$", re.MULTILINE)
_MENTION = re.compile(r"extends|\\")  # or what may be an escape of it


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
    """``path`` and the profiles that it extends, found as `nic.load_profile` finds them; what is wrong with them is
    said when they are loaded."""
    chain = [path]
    for profile in chain:
        name = _extends(profile)
        candidates = [folder / f"{name}.yaml" for folder in (path.parent, *folders(own))] if name else []
        seen = {p.resolve() for p in chain}
        chain += [p for p in candidates if p.is_file() and p.resolve() not in seen][:1]
    return chain


def _extends(profile: Path) -> str | None:
    """The name in the profile's ``extends:``."""
    try:
        text = profile.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    mentions = len(_MENTION.findall(text))
    if mentions == 0:
        return None
    if mentions == 1 and (plain := _EXTENDS.search(text)):
        return plain["name"]
    import yaml  # takes long to import, and is rarely needed

    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    name = found.get("extends") if isinstance(found, dict) else None
    return name if isinstance(name, str) else None
