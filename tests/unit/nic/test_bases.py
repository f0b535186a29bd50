"""What a build takes for the bases of a profile is what loading it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_tool import located_yaml, profiles
from maestro_tool.nic import load_profile

ROOT = Path(__file__).resolve().parents[3]
BASE = (ROOT / "configs/soft.yaml").read_text()


def read_by_loading(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    read: list[Path] = []
    found = located_yaml.read
    monkeypatch.setattr(located_yaml, "read", lambda p, *rest: (read.append(p), found(p, *rest))[1])
    load_profile(path, profiles.folders())
    return read


@pytest.mark.parametrize(
    "text",
    [
        "name: mine\nextends: soft\n",
        "name: mine\nextends: 'soft'  # as it is\n",
        'name: mine\nextends:   "soft"\r\n',
        "# it extends: nothing\nname: mine\nextends: soft\n",
        "{name: mine, extends: soft}\n",
        '"extends": soft\nname: mine\n',
        '"\\x65xtends": soft\nname: mine\n',
        "extends : soft\nname: mine\n",
        "extends:\n  soft\nname: mine\n",
        "? extends\n: soft\nname: mine\n",
        "--- {extends: soft, name: mine}\n",
        "name: mine\nextends: so.ft\n",
        BASE.replace("name: soft", "name: mine"),
    ],
)
def test_however_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    path = Path("configs/mine.yaml")
    path.write_bytes(text.encode())
    Path("configs/so.ft.yaml").write_text(BASE)
    assert profiles.with_bases(path) == read_by_loading(path, monkeypatch)


def test_a_profile_may_have_the_name_of_its_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's e810 is the tool's e810, with a change: the file itself is not its base."""
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    path = Path("configs/e810.yaml")
    path.write_text("name: e810\nextends: e810\n")
    read = read_by_loading(path, monkeypatch)
    assert [p.resolve() for p in read][1:] == [ROOT / "configs/e810.yaml"]
    assert profiles.with_bases(path) == read


def test_profiles_that_come_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for path in sorted(Path("configs").glob("*.yaml")):
        with monkeypatch.context() as patch:
            assert profiles.with_bases(path) == read_by_loading(path, patch)


def test_what_is_wrong_is_told_elsewhere(tmp_path: Path) -> None:
    for text in ("extends: [a]\n", "extends: {\n", "- extends\n", '"\\x', "extends: mine\n"):
        (tmp_path / "mine.yaml").write_text(text)
        assert profiles.with_bases(tmp_path / "mine.yaml") == [tmp_path / "mine.yaml"]
    assert profiles.with_bases(tmp_path / "none.yaml") == [tmp_path / "none.yaml"]
