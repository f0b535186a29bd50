"""What a Dask worker does: hands each job to a process that is ready for it, one at a time."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from pathlib import Path

from maestro_tool import cluster, fingerprint
from maestro_tool.cluster import frames

_ONE = threading.Lock()


class RefusedError(Exception):
    """This worker's tool or solver is another than the build's."""


class DiedError(Exception):
    """The process of a job has ended without an answer."""


def run(tool: str, job: bytes) -> bytes:
    """The answer to a job (`job.done`) of a build with this ``tool``."""
    if (own := identity()) != tool:
        raise RefusedError(f"its tool, Python or solver is another ({own[:12]}, not {tool[:12]})")
    with _ONE:
        server = _server()
        assert server.stdin is not None and server.stdout is not None
        try:
            frames.send(server.stdin, job)
            answer = frames.receive(server.stdout)
        except OSError:
            answer = None
        if answer is None:
            _server.cache_clear()
            server.kill()
            server.wait()
    if not answer:
        raise DiedError("the process of an analysis was killed, as where memory is short")
    return answer


@functools.cache
def identity() -> str:
    """All that makes an analysis here, as one hash."""
    return fingerprint.tool(cluster.ENTRIES)


@functools.cache
def _server() -> subprocess.Popen[bytes]:
    """It ends with this process, whose end of the pipe it reads."""
    command = [sys.executable, "-P", "-m", "maestro_tool.cluster.job"]
    environment = {**os.environ, "PYTHONPATH": str(Path(fingerprint.PACKAGE).parent)}
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
