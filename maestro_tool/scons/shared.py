"""``cache=``: a team's store behind the cache of a tree, as the build and its steps use it."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from SCons.Errors import UserError

from maestro_tool import cache, cache_size, cache_trust, remote
from maestro_tool.remote import waiting
from maestro_tool.scons import spent
from maestro_tool.scons.mistakes import reported

#: What an environment says of the cache.
_SETTINGS: Final = (
    cache_trust.FOLDER,
    cache_trust.KEY,
    cache_trust.REFUSAL_SAID,
    remote.URL,
    remote.MODE,
    waiting.WAIT,
    waiting.STATE,
)


@functools.partial(reported, place=False)
def use(env: Any) -> None:
    """Have steps of ``env`` ask the store that its variables name: a URL, or a folder."""
    where = str(env["MAESTRO_CACHE_URL"] or env["ENV"].get(remote.URL, ""))
    mode = str(env["MAESTRO_CACHE_MODE"] or env["ENV"].get(remote.MODE, ""))
    if not where:
        return
    url = where if "://" in where else Path(os.path.abspath(where)).as_uri()
    env["ENV"] |= {remote.URL: url, remote.MODE: mode}
    try:
        setting = cache_trust.setting({**os.environ, **env["ENV"]}, make=False)
        cache.remote_of(env["ENV"], setting.key if setting.refusal is None else b"said elsewhere")
    except ValueError as error:
        raise UserError(f"cache={where}: {error}") from None


def begin(env: Any, folder: str) -> None:
    """A build begins that writes to ``folder``: its steps wait for a remote together."""
    if env["ENV"].get(remote.URL):
        env["ENV"][waiting.STATE] = _state(folder)
    _keep_small(cache_trust.setting(env["ENV"], make=False).folder.absolute(), env["ENV"].get(cache_size.LIMIT, ""))


def opened(env: Any) -> cache.Cache:
    """The cache that the steps of ``env`` have."""
    said = env["ENV"]
    return _opened(frozenset((name, str(said[name])) for name in _SETTINGS if name in said))


@functools.cache
def _opened(environment: frozenset[tuple[str, str]]) -> cache.Cache:
    return cache.open_cache(dict(environment))


@functools.cache
def _keep_small(folder: Path, limit: str) -> None:
    """Have the cache's folder below its limit at the end of a build that has run anything."""
    try:
        most = cache_size.limit({cache_size.LIMIT: limit})
    except ValueError as error:
        raise UserError(str(error)) from None

    def prune() -> None:
        if spent.commands():
            cache_size.prune(folder, most)

    atexit.register(prune)


@functools.cache
def _state(folder: str) -> str:
    """A folder that ends with this process; those of builds that were killed go, too."""
    place = Path(folder).absolute()
    for old in place.glob(".waiting-*"):
        shutil.rmtree(old, ignore_errors=True)
    made = tempfile.mkdtemp(prefix=".waiting-", dir=place)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made
