"""Runs the steps of a build, each in a process of its own that has imported already what it needs.

Python and z3 take longer to start than most steps take to run.  So a build starts this once (``python -P -m
maestro_tool.step_server FD``); it imports all that steps can need, and forks for each: what a step does to its memory
ends with it, as with a process that starts by itself.

FD is a Unix socket, on which the server says when it is ready.  Each message then brings a connection, and the files
that the step has to keep open (the lock of the build).  The step reads its words and its environment from the
connection (one line of JSON), and the server writes the exit status there, as `subprocess.Popen.returncode` has it.  It
ends when the socket is closed.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Final

READY: Final = b"+"
#: The files of a message: its connection comes first.
_MOST_FILES: Final = 16


def request(words: Sequence[str], environment: Mapping[str, str]) -> bytes:
    """What `_step` reads."""
    return json.dumps({"words": list(words), "environment": dict(environment)}).encode() + b"\n"


def serve(control: socket.socket) -> None:
    """Fork for each message, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the steps by themselves
    ended, wake = socket.socketpair()
    for end in (ended, wake):
        end.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as ready:
        ready.register(control, selectors.EVENT_READ)
        ready.register(ended, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is ended:
                    ended.recv(4096)
                    _tell(running)
                    continue
                message, files, _, _ = socket.recv_fds(control, 1, _MOST_FILES)
                if not message:
                    return
                process = os.fork()
                if process == 0:
                    signal.set_wakeup_fd(-1)
                    control.close()
                    os._exit(_step(files[0]))
                running[process] = socket.socket(fileno=files[0])
                for file in files[1:]:
                    os.close(file)


def _tell(running: dict[int, socket.socket]) -> None:
    """Write the statuses of the steps that have ended."""
    while running:
        process, status = os.waitpid(-1, os.WNOHANG)
        if process == 0:
            return
        with running.pop(process) as connection, contextlib.suppress(OSError):  # nobody may wait for it any more
            connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _step(connection: int) -> int:
    from maestro_tool.cli import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with os.fdopen(os.dup(connection), "rb") as lines:
        asked = json.loads(lines.readline())
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv[1:] = asked["words"]
    status = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return status or 1
    return status


def prepare() -> None:
    """Import what steps import when they need it, and do what they do before they look at their input."""
    import maestro_tool.call_paths
    import maestro_tool.certificate.write
    import maestro_tool.cli.build
    import maestro_tool.cli.inspect
    import maestro_tool.inputs
    import maestro_tool.plan_json
    import maestro_tool.profiles
    import maestro_tool.reads
    import maestro_tool.rss.measured
    import maestro_tool.rss.verify
    import maestro_tool.sharding.confirm
    import maestro_tool.sharding.derive
    import maestro_tool.strategies
    import maestro_tool.symex.belongs  # noqa: F401
    from maestro_tool import codegen, pipeline

    pipeline.prepare()
    codegen.prepare()


if __name__ == "__main__":
    prepare()
    gc.collect()
    gc.freeze()  # what is there stays as it is: no step has to copy it
    with socket.socket(fileno=int(sys.argv[1])) as given:
        given.sendall(READY)
        serve(given)
