"""Caches elsewhere: what a server or a folder of others does, and however long it takes, a build goes on."""

from __future__ import annotations

import base64
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from maestro_tool import cache_trust, remote
from maestro_tool.cache import FileCache, Stored, TieredCache, open_cache
from maestro_tool.remote import LARGEST, Remote, Setting, Waiting, deadline, waiting
from tests.remote_server import saying, serving

KEY = "rss-" + "ab" * 32
TEXT = b'{"key":"6d5a"}\n'
TEAM = "0123456789abcdef0123456789abcdef"
NAME = "ab" * 32


def opened(folder: Path, url: str, team: str = TEAM, **more: str) -> tuple[TieredCache, list[str]]:
    """A cache with a remote, whose folder here is in ``folder``; and what is said of it."""
    said: list[str] = []
    variables = {"MAESTRO_CACHE": str(folder / "cache"), "MAESTRO_CACHE_KEY": team, "MAESTRO_CACHE_URL": url, **more}
    found = open_cache(variables, said.append)
    assert isinstance(found, TieredCache), said
    return found, said


def asked(url: str, folder: Path, seconds: float = 1.0, writes: bool = True) -> tuple[Remote, list[str]]:
    said: list[str] = []
    return Remote(Setting(url, writes), Waiting(folder, seconds), said.append), said


# --------------------------------------------------------------------------- what a team shares


def test_what_one_puts_another_gets(tmp_path: Path) -> None:
    with serving() as server:
        one, said = opened(tmp_path / "one", server.url)
        assert one.get(KEY) is None
        one.put(KEY, TEXT)
        (path,) = server.entries
        # As Bazel's caches have it; the name tells nobody else what it is.
        assert path == f"/team/ac/{cache_trust.name(TEAM.encode(), KEY)}" and "ab" * 16 not in path
        other, heard = opened(tmp_path / "other", server.url)
        assert other.get(KEY) == Stored(TEXT, "remote")
        requests = len(server.asked)
        assert other.get(KEY) == Stored(TEXT, "local") and len(server.asked) == requests
        assert one.get(KEY) == Stored(TEXT, "local") and said == heard == []


def test_a_remote_that_is_only_read(tmp_path: Path) -> None:
    with serving() as server:
        opened(tmp_path / "one", server.url)[0].put(KEY, TEXT)
        server.asked.clear()
        reader, said = opened(tmp_path / "other", server.url, MAESTRO_CACHE_MODE="read-only")
        assert reader.get(KEY) == Stored(TEXT, "remote")
        reader.put(KEY.replace("ab", "cd"), TEXT)
        assert {method for method, _ in server.asked} == {"GET"} and said == []


def test_names_and_passwords_are_sent_and_not_told(tmp_path: Path) -> None:
    with serving() as server:
        secret = server.url.replace("//", "//me%40work:s%3Acret@")
        cache, said = opened(tmp_path, secret)
        cache.get(KEY)
        assert server.authorizations == {f"Basic {base64.b64encode(b'me@work:s:cret').decode()}"}
        server.refuses = 403
        cache.put(KEY, TEXT)
    assert len(said) == 1 and "cret" not in said[0] and server.url in said[0]


@pytest.mark.parametrize("url", ["file://{}/shared", "memory://shared"])
def test_stores_of_fsspec(tmp_path: Path, url: str) -> None:
    where = url.format(tmp_path)
    opened(tmp_path / "one", where)[0].put(KEY, TEXT)
    other, said = opened(tmp_path / "other", where)
    assert other.get(KEY) == Stored(TEXT, "remote") and said == []
    if url.startswith("file"):  # nothing else is left
        assert [p.name for p in (tmp_path / "shared/ac").iterdir()] == [cache_trust.name(TEAM.encode(), KEY)]


# --------------------------------------------------------------------------- what is not believed


def test_teams_are_told_apart(tmp_path: Path) -> None:
    with serving() as server:
        opened(tmp_path / "one", server.url)[0].put(KEY, TEXT)
        other, said = opened(tmp_path / "other", server.url, team=TEAM[::-1])
        assert other.get(KEY) is None and said == []
        other.put(KEY, b"theirs")
        assert len(server.entries) == 2
        assert opened(tmp_path / "third", server.url)[0].get(KEY) == Stored(TEXT, "remote")


def test_forged_entries_are_misses_and_are_replaced(tmp_path: Path) -> None:
    with serving() as server:
        cache, _ = opened(tmp_path / "one", server.url)
        cache.put(KEY, TEXT)
        cache.put(KEY.replace("ab", "cd"), b"of another question")
        honest, moved = server.entries.values()
        (path, _) = server.entries
        forgeries = [b"", b"{", honest[:-1], honest + b"x", honest.replace(b"6d5a", b"6d5b"), moved, b"\xff" * 1000,
                     moved.replace(b"cd" * 32, b"ab" * 32)]  # fmt: skip
        other, said = opened(tmp_path / "other", server.url)
        for forged in forgeries:
            server.entries[path] = forged
            assert other.get(KEY) is None, forged
        # One line for all; and what is made instead takes the place of what was there.
        assert len(said) == 1 and "its tag is not by MAESTRO_CACHE_KEY" in said[0]
        other.put(KEY, TEXT)
        assert server.entries[path] == honest
        assert not list((tmp_path / "other/cache").rglob("rejected/*"))


def test_without_a_key_nobody_is_asked(tmp_path: Path) -> None:
    with serving() as server:
        said: list[str] = []
        variables = {"MAESTRO_CACHE": str(tmp_path / "cache"), "MAESTRO_CACHE_URL": server.url}
        found = open_cache(variables, said.append)
        assert isinstance(found, FileCache) and len(said) == 1 and "MAESTRO_CACHE_KEY" in said[0]
        found.put(KEY, TEXT)
        assert found.get(KEY) == Stored(TEXT) and server.asked == []


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"MAESTRO_CACHE_URL": "team.example"}, "expected a URL"),
        ({"MAESTRO_CACHE_URL": "http://host/x\n"}, "expected a URL"),
        ({"MAESTRO_CACHE_URL": "http://"}, "names no host"),
        ({"MAESTRO_CACHE_URL": "http://host:99999/"}, "Port out of range"),
        ({"MAESTRO_CACHE_URL": "http://host/?q"}, "without ? and #"),
        ({"MAESTRO_CACHE_URL": "cached::s3://x"}, "expected a URL"),
        ({"MAESTRO_CACHE_URL": "http://host", "MAESTRO_CACHE_MODE": "write"}, "read-write or read-only"),
        ({"MAESTRO_CACHE_URL": "http://host", "MAESTRO_CACHE_WAIT": "nan"}, "expected seconds"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, variables: dict[str, str], message: str) -> None:
    said: list[str] = []
    fixed = {"MAESTRO_CACHE": str(tmp_path / "cache"), "MAESTRO_CACHE_KEY": TEAM}
    assert isinstance(open_cache(fixed | variables, said.append), FileCache)
    assert len(said) == 1 and message in said[0]


def test_without_fsspec_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install fsspec"):
        remote.setting({"MAESTRO_CACHE_URL": "s3://team/cache"})
    assert remote.setting({"MAESTRO_CACHE_URL": "https://host/cache"}) is not None


# --------------------------------------------------------------------------- hostile, slow, gone


def _says(text: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(text)


def _endless(head: bytes, part: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(part)
            time.sleep(0.001)

    return answer


def _silent(connection: socket.socket) -> None:
    while connection.recv(1):
        pass


NEVER = "no answer within"
ANSWERS = {
    "too-large": (_says(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (LARGEST + 1)), "bytes, where"),
    "cut": (_says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"), "ends too early"),
    "negative": (_says(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc"), None),
    "no-http": (_says(b"SSH-2.0-OpenSSH\r\n"), "speaks no HTTP: BadStatusLine"),
    "nothing": (lambda connection: None, "RemoteDisconnected"),
    "bad-chunks": (_says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc"), "IncompleteRead"),
    "long-header": (_says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000 + b"\r\n\r\n"), "LineTooLong"),
    "redirect": (_says(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), "answers 302"),
    "forbidden": (_says(b"HTTP/1.1 403 \x1b[31mno\r\nContent-Length: 0\r\n\r\n"), "answers 403"),
    "failing": (_says(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"), "answers 500"),
    "silent": (_silent, NEVER),
    "slow-body": (_endless(b"HTTP/1.1 200 OK\r\n\r\n", b"."), NEVER),
    "endless-chunks": (_endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"), NEVER),
    # From Python 3.14 on, http.client ends it after a hundred of them.
    "continue": (_endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), NEVER if sys.version_info < (3, 14) else "no HTTP"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_that_is_none_ends_it_for_the_build(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, why = ANSWERS[kind]
    monkeypatch.setattr(remote, "LONGEST", 0.2 if why == NEVER else 60.0)
    with saying(answer) as url:
        found, said = asked(url, tmp_path, seconds=100)
        start = time.monotonic()
        content = found.get(NAME)
        if why is None:
            assert content in (None, b"abc")
            return
        assert content is None and time.monotonic() - start < 50
        assert (
            len(said) == 1
            and why in said[0]
            and "not asked any more in this build" in said[0]
            and said[0].isprintable()
        )
        # Neither by this process, nor by another of the build.
        other, heard = asked("http://127.0.0.1:1", tmp_path)
        other.put(NAME, TEXT)
        assert found.get(NAME) is other.get(NAME) is None and len(said) == 1 and heard == []


def test_a_body_without_an_end_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "LARGEST", 1 << 20)
    with saying(_endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536)) as url:
        found, said = asked(url, tmp_path, seconds=5)
        assert found.get(NAME) is None and "more than 1048576 bytes" in said[0]


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as taken:  # a port that nobody else gets, and where nobody listens
        taken.bind(("127.0.0.1", 0))
        cache, said = opened(tmp_path, f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert cache.get(KEY) is None
        for _ in range(3):
            cache.put(KEY, TEXT)
            assert cache.get(KEY.replace("ab", "cd")) is None
    assert len(said) == 1 and "Connection refused" in said[0]
    assert cache.get(KEY) == Stored(TEXT, "local")


def test_what_nobody_may_write_is_still_read(tmp_path: Path) -> None:
    with serving() as server:
        opened(tmp_path / "one", server.url)[0].put(KEY, TEXT)
        server.refuses = 405
        other, said = opened(tmp_path / "other", server.url)
        for digit in "cde":
            other.put(f"rss-{digit * 64}", TEXT)
        assert len(said) == 1 and "not written to any more" in said[0] and "405" in said[0]
        assert [method for method, _ in server.asked].count("PUT") == 2
        assert other.get(KEY) == Stored(TEXT, "remote")


def test_a_build_waits_so_long_and_no_longer(tmp_path: Path) -> None:
    """Answers of no use, each well before its deadline: their sum counts, over processes and threads."""

    requests = []

    def slowly(connection: socket.socket) -> None:
        requests.append(connection)
        time.sleep(0.1)
        connection.sendall(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")

    with saying(slowly) as url:
        said: list[str] = []
        askers = [Remote(Setting(url), Waiting(tmp_path, 0.35), said.append) for _ in range(2)]
        threads = [threading.Thread(target=lambda a=a: [a.get(NAME) for _ in range(20)]) for a in askers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert 1 <= len(requests) <= 6
    assert len(said) == 1 and "a build waits 0.35 s for it, and no longer" in said[0]


def test_answers_of_use_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_PROMPT", 60.0)
    with serving() as server:
        server.entries[f"/team/ac/{NAME}"] = TEXT
        found, said = asked(server.url, tmp_path, seconds=100)
        assert [found.get(NAME) for _ in range(10)] == [TEXT] * 10 and said == []
        assert not (tmp_path / "waited").exists()
        assert found.get("cd" * 32) is None
        assert (tmp_path / "waited").stat().st_size >= 1


def test_where_nothing_can_be_noted_nobody_is_asked(tmp_path: Path) -> None:
    with serving() as server:
        found, _ = asked(server.url, tmp_path / "gone")
        assert found.get(NAME) is None and server.asked == []


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "shared/ac").mkdir(parents=True)
    entry = tmp_path / "shared/ac" / NAME
    for make in (os.mkfifo, os.mkdir, lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), LARGEST + 1)):
        make(entry)
        (tmp_path / "waiting").mkdir(exist_ok=True)
        found, said = asked(f"file://{tmp_path}/shared", tmp_path / "waiting")
        assert (
            found.get(NAME) is None and len(said) == 1 and ("no regular file" in said[0] or "bytes, where" in said[0])
        )
        (tmp_path / "waiting/read").unlink()
        entry.rmdir() if entry.is_dir() else entry.unlink()


def test_large_entries_stay_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "LARGEST", 100)
    with serving() as server:
        cache, said = opened(tmp_path, server.url)
        cache.put(KEY, b"x" * 100)
        assert server.asked == [] and said == []
        assert cache.get(KEY) == Stored(b"x" * 100, "local")


def test_errors_are_one_short_line() -> None:
    def fail() -> None:
        raise ValueError("a\x1b[31m\n" + "b" * 1000)

    with pytest.raises(deadline.RemoteError) as error:
        deadline.within(1, fail, lambda: None)
    assert str(error.value).startswith("ValueError: a [31m b") and len(str(error.value)) == 200


def test_waiting_says_once(tmp_path: Path) -> None:
    one, other = Waiting(tmp_path, 5), Waiting(tmp_path, 5)
    assert one.first("read") and not one.first("read") and not other.first("read") and other.has("read")
    one.add(1.234)
    other.add(0.001)
    other.add(-3)
    assert one.left() == other.left() == pytest.approx(5 - 1.24 - 0.01)
    own = waiting.of({})
    assert own.seconds == waiting.SECONDS and own.left() == own.seconds
