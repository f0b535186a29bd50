"""The cache: what it gives back is what was put, or nothing."""

import json
from pathlib import Path

import pytest

from maestro_tool import cache, canonical
from maestro_tool.cache import FileCache

KEY = "rss-" + "ab" * 32
OTHER = "rss-" + "cd" * 32
VALUE = {"key": "6d5a", "ports": [1, 2], "none": None}


@pytest.fixture
def store(tmp_path: Path) -> FileCache:
    store = FileCache(tmp_path / "cache")
    store.put(KEY, VALUE)
    return store


def test_put_then_get(store: FileCache) -> None:
    assert store.get(KEY) == VALUE
    assert store.get(OTHER) is None


def _envelope(value: object, key: str = KEY) -> str:
    return json.dumps({"key": key, "sha256": canonical.digest(value), "value": value})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b'{"value": 1}',
        b"[" * 100_000,
        _envelope(VALUE).replace("6d5a", "6d5b").encode(),
        _envelope(VALUE, OTHER).encode(),
        _envelope(VALUE).replace('"value": ', '"value": 1, "value": ').encode(),
        b'{"key": "' + KEY.encode() + b'", "sha256": "", "value": NaN}',
    ],
    ids=["empty", "cut", "binary", "null", "list", "member-missing", "deep", "changed", "other-key", "twice", "nan"],
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
    store.put(KEY, VALUE)
    assert store.get(KEY) is None


@pytest.mark.parametrize("key", ["", "rss-", "../../etc/passwd", "rss-" + "g" * 64, KEY + "/x"])
def test_keys_cannot_leave_the_folder(store: FileCache, key: str) -> None:
    with pytest.raises(ValueError, match="not a cache key"):
        store.path(key)
