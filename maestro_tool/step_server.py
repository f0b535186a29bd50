"""Runs the steps of a build, each in a process of its own that has imported already what it needs.

Python and z3 take longer to start than most steps take to run.  So a build starts this once (``python -P -m
maestro_tool.step_server FD``); it imports all that steps can need, and forks for each: what a step does to its memory
ends with it, as with a process that starts by itself.

A process that analyses an NF stays when it has read its program, and nothing else; the analysis is made by a fork of
it.  So are the steps that generate from this analysis: they have the program already (`loaded`).

FD is a Unix socket, on which the server says when it is ready.  Each message then says which analysis the step makes or
reads, and brings a connection, and the files that the step has to keep open (the lock of the build).  The step reads
its words and its environment from the connection (one line of JSON), and the server writes the exit status there, as
`subprocess.Popen.returncode` has it.  It ends when the socket is closed and all steps have ended.
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

from maestro_tool import loaded

READY: Final = b"+"
#: The files of a message: its connection comes first.
_MOST_FILES: Final = 16


#: How a message begins: the step makes an analysis, or reads one; another step.
_MAKES, _READS, _OTHER = b"m", b"r", b"+"
#: Of a message; names are not longer.
_LONGEST: Final = 8192
#: Processes that stay at the same time: those that wait longest end.
_MOST_STAY: Final = 16
#: Contexts of z3's that a step finds made: to generate takes three or four.
_CONTEXTS: Final = 4


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a control: messages arrive one by one."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def message(words: Sequence[str]) -> bytes:
    """What the server is told of a step with these words: the analysis that it makes or reads."""
    match words:
        case ["analyse", *_] if "-o" in words[:-1]:
            found = _MAKES + os.fsencode(words[words.index("-o") + 1])
        case ["generate", name, *_]:
            found = _READS + os.fsencode(name)
        case _:
            found = _OTHER
    return found if len(found) <= _LONGEST else _OTHER


def alone(said: bytes) -> bytes:
    """The message of a step that is not to be a fork of one that has read the program: that process has gone."""
    return _OTHER if said[:1] == _READS else said


def request(words: Sequence[str], environment: Mapping[str, str]) -> bytes:
    """What `_step` reads."""
    return json.dumps({"words": list(words), "environment": dict(environment)}).encode() + b"\n"


def serve(control: socket.socket, running: Mapping[int, socket.socket] | None = None) -> None:
    """Fork for each message, until the other end is closed, and all that ``running`` and these are has ended.

    ``running``: steps that this process has forked before, each with the connection that gets its status.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the steps by themselves
    ended, wake = socket.socketpair()
    for end in (ended, wake):
        end.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    steps = dict(running or {})
    staying: dict[bytes, socket.socket] = {}  # by the analysis that they make: processes that take messages
    is_open = True
    with selectors.DefaultSelector() as ready:
        ready.register(control, selectors.EVENT_READ)
        ready.register(ended, selectors.EVENT_READ)
        _tell(steps)  # who ended before this process heard of it
        while is_open or steps:
            for key, _ in ready.select():
                if key.fileobj is ended:
                    ended.recv(4096)
                    _tell(steps)
                    continue
                said, files, _, _ = socket.recv_fds(control, _LONGEST, _MOST_FILES)
                if not said:
                    is_open = False
                    ready.unregister(control)
                    _end(staying, most=0)
                elif not _passed_on(staying, said, files):
                    if said[:1] == _MAKES and staying:  # the second NF: making them costs a little less than one saves
                        _make_contexts()
                    own = [control, ended, wake, *staying.values(), *steps.values()]
                    process, connection = _forked(said, files, staying, own)
                    steps[process] = connection
                for file in files:
                    os.close(file)


def _make_contexts() -> None:
    from maestro_tool.solver import contexts

    contexts.make_ahead(_CONTEXTS)


def _forked(
    said: bytes, files: Sequence[int], staying: dict[bytes, socket.socket], own: Sequence[socket.socket]
) -> tuple[int, socket.socket]:
    """The process of a new step, and the connection that gets its status; ``own``: sockets of this process."""
    ours, theirs = pair() if said[:1] == _MAKES else (None, None)
    process = os.fork()
    if process == 0:
        signal.set_wakeup_fd(-1)
        for end in (*own, *([ours] if ours else [])):
            end.close()
        if theirs is not None:
            loaded.await_program(lambda: _stay(theirs, files[0]))
        os._exit(_step(files[0]))
    if ours is not None and theirs is not None:
        theirs.close()
        if (before := staying.pop(said[1:], None)) is not None:
            before.close()
        staying[said[1:]] = ours
        _end(staying, most=_MOST_STAY)
    return process, socket.socket(fileno=os.dup(files[0]))


def _stay(control: socket.socket, connection: int) -> None:
    """This process forks the rest of its step, and takes messages from now on."""
    process = os.fork()
    if process == 0:
        control.close()
        return
    gc.freeze()
    serve(control, {process: socket.socket(fileno=connection)})
    os._exit(0)


def _passed_on(staying: Mapping[bytes, socket.socket], said: bytes, files: Sequence[int]) -> bool:
    """Whether a process that has read the program has taken the message."""
    if said[:1] != _READS or (other := staying.get(said[1:])) is None:
        return False
    try:
        socket.send_fds(other, [_OTHER], files)
    except OSError:
        return False
    return True


def _end(staying: dict[bytes, socket.socket], most: int) -> None:
    """Have all but ``most`` of the processes end, when their steps have."""
    for name in [*staying][: max(len(staying) - most, 0)]:
        staying.pop(name).close()


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
    gc.disable()  # nothing that is imported goes
    prepare()
    gc.enable()
    gc.collect()
    gc.freeze()  # what is there stays as it is: no step has to copy it
    with socket.socket(fileno=int(sys.argv[1])) as given:
        given.sendall(READY)
        serve(given)
