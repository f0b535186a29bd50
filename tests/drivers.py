"""Starting DPDK programs quickly: EAL finds few drivers (few_drivers.c)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parent / "build" / "drivers"
#: Mempools, buses, captures, and the cards that QEMU emulates.
DRIVERS = ("mempool_ring", "bus_pci", "bus_vdev", "net_pcap", "net_ring", "net_e1000", "net_virtio", "net_vmxnet3")


def few() -> dict[str, str]:
    """Variables for programs without sanitizers, which want to be loaded first."""
    library, names = FOLDER / "few_drivers.so", FOLDER / "names"
    source = HERE / "few_drivers.c"
    names.mkdir(parents=True, exist_ok=True)
    for driver in DRIVERS:
        (names / f"librte_{driver}.so").touch()
    if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
        made = library.with_suffix(f".{os.getpid()}")
        words = ["gcc", "-Wall", "-Werror", "-shared", "-fPIC", f'-DDRIVERS="{names}"', str(source), "-o", str(made)]
        subprocess.run(words, check=True)
        made.rename(library)
    return {"LD_PRELOAD": str(library)}


@contextmanager
def preloaded() -> Iterator[None]:
    """`few` for programs that are started within."""
    before = dict(os.environ)
    os.environ.update(few())
    try:
        yield
    finally:
        del os.environ["LD_PRELOAD"]
        os.environ.update(before)
