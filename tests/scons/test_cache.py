"""The cache: what it gives back is what was put, by someone who may, or nothing."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from scons_tree import Tree

from maestro_tool import cache, cache_size, cache_trust
from maestro_tool.cache import FileCache, NoCache, Stored, open_cache

KEY = "rss-" + "ab" * 32
OTHER = "rss-" + "cd" * 32
TEXT = '{"key":"6d5a","name":"\u00e9"}\n'.encode()


@pytest.fixture
def store(tmp_path: Path) -> FileCache:
    store = FileCache(tmp_path / "cache")
    store.put(KEY, TEXT)
    return store


def test_put_then_get(store: FileCache) -> None:
    assert store.get(KEY) == Stored(TEXT)
    assert store.get(OTHER) is None


def entry(content: bytes, key: str = KEY) -> bytes:
    head = {"key": key, "sha256": hashlib.sha256(content).hexdigest()}
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + content


def test_an_entry_is_checksum_and_text(store: FileCache) -> None:
    assert store.path(KEY).read_bytes() == entry(TEXT)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b'{"value": 1}\n',
        TEXT,
        b"[" * 100_000,
        entry(TEXT).replace(b"6d5a", b"6d5b"),
        entry(TEXT)[:-1],
        entry(TEXT) + b"\n",
        entry(TEXT, OTHER),
        entry(TEXT).replace(b'"key":', b'"key":"", "key":', 1),
        entry(TEXT).replace(b'"sha256":"', b'"sha256":"0', 1),
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
    ],
)
def test_bad_entry_is_a_miss_and_moved_aside(
    store: FileCache, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    store.path(KEY).write_bytes(content)
    assert store.get(KEY) is None
    assert capsys.readouterr().err.startswith(f"warning: {store.folder}: rss-abab")
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


def test_pruning_takes_locks_that_nobody_can_hold(store: FileCache) -> None:
    """Processes that were killed have left them."""
    with store.alone(OTHER):
        lock = store.path(OTHER).with_suffix(".lock")
        assert cache_size.prune(store.folder, 1 << 30) == [] and lock.exists()
        os.utime(lock, (0, 0))
        assert [entry.path for entry in cache_size.prune(store.folder, 1 << 30)] == [lock]
    assert store.get(KEY) == Stored(TEXT)


# --------------------------------------------------------------------------- whose entries they are

TEAM = "0123456789abcdef0123456789abcdef"
FORGED = b'{"verdict":"EVIL()"}\n'


def opened(folder: Path, key: str = "") -> tuple[object, list[str]]:
    said: list[str] = []
    return open_cache({"MAESTRO_CACHE": str(folder), "MAESTRO_CACHE_KEY": key}, said.append), said


def test_a_folder_of_ones_own_is_used(tmp_path: Path) -> None:
    found, said = opened(tmp_path / "new" / "cache")
    assert isinstance(found, FileCache) and said == []
    assert (tmp_path / "new/cache").stat().st_mode & 0o777 == 0o700
    found.put(KEY, TEXT)
    assert opened(tmp_path / "new/cache")[0].get(KEY) == Stored(TEXT)  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", [0o770, 0o775, 0o757, 0o777, 0o1777])
@pytest.mark.parametrize("where", ["cache", "."])
def test_a_folder_that_others_may_write_is_refused(tmp_path: Path, mode: int, where: str) -> None:
    """Also where they could put another in its place; but not in a sticky one above it, as /tmp is."""
    folder = tmp_path / "above" / "cache"
    FileCache(folder).put(KEY, TEXT)
    open_folder = folder if where == "cache" else folder.parent
    open_folder.chmod(mode)
    found, said = opened(folder)
    if mode == 0o1777 and where == ".":
        assert isinstance(found, FileCache) and said == []
        return
    assert isinstance(found, NoCache)
    assert said == [
        f"{folder}: nothing is cached: others may write to {open_folder} (mode {mode:04o}): chmod go-w {open_folder}, "
        "or let a team's entries carry tags (MAESTRO_CACHE_KEY, docs/build.md)"
    ]


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").mkdir(mode=0o700)
    monkeypatch.setattr(cache_trust, "_trusted", lambda: (os.getuid() + 1, 0 if os.getuid() else 1))
    found, said = opened(tmp_path / "cache")
    assert isinstance(found, NoCache) and len(said) == 1 and "belongs to another user (number" in said[0]


def test_a_group_of_ones_own_is_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the folder: where umask is 002, each user has a group of the same name."""
    folder = tmp_path / "above" / "cache"
    folder.mkdir(parents=True, mode=0o700)
    me, group = folder.stat().st_uid, folder.stat().st_gid
    folder.parent.chmod(0o775)
    monkeypatch.setattr(cache_trust, "_trusted", lambda: (me, 0))
    monkeypatch.setattr("os.geteuid", lambda: 1234)
    account = SimpleNamespace(pw_name="ada", pw_gid=group)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: account)
    for members, name, refused in (([], "ada", False), (["ada"], "ada", False), (["ada", "bob"], "ada", True),
                                   ([], "staff", True)):  # fmt: skip
        found = SimpleNamespace(gr_gid=group, gr_name=name, gr_mem=members)
        monkeypatch.setattr("grp.getgrgid", lambda gid, found=found: found)
        assert (cache_trust.others_may_write(folder) is not None) == refused, (members, name)


def test_links_lead_to_where_the_folder_is(tmp_path: Path) -> None:
    (tmp_path / "open" / "cache").mkdir(parents=True)
    (tmp_path / "open/cache").chmod(0o700)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "open/cache")
    assert "others may write to" in opened(tmp_path / "link")[1][0]


@pytest.mark.parametrize("part", ["rss", "rss/ab", "rss/ab/" + "ab" * 32 + ".json"])
def test_parts_that_others_may_write_are_not_read(tmp_path: Path, part: str) -> None:
    """As an older version made them under umask 002."""
    said: list[str] = []
    store = FileCache(tmp_path / "cache", warn=said.append)
    store.put(KEY, TEXT)
    (store.folder / part).chmod(0o775)
    assert store.get(KEY) is None and len(said) == 1 and "others may write it: chmod -R go-w" in said[0]


def test_what_is_no_file_is_not_waited_for(store: FileCache) -> None:
    path = store.path(KEY)
    path.unlink()
    os.mkfifo(path)
    assert store.get(KEY) is None
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")
    assert store.get(KEY) is None


def test_a_team_shares_a_folder_by_its_key(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    team, said = opened(folder, TEAM)
    assert isinstance(team, FileCache)
    team.put(KEY, TEXT)
    assert opened(folder, TEAM)[0].get(KEY) == Stored(TEXT) and said == []  # type: ignore[attr-defined]
    assert team.path(KEY).parent.stat().st_mode & 0o777 == 0o777  # so that others of the team may write there
    other, heard = opened(folder, TEAM[::-1])
    assert other.get(KEY) is None and len(heard) == 1  # type: ignore[attr-defined]
    assert "its tag is not by MAESTRO_CACHE_KEY" in heard[0]


def signed(content: bytes, key: str, tag: str) -> bytes:
    return json.dumps({"hmac": tag, "key": key}, separators=(",", ":")).encode() + b"\n" + content


def test_forged_entries_of_a_team_are_misses(tmp_path: Path) -> None:
    team, said = opened(tmp_path / "cache", TEAM)
    assert isinstance(team, FileCache)
    team.put(KEY, TEXT)
    team.put(OTHER, FORGED)
    honest, moved = team.path(KEY).read_bytes(), team.path(OTHER).read_bytes()
    tag = json.loads(honest.splitlines()[0])["hmac"]
    assert tag == cache_trust.tag(TEAM.encode(), KEY, TEXT) and len(tag) == 64
    forgeries = (
        entry(FORGED),  # a right checksum
        signed(FORGED, KEY, tag),
        signed(FORGED, KEY, ""),
        signed(FORGED, KEY, cache_trust.tag(b"", KEY, FORGED)),
        signed(TEXT, KEY, tag[:-1]),
        signed(TEXT, KEY, tag.upper()),
        moved,  # of the team, but for another question
        moved.replace(OTHER.encode(), KEY.encode()),
        honest.replace(b"6d5a", b"6d5b"),
    )
    for n, forgery in enumerate(forgeries, 1):
        team.path(KEY).write_bytes(forgery)
        assert team.get(KEY) is None and len(said) == n, forgery
    team.path(KEY).write_bytes(honest)
    assert team.get(KEY) == Stored(TEXT)


def test_keys_in_files(tmp_path: Path) -> None:
    path = tmp_path / "team.key"
    path.write_text(TEAM + "\n")
    path.chmod(0o600)
    assert cache_trust.team_key(str(path)) == TEAM.encode() == cache_trust.team_key(TEAM)
    assert cache_trust.team_key("") is None
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        found, said = opened(tmp_path / "cache", str(path))
        assert isinstance(found, NoCache) and len(said) == 1
        assert said[0].endswith(f"MAESTRO_CACHE_KEY: others may read {path}, or own it: chmod 600 {path}")
    os.mkfifo(tmp_path / "fifo", 0o600)
    for text, message in (
        ("short", "fewer than 16 characters"),
        (str(tmp_path / "absent"), "No such file"),
        (str(tmp_path), "Is a directory"),
        (str(tmp_path / "fifo"), "is no regular file"),
    ):
        found, said = opened(tmp_path / "cache", text)
        assert isinstance(found, NoCache) and len(said) == 1 and message in said[0], text


def test_urls_are_no_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    assert isinstance(open_cache({"MAESTRO_CACHE": "s3://team/cache"}, said.append), NoCache)
    assert len(said) == 1 and "named by MAESTRO_CACHE_URL, or cache=URL" in said[0] and list(tmp_path.iterdir()) == []


# --------------------------------------------------------------------------- in a build


def test_a_forged_analysis_reaches_no_c(firewall: Tree, tmp_path: Path) -> None:
    """The function is no function of this program; the checksum is right."""
    store = FileCache(tmp_path / "cache")
    words = ["analyse", "nfs/fw", "-o", str(tmp_path / "analysis.json")]
    words[1:2] = sorted(str(p) for p in (firewall.root / "nfs/fw").rglob("*.c"))
    environment = {"MAESTRO_CACHE": str(store.folder)}
    assert firewall.maestro(*words, **environment).status == 0
    honest = (tmp_path / "analysis.json").read_text()
    (path,) = (store.folder / "analysis").rglob("*.json")
    key = f"analysis-{path.stem}"
    found = store.get(key)
    assert found is not None and b'"functions":["FlowId_eq"' in found.content
    store.put(key, found.content.replace(b'"functions":["FlowId_eq"', b'"functions":["EVIL()"', 1))
    result = firewall.maestro(*words, **environment)
    assert result.status == 0 and "objects.functions: 'EVIL()' is no function of this program" in result.err
    assert (tmp_path / "analysis.json").read_text() == honest
    # Neither from build/, if it is edited there.
    (tmp_path / "analysis.json").write_text(honest.replace('"functions":["FlowId_eq"', '"functions":["EVIL()"', 1))
    words = ["generate", str(tmp_path / "analysis.json"), "--nic", "soft", "--name", "fw", "-o", str(tmp_path / "gen")]
    refused = firewall.maestro(*words, **environment)
    assert refused.status == 1 and not (tmp_path / "gen").exists()
    assert "this analysis is not of this program: objects.functions: 'EVIL()'" in refused.err


def test_a_command_says_once_that_nothing_is_cached(firewall: Tree, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    for words in (["explain", "nfs/fw", "--nic", "soft"],
                  ["solve", "build/analysis/fw/analysis.json", "--nic", "soft"]):  # fmt: skip
        result = firewall.maestro(*words, MAESTRO_CACHE=str(tmp_path / "cache"))
        assert result.status == 0 and len(result.err.splitlines()) == 1, result.err
        assert f"MAESTRO_CACHE={tmp_path}/cache: nothing is cached: others may write to" in result.err


def test_a_build_says_once_that_nothing_is_cached(tree: Tree) -> None:
    shutil.rmtree(tree.root / "build/cache")
    (tree.root / "build/cache").mkdir()
    (tree.root / "build/cache").chmod(0o777)
    result = tree.built("nf=nop", "-j2")
    assert result.err.count("nothing is cached") == 1
    assert result.err.startswith("warning: build/cache: nothing is cached: others may write to build/cache (mode 0777)")
    assert not list((tree.root / "build/cache").iterdir())
