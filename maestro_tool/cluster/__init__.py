"""``cluster=``: analyses are made on other machines, by the workers of a Dask cluster.

    a step of the build (`ask`) -> one process of the build (`broker`) -> scheduler -> a worker (`worker`) -> a process
    that has imported what it needs, and forks for each job (`job`)

A job is data: the program, and what set-up reads of it.  So is what comes back: the text of the analysis, which is read
as one from a cache is; the name of a file that set-up wants and that was not sent; or an error.  A worker whose tool or
solver is not the build's makes no analysis; one that dies is Dask's to replace, and its job is done by another.

All who can reach a scheduler can run code on its workers, and at those who ask them: that is what Dask is for.
"""

from __future__ import annotations

import importlib.util
import re

#: Variables of the environment: the scheduler's address, and the socket of the build's broker.
ADDRESS = "MAESTRO_CLUSTER"
SOCKET = "MAESTRO_CLUSTER_SOCKET"

#: What the broker says first, if all is well.
READY = "ready"

#: What must be the same here and at a worker: all that makes an analysis and writes it (`fingerprint.tool`).
ENTRIES = ("maestro_tool.cluster.job",)

_ADDRESS = re.compile(r"(?:tcp|tls)://[^\s/@]+:[0-9]{1,5}")


def check(address: str) -> None:
    """ValueError, with what to do, if that cannot be a cluster's address, or this machine cannot ask it."""
    if not _ADDRESS.fullmatch(address):
        raise ValueError("expected the address of a Dask scheduler, as tcp://host:8786 or tls://host:8786")
    if importlib.util.find_spec("distributed") is None:
        raise ValueError("needs a Python package: pip install distributed")
