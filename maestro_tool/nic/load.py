"""YAML -> NicProfile.  Every mistake becomes an `InputError` at its line and column.

``extends: NAME`` takes another profile's values first: mappings merge by key, all else is replaced, and a
key set to null is taken away.  ``aliases`` are not inherited: they are other names of that one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from maestro_tool import located_yaml
from maestro_tool.diagnostics import InputError
from maestro_tool.located_yaml import Located
from maestro_tool.nic.profile import NicProfile


def find_profiles(directories: Iterable[Path]) -> dict[str, Path]:
    """All profiles, by name; a directory that comes earlier wins, one that does not exist is skipped."""
    found: dict[str, Path] = {}
    for directory in directories:
        for path in sorted(directory.glob("*.yaml")) if directory.is_dir() else ():
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def load_profile(path: Path, directories: Sequence[Path] = ()) -> NicProfile:
    """Reads and checks one profile; what it extends is sought beside it, then in ``directories``."""
    tree = _resolve(path, (path.parent, *directories), ())
    profile = located_yaml.checked(NicProfile, tree)
    if profile.name != path.stem:
        location = tree.value["name"][1].location
        raise InputError(f"name is {profile.name!r}, but the file is {path.name}", location, hint="make them equal")
    return profile


def _resolve(path: Path, directories: Sequence[Path], seen: tuple[Path, ...]) -> Located:
    tree = located_yaml.read(path, "profile", NicProfile)
    if "extends" not in tree.value:
        return tree
    own = dict(tree.value)
    _, parent = own.pop("extends")
    if not isinstance(parent.value, str):
        raise InputError("extends: wants the name of a profile", parent.location)
    candidates = [p for p in (d / f"{parent.value}.yaml" for d in directories) if p.is_file()]
    base = next((p for p in candidates if p.resolve() not in {path.resolve(), *seen}), None)
    if base is None:
        if candidates:
            raise InputError(f"{parent.value!r} extends itself", parent.location)
        known = ", ".join(n for n in find_profiles(directories) if n != path.stem)
        raise InputError(f"extends: no profile {parent.value!r}", parent.location, hint=f"known: {known}")
    inherited = _resolve(base, directories, (*seen, path.resolve()))
    inherited = replace(inherited, value={k: v for k, v in inherited.value.items() if k != "aliases"})
    return _merge(inherited, replace(tree, value=own))


def _merge(base: Located, own: Located) -> Located:
    if not (isinstance(base.value, dict) and isinstance(own.value, dict)):
        return own
    merged = dict(base.value)
    for key, (location, value) in own.value.items():
        if value.value is None and key in merged:
            del merged[key]
        else:
            merged[key] = (location, _merge(merged[key][1], value) if key in merged else value)
    return replace(own, value=merged)


def to_json(profile: NicProfile) -> Mapping[str, Any]:
    """The profile with all defaults filled in, as plain JSON values."""
    return profile.model_dump(mode="json")


def json_schema() -> Mapping[str, Any]:
    """JSON Schema of a profile (without ``extends``, which is resolved before checking)."""
    return NicProfile.model_json_schema()
