"""Answers are kept as long as what they were found in says the same."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from maestro_tool import remembered


class Asked:
    """Asks for the text of the files in a folder, and counts how often."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.times = folder, 0
        self.during: Callable[[], object] = lambda: None

    def __call__(self) -> remembered.Found:
        self.times += 1
        text = "".join(p.read_text() for p in sorted(self.folder.iterdir()))
        self.during()
        return remembered.Found(
            lambda _: text, [*map(str, self.folder.iterdir()), str(self.folder), f"{self.folder}/none/none"]
        )

    def answer(self, question: str = "q", *, remember: bool = True) -> str:
        return str(remembered.answer(self.folder.with_suffix(".json"), question, self, remember=remember))


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a").write_text("a")
    time.sleep(0.05)  # what changes while somebody asks is asked for again
    return Asked(tmp_path / "folder")


def test_nothing_is_asked_twice(asked: Asked) -> None:
    assert [asked.answer(), asked.answer(), asked.times] == ["a", "a", 1]
    asked.answer("another question")
    assert asked.times == 2


def test_what_may_not_be_written_is_asked_again(asked: Asked) -> None:
    asked.answer(remember=False)
    assert not asked.folder.with_suffix(".json").exists()


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda d: (d / "a").write_text("b"),
    "new": lambda d: (d / "b").write_text("b"),
    "gone": lambda d: (d / "a").unlink(),
    "another name": lambda d: (d / "a").rename(d / "b"),
    "what was not there": lambda d: (d / "none").write_text("b"),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("shortly", [True, False])
def test_what_is_seen_counts(asked: Asked, what: str, shortly: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shortly:
        monkeypatch.setattr(remembered, "_RACY_NS", 0)
    before = asked.answer()
    times = (asked.folder / "a").stat()
    CHANGES[what](asked.folder)
    if (asked.folder / "a").exists():  # as an archive that is unpacked does
        os.utime(asked.folder / "a", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert asked.answer() != before or what == "another name"
    assert asked.times == 2


def test_what_is_touched_is_read_and_not_asked_for(asked: Asked) -> None:
    for _ in range(3):
        asked.answer()
        (asked.folder / "a").touch()
        (asked.folder / "b").write_text("")
        (asked.folder / "b").unlink()
        time.sleep(0.05)
    assert asked.times == 1


def test_what_changes_meanwhile_is_asked_for_again(asked: Asked) -> None:
    """The answer is of before, what is noted of the file is of after."""
    asked.during = lambda: (asked.folder / "a").write_text("b")
    assert asked.answer() == "a"
    asked.during = lambda: None
    assert asked.answer() == "b"


@pytest.mark.parametrize("text", ["", "[]", '{"question": "q"}', "null", '{"question": "q", "asked": 1, "seen": []}'])
def test_a_damaged_memory_is_none(asked: Asked, text: str) -> None:
    asked.folder.with_suffix(".json").write_text(text)
    assert asked.answer() == "a"
