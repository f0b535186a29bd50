"""Runs ``python -m MODULE`` in processes that have imported already what SCons and this tool need.

More than half of the time of a small build is Python that imports.  So each test process starts one server (``python -m
tests.warm FD``), which imports all that and forks for each command: the command's own memory is as that of a process
that has just begun.  A build's steps fork from a copy of the same server, where `maestro_tool.step_server` would begin
by itself.  Commands with a tool of their own, or with variables for Python, start as usual; so do the builds of tests
that do not use `scons_tree.Tree.run` (the wheel's, foreign NFs', emulated cards'), and all with MAESTRO_TEST_COLD=1.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from maestro_tool import step_server

ROOT = Path(__file__).resolve().parents[1]


def run(words: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: float) -> tuple[int, str, str]:
    """Status, output and errors of ``python -m WORDS``, as of `subprocess.run` with nothing to read."""
    own = _python(environment) != {"PYTHONPATH": str(ROOT)} or (cwd / "maestro_tool").exists()
    if own or "MAESTRO_TEST_COLD" in os.environ:
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=cwd, env=environment,
            capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with theirs:
            socket.send_fds(_server(), [b"+"], [theirs.fileno(), out.fileno(), err.fileno()])
        ours.settimeout(timeout)
        ours.sendall(json.dumps([list(words), str(cwd), dict(environment)]).encode() + b"\n")
        with ours.makefile("rb") as answers:
            process = int(answers.readline())
            try:
                status = int(answers.readline())
            except TimeoutError:
                os.kill(process, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(words), timeout) from None
        for file in (out, err):
            file.seek(0)
        return status, out.read().decode(), err.read().decode()


def _python(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables for Python, but those that change nothing that a command does."""
    unchanged = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONUNBUFFERED")
    return {n: v for n, v in environment.items() if n.startswith("PYTHON") and n not in unchanged}


@cache
def _server() -> socket.socket:
    """It ends with this process."""
    ours, theirs = socket.socketpair()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with theirs:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(theirs.fileno())], cwd=ROOT, env=environment,
            stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
        )  # fmt: skip
    atexit.register(lambda: (ours.close(), server.wait()))
    assert ours.recv(1) == step_server.READY
    return ours


# --------------------------------------------------------------------------- the server


def _serve(control: socket.socket) -> None:
    while True:
        message, files, _, _ = socket.recv_fds(control, 1, 3)
        if not message:
            return
        if os.fork() == 0:  # who waits for the command, and tells
            control.close()
            os._exit(_watch(*files))
        for file in files:
            os.close(file)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _watch(connection: int, out: int, err: int) -> int:
    with socket.socket(fileno=connection) as told, told.makefile("rb") as lines:
        words, cwd, environment = json.loads(lines.readline())
        process = os.fork()
        if process == 0:
            os.dup2(out, 1)
            os.dup2(err, 2)
            for file in (connection, out, err):
                os.close(file)
            os._exit(_command(words, cwd, environment))
        told.sendall(b"%d\n" % process)
        _, status = os.waitpid(process, 0)
        told.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    return 0


def _command(words: list[str], cwd: str, environment: dict[str, str]) -> int:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[0] = cwd  # as `-m` has it; $PYTHONPATH is as it was
    sys.argv[:] = words
    sys.modules["SCons.Script.SConscript"].launch_dir = cwd  # type: ignore[attr-defined]  # when it was imported
    _fork_step_server()
    status = 0
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except KeyboardInterrupt:
        status = -signal.SIGINT
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    return status


def _fork_step_server() -> None:
    """Before SCons has threads."""
    from maestro_tool.scons import steps

    ours, theirs = step_server.pair()
    process = os.fork()
    if process == 0:
        ours.close()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        step_server.serve(theirs)
        os._exit(0)
    theirs.close()

    def end() -> None:
        ours.close()
        os.waitpid(process, 0)

    atexit.register(end)
    usual = steps._server

    def server(python: str, variables: tuple[tuple[str, str], ...]) -> socket.socket | None:
        own = python != sys.executable or not {"PYTHONPATH": str(ROOT)}.items() >= _python(dict(variables)).items()
        return usual(python, variables) if own else ours

    steps._server = server  # type: ignore[assignment]


if __name__ == "__main__":
    import SCons.Script  # noqa: F401

    import maestro_tool.scons.parallelize  # noqa: F401

    step_server.prepare()
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as given:
        given.sendall(step_server.READY)
        _serve(given)
