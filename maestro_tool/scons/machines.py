"""``cluster=``: one process of the build knows the cluster, and ends with the build (`maestro_tool.cluster`)."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from SCons.Errors import UserError

from maestro_tool import cluster
from maestro_tool.scons.mistakes import reported

_STARTING = threading.Lock()
_PACKAGES: Final = Path(cluster.__file__).parents[2]


@functools.partial(reported, place=False)
def use(env: Any) -> None:
    """Have steps of ``env`` make analyses at the cluster that its variables name, if any."""
    address = str(env["MAESTRO_CLUSTER"] or env["ENV"].get(cluster.ADDRESS, ""))
    if not address:
        return
    try:
        cluster.check(address)
    except ValueError as error:
        raise UserError(f"cluster={address}: {error}") from None
    env["ENV"][cluster.ADDRESS] = address


def reached(python: str, environment: Mapping[str, str]) -> Mapping[str, str] | None:
    """``environment`` for a step, with the way to the cluster; None if there is none, which was said."""
    if not (address := environment.get(cluster.ADDRESS)):
        return environment
    with _STARTING:
        place = _broker(python, address)
    return None if place is None else {**environment, cluster.SOCKET: place}


@functools.cache
def _broker(python: str, address: str) -> str | None:
    """The socket of a process with this interpreter, which has all variables of the user: Dask reads some."""
    folder = tempfile.mkdtemp(prefix="maestro-cluster-")
    place = f"{folder}/broker"
    command = [python, "-P", "-m", "maestro_tool.cluster.broker", place, address]
    environment = {**os.environ, "PYTHONPATH": str(_PACKAGES)}
    broker = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert broker.stdin is not None and broker.stdout is not None
    atexit.register(_end, broker, folder)
    said = broker.stdout.readline().strip()
    if said == cluster.READY:
        return place
    print(f"scons: cluster={address}: {said or 'the process that asks it has ended'}", flush=True)
    return None


def _end(broker: subprocess.Popen[str], folder: str) -> None:
    assert broker.stdin is not None
    broker.stdin.close()
    broker.wait()
    shutil.rmtree(folder, ignore_errors=True)
