"""Steps of this tool run in processes that `maestro_tool.step_server` has prepared, one server for a build."""

from __future__ import annotations

import atexit
import functools
import os
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from maestro_tool import step_server
from maestro_tool.scons import lock

#: Words of commands, after the interpreter, that are steps; and those steps that are worth it.
_MAESTRO: Final = ["-P", "-m", "maestro_tool"]
_STEPS: Final = frozenset(("profile", "analyse", "generate", "sequential"))
_STARTING = threading.Lock()


def run(words: Sequence[str], environment: Mapping[str, str]) -> int | None:
    """The exit status of a command that is a step (negative: the signal that ended it); None if it is none, or if
    there can be no server: then it is a command as others are."""
    if list(words[1:4]) != _MAESTRO or not set(words[4:5]) & _STEPS:
        return None
    with _STARTING:
        server = _server(words[0], tuple(sorted(v for v in environment.items() if v[0].startswith("PYTHON"))))
    if server is None:
        return None
    message = step_server.message(words[4:])
    for said in dict.fromkeys((message, step_server.alone(message))):
        if (answer := _asked(server, said, step_server.request(words[4:], environment))) is None:
            return None if said == message else _LOST
        if answer:
            return int(answer)
    return _LOST


def _asked(server: socket.socket, message: bytes, request: bytes) -> bytes | None:
    """What the server says of a step; empty if whoever runs it has gone, None if the server had before."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs, _STARTING:
            try:
                socket.send_fds(server, [message], [theirs.fileno(), *lock.inherited()])
            except OSError:
                return None
        with ours.makefile("rb") as answers:
            try:
                ours.sendall(request)
                return answers.readline()
            except ConnectionError:
                return b""


#: What is told of a step if the server has gone: as of a command that was killed.
_LOST: Final = -9


@functools.cache
def _server(python: str, variables: tuple[tuple[str, str], ...]) -> socket.socket | None:
    """The server with this interpreter and these variables for it, which ends with this process."""
    ours, theirs = step_server.pair()
    command = [python, "-P", "-m", "maestro_tool.step_server", str(theirs.fileno())]
    environment = {**{n: v for n, v in os.environ.items() if not n.startswith("PYTHON")}, **dict(variables)}
    try:
        with theirs:
            server = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment, pass_fds=[theirs.fileno()])
    except OSError:
        ours.close()
        return None
    atexit.register(_end, ours, server)
    return ours if ours.recv(1) == step_server.READY else None


def _end(control: socket.socket, server: subprocess.Popen[bytes]) -> None:
    control.close()
    server.wait()
