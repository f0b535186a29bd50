"""A small repository to build in: this one's SConstruct and profiles, and NFs of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests import compiling, warm

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str

    @property
    def steps(self) -> list[str]:
        """Verb and target of each line that a step printed."""
        verbs = ("ANALYSE", "GENERATE", "COPY", "CC", "AR", "RANLIB", "LINK", "TRAFFIC", "RUN", "BENCH")
        return [" ".join(line.split()[:2]) for line in self.out.splitlines() if line.startswith(verbs)]

    def verbs(self) -> set[str]:
        return {step.split()[0] for step in self.steps}


@dataclass(frozen=True)
class Tree:
    """A repository in a folder of its own."""

    root: Path

    def run(self, *words: str, full: bool = False, **environment: str) -> Result:
        """Run a Python module's command in the tree; ``full``: what it prints finds no place."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MAESTRO_")}
        environment = {**kept, **compiling.for_scons(precompiled=True), "PYTHONPATH": str(ROOT), **environment}
        if full:
            with Path("/dev/full").open("w") as nowhere:
                command = [sys.executable, "-m", *words]
                ended = subprocess.run(command, cwd=self.root, env=environment, stdout=nowhere, stderr=subprocess.PIPE,
                                       text=True, timeout=300, check=False, stdin=subprocess.DEVNULL)  # fmt: skip
            done = Result(ended.returncode, "", ended.stderr)
        else:
            done = Result(*warm.run(words, self.root, environment, timeout=300))
        assert "Traceback" not in done.err + done.out, done.err
        return done

    def scons(self, *words: str, **environment: str) -> Result:
        return self.run("SCons", "-Q", *words, **environment)

    def maestro(self, *words: str, **environment: str) -> Result:
        return self.run("maestro_tool", *words, **environment)

    def built(self, *words: str, **environment: str) -> Result:
        """A build that succeeds."""
        result = self.scons(*words, **environment)
        assert result.status == 0, result.out + result.err
        return result

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def targets(self) -> set[str]:
        """What stands below build/, without SCons' own file, the cache and objects of the runtime."""
        files = (p.relative_to(self.root / "build") for p in (self.root / "build").rglob("*") if p.is_file())
        return {
            str(p)
            for p in files
            if p.parts[0] not in ("cache", "runtime", "profiles", "summary.json", "compile_commands.json")
            and not p.name.startswith(".")
        }


def make_tree(folder: Path, *nfs: str) -> Tree:
    for name in ("SConstruct", "site_scons", "configs", *(f"nfs/{nf}" for nf in nfs)):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
    return Tree(folder)
