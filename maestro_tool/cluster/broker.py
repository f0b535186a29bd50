"""One process of a build that knows the cluster: ``python -P -m maestro_tool.cluster.broker SOCKET ADDRESS``.

Steps connect to the socket, send a job each and wait for its answer.  The broker says on its standard output, in one
line, that it is ready or why it cannot be; it ends when its standard input is closed.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor

from maestro_tool import canonical, cluster
from maestro_tool.cluster import frames, worker

#: How often a job is given to another worker, or given again, before that is an error.
TRIES = 4
#: Seconds to find the scheduler, and between looks at whether a job's workers are still there.
_CONNECT = 20
_LOOK = 5.0

#: Characters of what Dask says of an error.
_LONGEST = 300

#: A job to its answer; raises anything.
Submit = Callable[[bytes], bytes]


def dask(address: str) -> Submit:
    """Jobs go to the Dask cluster at ``address``; OSError if there is none."""
    from distributed import Client

    client = Client(address, timeout=_CONNECT, set_as_default=False)
    tool = worker.identity()

    def addresses() -> frozenset[str]:
        return frozenset(client.scheduler_info(n_workers=-1)["workers"])

    def fitting() -> list[str]:
        said = client.run(worker.identity, on_error="return")
        return sorted(place for place, own in said.items() if own == tool)

    def submit(job: bytes) -> bytes:
        why = "no worker of the cluster has this tool, Python and solver: install the same there"
        for _ in range(TRIES):
            if not (chosen := fitting()):
                break
            # Dask itself gives a job of a worker that dies to another of these.
            executor: Executor = client.get_executor(pure=False, retries=0, workers=chosen, allow_other_workers=False)
            future = executor.submit(worker.run, tool, job)
            try:
                while True:
                    try:
                        return bytes(future.result(_LOOK))
                    except TimeoutError:
                        if not addresses() & set(chosen):  # all have gone; others may have come in their place
                            future.cancel()
                            raise worker.DiedError("the workers of an analysis have gone") from None
            except Exception as error:
                why = one_line(error)
        raise worker.DiedError(why)

    return submit


def one_line(error: Exception) -> str:
    """What an exception says, for people."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST]


def serve(listening: socket.socket, submit: Submit) -> None:
    """Answer each connection in a thread of its own, until the socket is closed."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_answer, args=(connection, submit), daemon=True).start()


def _answer(connection: socket.socket, submit: Submit) -> None:
    with connection, connection.makefile("rwb") as file, contextlib.suppress(OSError):
        job = frames.receive(file)
        if job is None:
            return
        try:
            answer = submit(job)
        except Exception as error:
            answer = canonical.compact({"lost": str(error)}).encode()
        frames.send(file, answer)


def _main(place: str, address: str) -> int:
    try:
        submit = dask(address)
    except Exception as error:  # of TLS, names, versions of Dask: whatever there is
        print(one_line(error), flush=True)
        return 1
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(place)
        listening.listen(128)
        print(cluster.READY, flush=True)
        threading.Thread(target=serve, args=(listening, submit), daemon=True).start()
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    status = _main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # threads may wait for answers that nobody wants any more
