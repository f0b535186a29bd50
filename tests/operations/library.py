"""The C runtime, and NFs around it, as shared libraries that tests can call; compiled cheaply."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Container, Iterable
from pathlib import Path

from maestro_tool import runtime
from tests.runtime.toolchain import STRICT, pkg_config

#: What keeps state, and the packet helpers; ports, options and threads are the program's.
_PARTS = (
    "arena", "cards", "cht", "dchain", "dmap", "files", "instance", "keys", "lpm", "objects", "packet", "sharing", "sketch",
    "transactions", "util",
)  # fmt: skip
#: DPDK's headers that the API's include: most of the compiler's time.
_COMMON = "".join(
    f"#include <{name}.h>\n"
    for name in (
        "rte_config", "assert", "inttypes", "stdbool", "stdio", "stdlib", "string", "netinet/in",
        "rte_ethdev", "rte_ether", "rte_ip", "rte_mbuf", "rte_tcp", "rte_udp",
    )
)  # fmt: skip


class Compiler:
    """``runtime``: object files of the runtime, but those of the program around an NF."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        includes = [f"-I{d}" for d in (runtime.INCLUDE, runtime.INCLUDE / "lib", runtime.SOURCE)]
        # A compiled header must come first.
        flags = [flag for flag in pkg_config("--cflags") if flag not in ("-include", "rte_config.h")]
        self._words = ["gcc", *STRICT, "-O0", "-fPIC", *includes, *flags]
        self._common = folder / "common.h"
        self._common.write_text(_COMMON)
        self._run(*self._words, "-x", "c-header", self._common, "-o", f"{self._common}.gch")
        self.runtime = self.objects(folder, [runtime.SOURCE / f"{name}.c" for name in _PARTS])

    def _run(self, *words: str | Path) -> None:
        environment = {**os.environ, "CCACHE_DISABLE": "1"}  # each unit is compiled once
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr[-3000:]

    def objects(self, folder: Path, sources: Iterable[Path], *flags: str) -> list[Path]:
        """Object files in ``folder``."""
        made = []
        for source in sources:
            made.append(folder / f"{source.stem}.o")
            self._run(*self._words, "-include", self._common, *flags, "-c", source, "-o", made[-1])
        return made

    def reveal(self, objects: Iterable[Path], names: Container[str]) -> None:
        """Make those static functions of ``names`` known outside that no two files have."""
        static: dict[str, list[Path]] = {}
        for path in objects:
            listed = subprocess.run(["nm", str(path)], capture_output=True, text=True, check=True).stdout
            for line in listed.splitlines():
                if line[17:19] == "t " and line[19:] in names:
                    static.setdefault(line[19:], []).append(path)
        for name, places in static.items():
            if len(places) == 1:
                self._run("objcopy", f"--globalize-symbol={name}", places[0])

    def link(self, path: Path, objects: Iterable[Path]) -> Path:
        """A shared library with variables of its own, though others may have the same names; nothing is missing."""
        words = ["gcc", "-shared", "-Wl,-Bsymbolic", "-Wl,-z,defs", "-o", path, *objects]
        self._run(*words, *pkg_config("--libs"), "-lm", "-lpthread")
        return path
