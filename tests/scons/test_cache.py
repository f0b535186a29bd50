"""The cache: what it gives back is what was put, or nothing."""

import hashlib
import json
from pathlib import Path

import pytest

from maestro_tool import cache
from maestro_tool.cache import FileCache

KEY = "rss-" + "ab" * 32
OTHER = "rss-" + "cd" * 32
TEXT = '{"key":"6d5a","name":"\u00e9"}\n'


@pytest.fixture
def store(tmp_path: Path) -> FileCache:
    store = FileCache(tmp_path / "cache")
    store.put(KEY, TEXT)
    return store


def test_put_then_get(store: FileCache) -> None:
    assert store.get(KEY) == TEXT
    assert store.get(OTHER) is None


def entry(content: bytes, key: str = KEY) -> bytes:
    head = {"key": key, "sha256": hashlib.sha256(content).hexdigest()}
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + content


def test_an_entry_is_checksum_and_text(store: FileCache) -> None:
    assert store.path(KEY).read_bytes() == entry(TEXT.encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b'{"value": 1}\n',
        TEXT.encode(),
        b"[" * 100_000,
        entry(TEXT.encode()).replace(b"6d5a", b"6d5b"),
        entry(TEXT.encode())[:-1],
        entry(TEXT.encode()) + b"\n",
        entry(TEXT.encode(), OTHER),
        entry(TEXT.encode()).replace(b'"key":', b'"key":"", "key":', 1),
        entry(TEXT.encode()).replace(b'"sha256":"', b'"sha256":"0', 1),
        entry(b"\xff"),
    ],
    ids=[
        "empty",
        "cut",
        "binary",
        "null",
        "list",
        "member-missing",
        "no-head",
        "deep",
        "changed",
        "shorter",
        "longer",
        "other-key",
        "twice",
        "other-sum",
        "no-text",
    ],
)
def test_bad_entry_is_a_miss_and_moved_aside(store: FileCache, content: bytes) -> None:
    store.path(KEY).write_bytes(content)
    assert store.get(KEY) is None
    assert not store.path(KEY).exists()
    assert (store.folder / "rejected" / f"{KEY}.json").read_bytes() == content


def test_too_large_is_a_miss(store: FileCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_ENTRY_BYTES", 20)
    assert store.get(KEY) is None


def test_no_temporary_files_stay(store: FileCache) -> None:
    assert [p.name for p in store.path(KEY).parent.iterdir()] == ["ab" * 32 + ".json"]


def test_put_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = FileCache(tmp_path / "file")
    store.put(KEY, TEXT)
    assert store.get(KEY) is None


@pytest.mark.parametrize("key", ["", "rss-", "../../etc/passwd", "rss-" + "g" * 64, KEY + "/x"])
def test_keys_cannot_leave_the_folder(store: FileCache, key: str) -> None:
    with pytest.raises(ValueError, match="not a cache key"):
        store.path(key)
