"""Running DPDK programs quickly: EAL finds few drivers (few_drivers.c), and workers need not wait for other processes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parent / "build" / "drivers"
#: Mempools, buses, captures, and the cards that QEMU emulates.
DRIVERS = (
    "mempool_ring",
    "bus_pci",
    "bus_vdev",
    "net_null",
    "net_pcap",
    "net_ring",
    "net_e1000",
    "net_virtio",
    "net_vmxnet3",
)


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
    """`few` for programs that are started within, which are scheduled `at_once`."""
    before = dict(os.environ)
    os.environ.update(few())
    try:
        with at_once():
            yield
    finally:
        del os.environ["LD_PRELOAD"]
        os.environ.update(before)


@contextmanager
def at_once() -> Iterator[None]:
    """Programs that are started within go before all others, if this process may say so.

    Workers that wait for each other yield.  Where others compute, each yield costs a time slice of theirs: six replays
    of 8 workers beside two busy processes took 141 s, and take 4.5 s so.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
