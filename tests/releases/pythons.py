"""Other Pythons of this machine, by their names on PATH or in pyenv, each with the tests' packages below build/releases."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

from debian import FOLDER, ROOT


def found(version: str) -> str | None:
    """The interpreter of that version; pyenv's name on PATH runs only where pyenv was told to take it."""
    names = [shutil.which(f"python{version}"), *map(str, _of_pyenv(version))]
    return next((name for name in names if name is not None and _runs(name, version)), None)


def _of_pyenv(version: str) -> list[Path]:
    if shutil.which("pyenv") is None:
        return []
    root = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False).stdout.strip()
    return sorted(Path(root).glob(f"versions/{version}.*/bin/python{version}")) if root else []


def _runs(name: str, version: str) -> bool:
    words = [name, "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip() == version


def prepared(version: str, interpreter: str) -> Path:
    """A virtual environment's Python, with the packages of requirements-dev.txt; made once.

    Raises `subprocess.CalledProcessError` where packages cannot be had.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder, done = FOLDER / f"python{version}", FOLDER / f"python{version}.done"
    wanted = "\n".join((interpreter, *(p.read_text() for p in sorted(ROOT.glob("requirements*.txt")))))
    python = folder / "bin/python"
    with (FOLDER / f"python{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists() and done.read_text() == wanted:
            return python
        done.unlink(missing_ok=True)
        for words in (
            [interpreter, "-m", "venv", "--clear", folder],
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input",
             "-r", ROOT / "requirements-dev.txt"],
        ):  # fmt: skip
            subprocess.run(words, check=True, capture_output=True, text=True)
        done.write_text(wanted)
    return python
