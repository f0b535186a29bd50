"""Where NIC profiles are looked for, by name, alias or path.

Reads no YAML where a name is that of a file: a build asks this every time it starts.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
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
    """The file of the profile ``nic``: a name, another name of it (an alias), or a path to a YAML file."""
    if nic.endswith(".yaml"):
        return Path(nic)
    profiles = known(own)
    if nic in profiles:
        return profiles[nic]
    others = aliases(profiles)
    if nic not in others:
        raise InputError(f"unknown NIC '{nic}'", hint=suggestion(nic, profiles))
    return profiles[others[nic]]


def aliases(profiles: Mapping[str, Path]) -> dict[str, str]:
    """Other names of ``profiles``: alias -> name.  None shadows a profile, and of two with one alias neither has it."""
    found: dict[str, list[str]] = {}
    for name, path in profiles.items():
        for alias in _listed_aliases(path):
            found.setdefault(alias, []).append(name)
    return {alias: names[0] for alias, names in found.items() if alias not in profiles and len(set(names)) == 1}


def suggestion(nic: str, profiles: Mapping[str, Path]) -> str:
    """What to write in place of a name that no profile has."""
    close = difflib.get_close_matches(nic.lower(), [*profiles, *aliases(profiles)], 1)
    nearest = f"did you mean {close[0]}? " if close else ""
    return (
        f"{nearest}soft needs no card, FILE.yaml is a profile of your own (docs/nic-profiles.md); "
        f"known: {', '.join(profiles) or 'none'}"
    )


def plain(nic: str, own: Path = Path("configs")) -> str:
    """``nic`` with the names of profiles in place of aliases, so that one card has one folder below build/."""
    profiles = known(own)
    parts = split(nic)
    if all(part in profiles or part.endswith(".yaml") for part in parts):
        return nic
    others = aliases(profiles)
    return "+".join(part if part in profiles else others.get(part, part) for part in parts)


def split(nic: str) -> list[str]:
    """``A+B``: the cards of port 0, port 1 ...; one name: of all ports."""
    return [nic] if Path(nic).is_file() else [part for part in nic.split("+") if part] or [nic]


def label(nic: str) -> str:
    """``nic`` as part of a path: names of files without their ending, joined by ``+``."""
    return "+".join(os.path.basename(part).removesuffix(".yaml") for part in split(nic))


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
    text = _text(profile)
    mentions = len(_MENTION.findall(text))
    if mentions == 0:
        return None
    if mentions == 1 and (plain := _EXTENDS.search(text)):
        return plain["name"]
    name = _parsed(text).get("extends")
    return name if isinstance(name, str) else None


def _listed_aliases(profile: Path) -> list[str]:
    """What the profile's own file lists as ``aliases:``; those of a profile that it extends are that one's."""
    text = _text(profile)
    listed = _parsed(text).get("aliases") if "aliases" in text else None
    return [a for a in listed if isinstance(a, str)] if isinstance(listed, list) else []


def _text(profile: Path) -> str:
    try:
        return profile.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _parsed(text: str) -> dict[object, object]:
    import yaml  # takes long to import, and is rarely needed

    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
