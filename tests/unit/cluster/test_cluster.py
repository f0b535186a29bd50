"""``cluster=``: a worker's analysis is what this machine would make; whatever else it says is an error of one line.

Workers are threads here that do what Dask's would; `test_dask` has a real scheduler with workers.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from maestro_tool import call_paths, cluster, pipeline, symex
from maestro_tool.cache import NoCache
from maestro_tool.cluster import ask, broker, frames, job, worker
from maestro_tool.diagnostics import InputError, MaestroError, ToolError, UnsupportedError

NF = """
#include <stdio.h>
#include "nf.h"
#include "nf-util.h"
struct nf_config { int unused; } config;
static int flip = 1;
void nf_config_init(int argc, char **argv) { (void)argc; (void)argv; }
void nf_config_usage(void) {}
void nf_config_print(void) {}
bool nf_init(void) {
  FILE *one = fopen("first.cfg", "r"), *other = fopen("second.cfg", "r");
  if (one == NULL) return false;
  flip = fgetc(one) - '0';
  fclose(one);
  if (other != NULL) fclose(other);
  return true;
}
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)buffer; (void)packet_length; (void)now; (void)mbuf;
  return flip == 1 ? device : device ^ 1;
}
"""


@pytest.fixture
def request_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pipeline.Request:
    monkeypatch.chdir(tmp_path)
    Path("nf.c").write_text(NF)
    return pipeline.Request((Path("nf.c"),))


@contextmanager
def brokered(folder: Path, submit: broker.Submit) -> Iterator[str]:
    """The socket of a broker that does ``submit``."""
    place = str(folder / "broker")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(place)
        listening.listen()
        threading.Thread(target=broker.serve, args=(listening, submit), daemon=True).start()
        yield place
        listening.shutdown(socket.SHUT_RDWR)


def analysed(request: pipeline.Request, find: Callable[..., symex.Analysis] | None = None) -> pipeline.Analysed:
    return pipeline.analyse(request, NoCache(), pipeline.Stopwatch(), find=find)


def answering(answer: bytes) -> broker.Submit:
    return lambda message: answer


def test_a_worker_finds_what_is_found_here(tmp_path: Path, request_of: pipeline.Request) -> None:
    """It is sent what set-up reads, also that a file is not there; it opens none."""
    Path("first.cfg").write_text("0")
    jobs: list[frozenset[str]] = []

    def elsewhere(message: bytes) -> bytes:
        sent = job.pickle.loads(message).files
        jobs.append(frozenset(sent))
        os.rename("first.cfg", "kept")
        Path("second.cfg").write_text("not what was there when it was sent")
        try:
            return worker.run(worker.identity(), message)
        finally:
            os.rename("kept", "first.cfg")
            os.unlink("second.cfg")

    with (
        ThreadPoolExecutor(2) as executor,
        brokered(tmp_path, lambda m: executor.submit(elsewhere, m).result()) as place,
    ):
        found = analysed(request_of, ask.finder(place))
        assert jobs == [set(), {"first.cfg"}, {"first.cfg", "second.cfg"}]
        assert found.text() == analysed(request_of).text() and len(found.analysis.files) == 2
        # Errors are those of here, with their places.
        Path("first.cfg").write_text("")
        os.unlink("first.cfg")
        os.mkfifo("first.cfg")
        said = []
        for find in (ask.finder(place), None):
            with pytest.raises(UnsupportedError) as error:
                analysed(request_of, find)
            said.append(error.value.render())
        assert said[0] == said[1] and "no regular file" in said[0]
        os.unlink("first.cfg")
        Path("kept").write_text("")
        os.rename("kept", "first.cfg")


def test_errors_are_data(tmp_path: Path, request_of: pipeline.Request) -> None:
    with brokered(tmp_path, lambda message: worker.run(worker.identity(), message)) as place:
        said = []
        for find in (ask.finder(place), None):
            with pytest.raises(InputError, match="nf_init") as error:
                analysed(request_of, find)
            said.append(error.value.render())
        assert said[0] == said[1] and said[0].startswith("nf.c:")


def test_another_tool_is_refused() -> None:
    with pytest.raises(worker.RefusedError, match="its tool, Python or solver is another"):
        worker.run("0" * 64, b"never looked at")


def test_a_job_that_is_killed_is_told_and_the_next_one_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of want of memory, say: a process for each job, so it takes no other with it."""
    server = worker._server()
    with pytest.raises(worker.DiedError):
        worker.run(worker.identity(), b"no job: its process ends with an error")
    assert worker._server() is server and server.poll() is None
    server.send_signal(signal.SIGKILL)
    server.wait()
    with pytest.raises(worker.DiedError):
        worker.run(worker.identity(), b"the server is gone")
    assert worker._server() is not server


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "has ended"),
        (b"{", "something else than an analysis"),
        (b"null", "something else than an analysis"),
        (b'{"analysis":"{}"}', "something else than an analysis"),
        (b'{"analysis":7}', "something else than an analysis"),
        (b'{"error":{"kind":"SystemExit","message":"","place":null,"hint":null}}', "something else than an analysis"),
        (b'{"error":{"kind":"InputError","message":"","place":[1],"hint":null}}', "something else than an analysis"),
        (b'{"lost":"no worker has this tool"}', "made no analysis: no worker has this tool"),
        (b"[" * 100_000, "something else than an analysis"),
    ],
)
def test_what_is_no_answer(tmp_path: Path, request_of: pipeline.Request, answer: bytes, message: str) -> None:
    with brokered(tmp_path, answering(answer)) as place, pytest.raises(ToolError, match=message):
        analysed(request_of, ask.finder(place))


def test_files_without_an_end_are_not_sent(
    tmp_path: Path, request_of: pipeline.Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "_MOST_FILES", 10)
    names = iter(range(100))
    wants = lambda message: json.dumps({"wanted": f"f{next(names)}"}).encode()  # noqa: E731
    with brokered(tmp_path, wants) as place, pytest.raises(ToolError, match="too many files"):
        ask.find(place, None, (), 2, symex.Limits(), (), None)  # type: ignore[arg-type]
    with pytest.raises(ToolError, match="has ended"):
        ask.find(str(tmp_path / "nowhere"), None, (), 2, symex.Limits(), (), None)  # type: ignore[arg-type]


def test_an_analysis_of_another_program_is_refused(tmp_path: Path, request_of: pipeline.Request) -> None:
    """As one from a cache is: what it names must be there."""
    Path("first.cfg").write_text("0")
    own = analysed(request_of)
    text = job.forms.write(own.analysis)
    assert '"first.cfg"' in text
    forged = job.canonical.compact({"analysis": text.replace('"first.cfg"', '"/etc/passwd"')}).encode()
    with brokered(tmp_path, answering(forged)) as place, pytest.raises(MaestroError, match="not of this program"):
        analysed(request_of, ask.finder(place))


@pytest.mark.parametrize(
    "address", ["", "tcp://", "host:8786", "tcp://host", "ucx://host:1", "tcp://a b:1", "tls://me@host:1"]
)
def test_addresses(address: str) -> None:
    with pytest.raises(ValueError, match="expected the address of a Dask scheduler"):
        cluster.check(address)


def test_without_dask_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install distributed"):
        cluster.check("tls://host:8786")


def test_messages_of_any_length() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source:
        with os.fdopen(writing, "wb") as sink:
            for message in (b"", b"x" * 5000):
                frames.send(sink, message)
            sink.write((9).to_bytes(8, "big") + b"short")
        assert [frames.receive(source) for _ in range(4)] == [b"", b"x" * 5000, None, None]


def test_the_same_by_the_way_of_a_job() -> None:
    """What is compared is all that makes an analysis."""
    assert set(cluster.ENTRIES) == {job.__name__} and job.call_paths is call_paths
