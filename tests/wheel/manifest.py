"""The lists of files in both meson.build: `python tests/wheel/manifest.py` writes them from git's list."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MESON = ROOT / "maestro_tool" / "meson.build"
TOP_MESON = ROOT / "meson.build"


def committed(folder: str) -> list[str]:
    """Files that git knows below ``folder`` (new ones once they are added), relative to it."""
    out = subprocess.run(["git", "ls-files", "-z", folder], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [str(Path(n).relative_to(folder)) for n in out.split("\0") if n and (ROOT / n).exists()]
    return sorted(n for n in names if Path(n).name != "meson.build")


def listed(meson: Path) -> list[str]:
    """The quoted file names in ``meson``'s list."""
    return sorted(re.findall(r"^  '([^']+)',$", meson.read_text(encoding="utf-8"), re.MULTILINE))


def profiles() -> list[str]:
    """The NIC profiles, relative to the root."""
    return [f"configs/{n}" for n in committed("configs") if n.endswith(".yaml")]


def write() -> None:
    top = TOP_MESON.read_text(encoding="utf-8")
    names = "".join(f"  '{n}',\n" for n in profiles())
    top = re.sub(r"install_sources\(\n(?:  'configs/.*',\n)*", f"install_sources(\n{names}", top)
    TOP_MESON.write_text(top, encoding="utf-8")
    names = "".join(f"  '{n}',\n" for n in committed("maestro_tool"))
    MESON.write_text(
        "# Every file of the package; tests/wheel/manifest.py writes this list, tests/wheel compares it with git's.\n"
        f"py.install_sources(\n{names}  subdir: 'maestro_tool',\n  preserve_path: true,\n)\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    write()
