"""What meson installs is what git has: an unlisted module works in a checkout and is missing from the wheel."""

import re

from manifest import MESON, ROOT, committed, listed

import maestro_tool


def test_package_files_are_listed() -> None:
    assert listed(MESON) == committed("maestro_tool"), "run: python tests/wheel/manifest.py"


def test_profiles_are_listed() -> None:
    names = re.findall(r"'configs/([^']+)'", (ROOT / "meson.build").read_text(encoding="utf-8"))
    assert sorted(names) == [n for n in committed("configs") if n.endswith(".yaml")]


def test_versions_agree() -> None:
    assert f"version: '{maestro_tool.__version__}'" in (ROOT / "meson.build").read_text(encoding="utf-8")
