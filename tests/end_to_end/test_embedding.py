"""The program in docs/embedding.md, compiled and run by the commands given there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from scons_tree import ROOT, Tree, make_tree


def test_the_documented_program(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "embedding.md").read_text()
    program = re.search(r"```c\n(.*?)```", text, re.S)
    commands = re.search(r"nic=soft`:\n\n((?:    .*\n)+)", text)
    assert program and commands
    tree: Tree = make_tree(tmp_path, "fw")
    tree.built("nf=fw", "nic=soft", "-j2")
    (tmp_path / "maestro_tool").symlink_to(ROOT / "maestro_tool")
    tree.write("embed.c", program[1])
    done = subprocess.run(
        ["sh", "-euc", commands[1]], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"^worker [01], verdict 1$", done.stdout, re.M), done.stdout
