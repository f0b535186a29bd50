"""Which commits are looked at, and what may be wrong with their messages."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import commit_messages
import pytest

GOOD = "A subject\n\nAnd why.\n"


def git(folder: Path, *words: str) -> str:
    # No settings of the user's, and a parent process in a hook (GIT_DIR) must not matter.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    identity = {f"GIT_{who}_{what}": "x@y" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**kept, **identity, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    done = subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, message: str) -> str:
    git(folder, "commit", "--allow-empty", "--cleanup=verbatim", "-m", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (GOOD, None),
        ("x" * 72 + "\n\nWhy.", None),
        ("ä" * 72 + "\n\nWhy.", None),
        ("x" * 73 + "\n\nWhy.", "the subject has 73 characters"),
        ("No body", "no body"),
        ("No body\n\n \n", "no body"),
        ("Two lines\nof a subject\n\nWhy.", "no empty line"),
    ],
)
def test_messages(repository: Path, capsys: pytest.CaptureFixture[str], message: str, said: str | None) -> None:
    base = commit(repository, "A bad one from before")
    commit(repository, message)
    assert commit_messages.main(repository, base) == (said is not None)
    error = capsys.readouterr().err
    assert said in error if said else error == ""


def test_each_commit_after_the_base_counts(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = commit(repository, "base")
    git(repository, "branch", "other")
    wrong = [commit(repository, "wrong"), commit(repository, "wrong too")]
    commit(repository, GOOD)
    git(repository, "checkout", "-q", "other")
    wrong.append(commit(repository, "wrong on a branch"))
    git(repository, "merge", "-q", "--no-ff", "-m", "a merge", "main")
    assert commit_messages.main(repository, base) == 1
    error = capsys.readouterr().err
    assert all(hash[:10] in error for hash in wrong) and error.count("no body") == len(wrong)


@pytest.mark.parametrize(("newest", "status"), [(GOOD, 0), ("No body", 1)])
def test_a_shallow_clone_shows_its_head(repository: Path, tmp_path: Path, newest: str, status: int) -> None:
    """Neither where the base is cut off nor where it is the last that is left."""
    commit(repository, "from before the base")
    base = commit(repository, "base")
    commit(repository, newest)
    for depth in (1, 2, 3):
        clone = tmp_path / f"clone{depth}"
        git(tmp_path, "clone", "-q", f"--depth={depth}", f"file://{repository}", str(clone))
        assert commit_messages.main(clone, base) == status


def test_a_merge_alone_has_nothing_to_look_at(repository: Path, tmp_path: Path) -> None:
    base = commit(repository, "base")
    git(repository, "branch", "other")
    commit(repository, GOOD)
    git(repository, "checkout", "-q", "other")
    commit(repository, GOOD)
    git(repository, "merge", "-q", "--no-ff", "-m", "a merge", "main")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repository}", str(tmp_path / "clone"))
    assert commit_messages.main(tmp_path / "clone", base) == 0
