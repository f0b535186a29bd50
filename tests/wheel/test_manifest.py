"""What meson installs is what git has: an unlisted module works in a checkout and is missing from the wheel."""

from manifest import MESON, ROOT, TOP_MESON, committed, listed, profiles

import maestro_tool


def test_package_files_are_listed() -> None:
    assert listed(MESON) == committed("maestro_tool"), "run: python tests/wheel/manifest.py"


def test_profiles_are_listed() -> None:
    assert listed(TOP_MESON) == profiles(), "run: python tests/wheel/manifest.py"


def test_versions_agree() -> None:
    assert f"version: '{maestro_tool.__version__}'" in (ROOT / "meson.build").read_text(encoding="utf-8")
