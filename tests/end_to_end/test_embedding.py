"""The program in docs/embedding.md, compiled and run by the commands given there; then again with the check of a card."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from scons_tree import ROOT, Tree, make_tree


def test_the_documented_program(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "embedding.md").read_text()
    program, check = re.findall(r"```c\n(.*?)```", text, re.S)
    commands = re.search(r"nic=soft`:\n\n((?:    .*\n)+)", text)
    assert commands
    tree: Tree = make_tree(tmp_path, "fw")
    tree.built("nf=fw", "nic=soft", "-j2")
    (tmp_path / "maestro_tool").symlink_to(ROOT / "maestro_tool")
    ask = "  if (!is_placed(port, table, frame, packet->pkt_len, worker))\n    return 1;\n"
    asking = program.replace("int main(", f"{check}\nint main(").replace(
        "  uint16_t verdict;", f"{ask}  uint16_t verdict;"
    )
    assert ask in asking
    for source in (program, asking):
        tree.write("embed.c", source)
        done = subprocess.run(
            ["sh", "-euc", commands[1]], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert re.search(r"^worker [01], verdict 1$", done.stdout, re.M), done.stdout
