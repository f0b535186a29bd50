"""Other releases of Debian, unpacked below build/releases: another compiler, DPDK and Python, the same tree.

Packages are unpacked, not installed: nothing of a release runs before its compiler and Python do.  Python packages come
through this machine's pip, for that release's Python.  Needs root and the machine's own source of packages.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "releases"

_PACKAGES = (
    "base-files", "bash", "binutils", "ccache", "coreutils", "dash", "diffutils", "findutils", "gcc", "git", "grep",
    "libc6-dev", "libdpdk-dev", "mawk", "pkg-config", "procps", "python3", "python3-venv", "sed", "tar", "util-linux",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Release:
    """``suite``: as Debian calls it; ``dpdk``: the version that its libdpdk-dev begins with, "" if that changes."""

    suite: str
    dpdk: str


RELEASES = {
    "12": Release("bookworm", "22.11"),
    "13": Release("trixie", "24.11"),
    "sid": Release("sid", ""),
}


@cache
def missing() -> str:
    """Why releases cannot be unpacked here; "" if they can.  Asks apt: not for when tests are collected."""
    if os.geteuid() != 0:
        return "other releases of Debian are unpacked by root"
    if shutil.which("mmdebstrap") is None:
        return "mmdebstrap is not installed: run tests/releases/prepare.sh"
    return "" if _mirror() else "apt has no source of Debian's packages here"


@cache
def _mirror() -> str:
    """Where apt has Debian's packages from."""
    if shutil.which("apt-get") is None:
        return ""
    words = ["apt-get", "indextargets", "--format", "$(SITE) $(CODENAME) $(ORIGIN)"]
    found = subprocess.run(words, capture_output=True, text=True, check=False).stdout.split("\n")
    sites = [line.split()[0] for line in found if line.endswith(" Debian") and "security" not in line]
    return sites[0] if sites else ""


def unpacked(release: Release) -> Path:
    """The folder with the release and the Python packages of requirements-dev.txt; made once.

    Raises `subprocess.CalledProcessError` where packages cannot be had.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    root = FOLDER / release.suite
    done = FOLDER / f"{release.suite}.done"
    wanted = "\n".join((*_PACKAGES, *(p.read_text() for p in sorted(ROOT.glob("requirements*.txt")))))
    with (FOLDER / f"{release.suite}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists() and done.read_text() == wanted:
            return root
        done.unlink(missing_ok=True)
        shutil.rmtree(root, ignore_errors=True)
        _unpack(release.suite, root, *_PACKAGES)
        _set_up(root)
        version = _ask(*inside(root), "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
        _ask(
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input",
            "--no-compile", "--only-binary=:all:", "--implementation=cp", f"--python-version={version}",
            f"--target={root / 'site'}", "-r", str(ROOT / "requirements-dev.txt"),
        )  # fmt: skip
        _point_scripts(root / "site/bin")
        done.write_text(wanted)
    return root


def _point_scripts(folder: Path) -> None:
    """pip writes scripts for the Python that runs it."""
    for script in folder.iterdir():
        head, newline, rest = script.read_bytes().partition(b"\n")
        if head.startswith(b"#!") and b"python" in head:
            script.write_bytes(b"#!/usr/bin/python3" + newline + rest)


def arm64() -> Path:
    """A folder with the headers and libraries of DPDK for arm64, for a cross compiler; made once."""
    root = FOLDER / "arm64"
    done = FOLDER / "arm64.done"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "arm64.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(root, ignore_errors=True)
            _unpack("bookworm", root, "base-files", "libc6-dev", "libdpdk-dev", architecture="arm64")
            done.touch()
    return root


def _unpack(suite: str, root: Path, *packages: str, architecture: str = "amd64") -> None:
    words = ["--quiet", "--variant=extract", f"--architectures={architecture}", f"--include={','.join(packages)}"]
    # Of sid, a mirror that is some days behind is out of date for apt; what is signed is checked all the same.
    words.append('--aptopt=Acquire::Check-Valid-Until "false"')
    _ask("mmdebstrap", *words, suite, str(root), _mirror())


def _set_up(root: Path) -> None:
    """What the scripts of packages would have made, as far as it is needed."""
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "tmp").chmod(0o1777)
    (root / "usr/lib/python3/dist-packages/site-packages.pth").write_text("/site\n")
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    if certificates.exists():
        (root / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
        shutil.copy(certificates, root / "etc/ssl/certs")


def inside(root: Path) -> list[str]:
    """The words before a command that runs in the release, in this tree."""
    return ["unshare", "--mount", str(ROOT / "tests/releases/inside.sh"), str(root), str(ROOT)]


def environment(root: Path) -> Mapping[str, str]:
    """Variables of a command that runs in the release."""
    keep = {n: v for n, v in os.environ.items() if n in ("LANG", "TERM", "TMPDIR")}
    path = "/site/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {**keep, "PATH": path, "HOME": "/root", "PYTHONPYCACHEPREFIX": "/tmp/compiled"}


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command in the release, in this tree."""
    return subprocess.run(
        [*inside(root), *words], capture_output=True, text=True, check=False, env=dict(environment(root))
    )


def _ask(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise subprocess.CalledProcessError(done.returncode, words[0], done.stdout, done.stderr[-2000:])
    return done.stdout
